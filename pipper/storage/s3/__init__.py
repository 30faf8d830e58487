"""A store in an S3 bucket.

`location` is the address of a bucket; `session` holds the credentials and creates the boto3 client; `store` is the
adapter; `put` sends an object; `errors` translates errors. `fast` reads without boto3's client.
"""
