"""Store adapters: `s3.store.S3Store` and `directory.store.DirectoryStore`.

`keys` checks keys for every adapter and has their common errors; `rehearsal` is a store that is never written, for
dry runs. Importing these modules does not import boto3.
"""
