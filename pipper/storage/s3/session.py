"""Who asks for a bucket, and what sends the requests: boto3's client, and beside it `Direct` where that will do."""

import os
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipper.core.access import Credentials
from pipper.core.ports import Lifetime
from pipper.errors import AccessError, UsageError
from pipper.http import pool as webpool
from pipper.storage.s3.errors import Request
from pipper.storage.s3.fast.client import Direct
from pipper.storage.s3.fast.plain_access import plain_access
from pipper.storage.s3.location import S3Location

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 5
"""How often a request is sent in all before a throttled or silent server is given up."""
_CONNECTIONS = 32


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
        self._direct: Direct | None = None
        self._is_plain = True

    def direct(self) -> Direct | None:
        """Return what reads without boto3; None where only boto3 can, or had to since."""
        with self._lock:
            if self._is_plain and self._direct is None:
                access = plain_access(
                    self.location,
                    credentials=self._credentials,
                    profile=self._profile,
                    environ=os.environ,
                    home=Path.home(),
                )
                self._is_plain = access is not None
                self._direct = Direct(access, os.environ) if access else None
            return self._direct if self._direct and self._direct.is_useful else None

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
        if client := self._clients.get(None):
            return urlsplit(client.meta.endpoint_url).netloc
        return self._direct.host if self._direct else urlsplit(self.location.endpoint_url or "").netloc

    @property
    def region(self) -> str:
        """The region that is asked, for messages; empty as long as that is not known."""
        if client := self._clients.get(None):
            return client.meta.region_name
        return self._direct.region if self._direct else self.location.region or ""

    def describe(self, operation: str, key: str) -> Request:
        """Return what messages say of a request; `key` is the whole one."""
        return Request(
            operation=operation,
            subject=f"s3://{self.location.bucket}/{key}",
            bucket=self.location.bucket,
            host=self.host,
            region=self.region,
        )

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
                connect_timeout=webpool.CONNECT_SECONDS,
                read_timeout=webpool.READ_SECONDS,
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
