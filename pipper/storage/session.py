"""Where a bucket is, who asks for it, and the boto3 client that follows from both."""

import re
import threading
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipper.core.access import Credentials
from pipper.errors import AccessError, UsageError
from pipper.storage.keys import flaw

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 5
"""How often a request is sent in all before a throttled or silent server is given up."""
CONNECT_SECONDS = 10
READ_SECONDS = 60
_CONNECTIONS = 32

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Location:
    """The root of a store in S3. Raises UsageError for what cannot be one."""

    bucket: str
    prefix: str = ""
    """Without a slash at either end; empty for the bucket's own root."""
    endpoint_url: str | None = None
    """None: what boto3 finds (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile), else Amazon's own."""
    region: str | None = None
    """None: what boto3 finds."""

    def __post_init__(self) -> None:
        if not _BUCKET.fullmatch(self.bucket):
            raise UsageError(
                f"{self.bucket!r} is no name of a bucket", hint="write s3://BUCKET/PREFIX, without a host"
            )
        if self.prefix and (problem := flaw(self.prefix)):
            raise UsageError(f"{self.prefix!r} is no prefix for keys in {self.bucket}", cause=problem)
        if self.endpoint_url is not None:
            _check_endpoint(self.endpoint_url)

    @property
    def url(self) -> str:
        """`s3://BUCKET/PREFIX`, or `s3://BUCKET/` for the bucket's own root."""
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long credentials, and so the URLs they signed, are good."""

    temporary: bool
    """Whether they belong to a session that ends."""
    ends: datetime | None
    """Aware; None where they do not end, or where nobody here knows when the session does."""


class Connection:
    """A location with the right to ask for it. Nothing is imported, read or sent before the first client."""

    def __init__(
        self, location: S3Location, *, credentials: Credentials | None = None, profile: str | None = None
    ) -> None:
        self.location = location
        self._credentials = credentials
        self._profile = profile
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
        self._clients: dict[str | None, S3Client] = {}

    def client(self, region: str | None = None) -> "S3Client":
        """Return the client for requests, or the one that signs URLs for this `region` of Amazon's.

        Both may serve many threads. Raises UsageError for an endpoint that is no URL, AccessError for a
        profile whose program gives no credentials, and whatever botocore has for a missing profile.
        """
        with self._lock:
            if region not in self._clients:
                self._clients[region] = self._open(region)
            return self._clients[region]

    @property
    def host(self) -> str:
        """Where requests go, for messages; empty as long as that is not known."""
        client = self._clients.get(None)
        return urlsplit((client.meta.endpoint_url if client else self.location.endpoint_url) or "").netloc

    @property
    def region(self) -> str:
        """The region that is asked, for messages; empty as long as that is not known."""
        client = self._clients.get(None)
        return (client.meta.region_name if client else self.location.region) or ""

    def lifetime(self) -> Lifetime:
        """Return how long the credentials are good; raises what botocore raises where there are none."""
        with self._lock:
            found = self._boto().get_credentials()
        if found is None or found.token is None:
            return Lifetime(temporary=False, ends=None)
        # botocore has no public name for it; without it the end is unknown, which is true as well
        ends = getattr(found, "_expiry_time", None)
        return Lifetime(temporary=True, ends=ends if isinstance(ends, datetime) else None)

    def _boto(self) -> "boto3.Session":
        import boto3  # noqa: PLC0415 -- here, because it takes 0.2 s and most commands never need it

        if self._session is None:
            given = self._credentials
            session = boto3.Session(
                aws_access_key_id=given.access_key_id if given else None,
                aws_secret_access_key=given.secret_access_key if given else None,
                aws_session_token=given.session_token if given else None,
                profile_name=self._profile,
            )
            if self._profile:
                _run_profile(session, self.location, self._profile)
            self._session = session
        return self._session

    def _open(self, signing_region: str | None) -> "S3Client":
        session = self._boto()
        from botocore.config import Config  # noqa: PLC0415 -- as boto3

        # The addressing style is left to botocore: by path where an endpoint is given, in whichever way, and
        # by host otherwise. Checksums only where S3 demands them: other servers do not know the newer ones.
        # A URL to sign would name Amazon's global host, which cannot serve every region, but for this style.
        style = Config(s3={"addressing_style": "virtual"}) if signing_region else Config()
        config = style.merge(
            Config(
                signature_version="s3v4",
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                max_pool_connections=_CONNECTIONS,
                tcp_keepalive=True,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            )
        )
        endpoint = self.location.endpoint_url
        try:
            region = signing_region or self.location.region
            return session.client("s3", region_name=region, endpoint_url=endpoint, config=config)
        except ValueError as error:
            raise UsageError(
                f"cannot reach {self.location.url} with this endpoint or region",
                cause=str(error),
                hint="look at --endpoint-url, AWS_ENDPOINT_URL and the region",
            ) from error


def _run_profile(session: "boto3.Session", location: S3Location, profile: str) -> None:
    """Let a profile's `credential_process` run now: what botocore raises for it is not botocore's own."""
    try:
        session.get_credentials()  # which the session keeps
    except (OSError, ValueError, TypeError, AttributeError) as error:
        # What the program wrote may hold half a key, so nothing of it is told.
        reason = (
            error.strerror if isinstance(error, OSError) else "what it gave cannot be read as credentials"
        )
        raise AccessError(
            f"cannot reach {location.url}: no usable credentials",
            cause=f"the credential_process of the profile `{profile}`: {reason}",
            hint="run that program by hand, or give another profile (-p)",
        ) from error


def _check_endpoint(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme in {"http", "https"} and parts.hostname and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        parts, usable = None, False
    if parts is not None and parts.username is not None:
        raise UsageError("the endpoint URL holds a user name or a password", hint="take it out of the URL")
    if not usable:
        raise UsageError(f"{url!r} is no endpoint URL", hint="write https://HOST or http://HOST:PORT")
