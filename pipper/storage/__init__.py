"""Store adapters: `S3Store` (through `connect`) and `DirectoryStore`.

Importing any of it does not import boto3.

keys.py        which keys are safe, for every adapter
directory.py   a directory; notes.py keeps what a plain file cannot say of itself, files.py reads and writes
session.py     where a bucket is, who asks for it, and the boto3 client that follows from both
s3.py          a bucket; s3_body.py reads its answers, s3_errors.py says what its refusals mean
"""
