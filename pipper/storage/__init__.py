"""Store adapters: `s3.store.S3Store` (made by `connect`) and `directory.store.DirectoryStore`.

`keys` says which keys are safe, for every adapter; `rehearsal` is a store that is read and never written, for dry
runs. Importing any of it does not import boto3.
"""
