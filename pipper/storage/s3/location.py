"""The address of a bucket."""

import re

from msgspec import Struct

from pipper.core.redaction import has_account, shown
from pipper.core.urls import is_access_point, split_url
from pipper.errors import UsageError
from pipper.storage.keys import flaw

_ENDPOINT = re.compile(r"[a-z]+://(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?(?:/[^\s\\?#@]*)?", re.IGNORECASE)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
"""A bucket, or the alias of an access point."""


class S3Location(Struct, frozen=True, kw_only=True):
    """The root of a store in S3. Raises UsageError for an invalid part."""

    bucket: str
    """Its name, or the ARN of an access point."""
    prefix: str = ""
    """Without a slash at either end; empty for the bucket's own root."""
    endpoint_url: str | None = None
    """None: as boto3 finds it (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile), else Amazon's."""
    region: str | None = None
    """None: as boto3 finds it."""

    def __post_init__(self) -> None:
        if not (_BUCKET.fullmatch(self.bucket) or is_access_point(self.bucket)):
            raise UsageError(
                f"{self.bucket!r} is not a bucket name",
                hint="write s3://BUCKET/PREFIX, without a host, or the ARN of an access point",
            )
        if self.prefix and (problem := flaw(self.prefix)):
            raise UsageError(
                f"{self.prefix!r} is not a prefix for bucket {self.bucket}",
                cause=problem,
                hint="write names separated by `/`, as in s3://BUCKET/team/python",
            )
        if self.endpoint_url is not None:
            check_endpoint(self.endpoint_url)

    @property
    def url(self) -> str:
        """`s3://BUCKET/PREFIX`, or `s3://BUCKET/` for the bucket's own root."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def access_point_host(self) -> str:
        """The host of an access point that is given by its ARN; empty for a bucket and for an outpost."""
        partition, service, region, account, rest = (*self.bucket.split(":", 5), *[""] * 5)[1:6]
        name = re.sub(r"^accesspoint[/:]", "", rest)
        if service != "s3" or not region:
            return ""
        domain = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
        return f"{name}-{account}.s3-accesspoint.{region}.{domain}"


def check_endpoint(url: str) -> None:
    """Raise UsageError for a URL that is not the one of a server, or that libraries read in different ways."""
    parts = split_url(url)
    usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    if parts.username is not None or has_account(url):
        raise UsageError(
            "the endpoint URL contains a user name or a password", hint="remove it; use -p, -r or -c"
        )
    if not usable or not _ENDPOINT.fullmatch(url):
        raise UsageError(
            f"{shown(url)!r} is not an endpoint URL", hint="write https://HOST or http://HOST:PORT"
        )
