"""Read from S3 without boto3's client, which takes 0.4 s to start.

`plain_access` decides whether credentials and address are simple enough; `client` sends signed GETs; `reads` uses it
as long as it can, and boto3 otherwise.
"""
