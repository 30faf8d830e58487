"""An S3 server that a test may use: where it is, who may ask, and a fresh bucket whenever one is wanted."""

import itertools
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import boto3

from pipper.core.access import Credentials
from pipper.storage.s3.location import S3Location
from pipper.storage.s3.store import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_numbers = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class S3Endpoint:
    """Address and keys of a server on loopback."""

    url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str = "us-east-1"

    @property
    def credentials(self) -> Credentials:
        """The keys as pipper takes them."""
        return Credentials(access_key_id=self.access_key_id, secret_access_key=self.secret_access_key)

    @property
    def environment(self) -> dict[str, str]:
        """What a child process needs in its environment to find this server by itself."""
        return {
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
        }

    @cached_property
    def client(self) -> "S3Client":
        """A plain boto3 client, to look at the server without pipper."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
        )

    def fresh_bucket(self) -> str:
        """Make an empty bucket that nobody else has and return its name."""
        name = f"bucket-{next(_numbers)}-{uuid.uuid4().hex[:8]}"
        self.client.create_bucket(Bucket=name)
        return name

    def store(self, bucket: str | None = None, *, prefix: str = "pipper") -> S3Store:
        """Return a store in `bucket`, or in a fresh one."""
        location = S3Location(
            bucket=bucket or self.fresh_bucket(), prefix=prefix, endpoint_url=self.url, region=self.region
        )
        return S3Store(location, credentials=self.credentials)

    def contents(self, bucket: str) -> dict[str, str]:
        """Return every key of `bucket` with its etag, as the server has them."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return {
            entry["Key"]: entry["ETag"].strip('"') for page in pages for entry in page.get("Contents", ())
        }
