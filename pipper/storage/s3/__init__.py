"""A store in an S3 bucket.

`location` says where a bucket is; `session` whose credentials are used, and makes the boto3 client; `store` is the
adapter, `body` reads what is answered, and `errors` translates what S3 refuses. `fast` reads without boto3's client.
"""
