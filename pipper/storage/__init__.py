"""Store adapters: `S3Store` (through `connect`) and `DirectoryStore`.

Importing any of it does not import boto3.

keys.py        which keys are safe, for every adapter
directory.py   a directory; notes.py keeps what a plain file cannot say of itself, files.py reads and writes
s3_location.py where a bucket is
session.py     who asks for it, and the boto3 client that follows from both
s3_plain.py    whether all that can be told without botocore; if so, s3_direct.py reads without it
s3_reads.py    reading by one or the other; s3_body.py takes the body in
s3.py          a bucket; s3_errors.py says what its refusals mean
"""
