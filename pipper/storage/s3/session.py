"""The credentials for a bucket and the clients that use them: boto3's, and `Direct` for simple reads."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipper.core.access import Credentials
from pipper.core.bucket_options import NO_OPTIONS, BucketOptions
from pipper.core.ports import Lifetime
from pipper.errors import AccessError, ObjectAbsentError, PipperError, UsageError
from pipper.http import pool as webpool
from pipper.http.errors import host_of
from pipper.storage.s3.botocore_setup import ask_codes_in_terminals, require_certificates
from pipper.storage.s3.errors import ENDPOINT, incomplete, no_bucket, translated
from pipper.storage.s3.fast.client import Direct
from pipper.storage.s3.fast.plain_access import plain_access
from pipper.storage.s3.identity import Identity, no_session, of_process, require_sendable, unfound
from pipper.storage.s3.location import S3Location
from pipper.storage.s3.refusals import Request

if TYPE_CHECKING:
    import boto3
    from botocore.awsrequest import AWSRequest
    from mypy_boto3_s3 import S3Client

ATTEMPTS = 5
"""How often a request is sent to a server that throttles or does not respond."""
_CONNECTIONS = 32
_SHORTEST_SECRET = 6
"""Characters: to hide shorter texts would make messages unreadable."""


class Connection:
    """A location and its credentials. Imports, reads and sends nothing before the first client."""

    def __init__(
        self,
        location: S3Location,
        *,
        credentials: Credentials | None = None,
        profile: str | None = None,
        options: BucketOptions = NO_OPTIONS,
        step: str = "",
    ) -> None:
        self.location = location
        self._step = step
        self._is_known = False
        self._named: Identity | None = None
        self._unfound: PipperError | None = None
        self._options = options
        self._credentials = credentials
        self._secrets: set[str] = set()
        self._profile = profile
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
        self._clients: dict[str | None, S3Client] = {}
        self._direct: Direct | None = None
        self._is_plain = not options.anonymous
        self._bucket_seen = False
        self._home: str | None = None

    def is_like(self, other: "Connection") -> bool:
        """Return whether both ask one server under one identity, as far as their settings tell."""
        ours, theirs = self.location, other.location
        return (
            (ours.endpoint_url, ours.region, self._profile, self._options.anonymous)
            == (theirs.endpoint_url, theirs.region, other._profile, other._options.anonymous)
        ) and self._credentials == other._credentials

    def direct(self) -> Direct | None:
        """Return the client that reads without boto3, or None if only boto3 can read."""
        with self._lock:
            if self._is_plain and self._direct is None:
                access = plain_access(
                    self.location,
                    credentials=self._credentials,
                    profile=self._profile,
                    environ=os.environ,
                    home=Path.home(),
                    request_payer=bool(self._options.request_payer),
                )
                self._is_plain = access is not None
                self._direct = Direct(access, os.environ) if access else None
            return self._direct if self._direct and self._direct.is_useful else None

    def client(self) -> "S3Client":
        """Return the boto3 client, which is thread-safe.

        Raises UsageError for an invalid endpoint URL, AccessError if the profile's `credential_process` returns no
        credentials, and botocore's errors for a missing profile.
        """
        client = self._client(None)
        with self._lock:
            if not (self._is_known or self._options.anonymous):
                self._require_identity(self._boto())
                self._is_known = True
        return client

    def endpoint(self) -> str:
        """Return the URL of the server, without looking for credentials."""
        return self._client(None).meta.endpoint_url

    @property
    def address(self) -> str:
        """The URL of the bucket; empty if only boto3 finds it."""
        direct = self.direct()
        return direct.root if direct else ""

    def signing_client(self) -> "S3Client":
        """Return the boto3 client that signs URLs in the bucket's region; raises as `client` does.

        The region is requested once, if the endpoint is Amazon's.
        """
        client = self.client()
        if not self.host.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            return client
        if self._home is None:
            try:
                headers = client.head_bucket(Bucket=self.location.bucket)["ResponseMetadata"]["HTTPHeaders"]
            except client.exceptions.ClientError as error:
                # a refusal contains the region, too
                headers = error.response["ResponseMetadata"]["HTTPHeaders"]
            self._home = headers.get("x-amz-bucket-region", client.meta.region_name)
        return self._client(self._home)

    def _client(self, signing_region: str | None) -> "S3Client":
        with self._lock:
            if signing_region not in self._clients:
                self._clients[signing_region] = self._open(signing_region)
            return self._clients[signing_region]

    def require_bucket(self) -> None:
        """Raise StoreError if the bucket does not exist: for a HEAD, that is the same 404 as a missing key."""
        if self._bucket_seen:
            return
        root = f"{self.location.prefix}/" if self.location.prefix else ""
        try:
            with self.request("read", root):
                self.client().head_bucket(Bucket=self.location.bucket)
        except ObjectAbsentError as error:
            raise no_bucket(self.describe("read", root)) from error
        except AccessError:
            pass  # the bucket exists: a missing one answers 404 without credentials, too
        self._bucket_seen = True

    @property
    def host(self) -> str:
        """The host of the requests, for messages; empty if unknown."""
        if client := self._clients.get(None):
            return host_of(client.meta.endpoint_url)
        return self._direct.host if self._direct else host_of(self.location.endpoint_url or "")

    @property
    def region(self) -> str:
        """The region of the requests, for messages; empty if unknown."""
        if client := self._clients.get(None):
            return client.meta.region_name
        return self._direct.region if self._direct else self.location.region or ""

    def describe(self, operation: str, key: str) -> Request:
        """Return the parts of a message about a request; `key` includes the prefix."""
        return Request(
            operation=operation,
            subject=f"s3://{self.location.bucket}/{key}",
            bucket=self.location.bucket,
            host=self.host,
            region=self.region,
            identity=self._identity(),
        )

    def _identity(self) -> Identity:
        session = self._session
        if self._named is not None:
            return self._named
        if session is None or self._options.anonymous or self._credentials:
            return Identity(step=self._step, profile=self._profile or "")
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - only an error asks

        try:
            settings = session._session.get_scoped_config()  # boto3 has no public name for it
        except BotoCoreError:
            settings = {}
        profile = self._profile or (session.profile_name if settings else "")
        is_sso = "sso_session" in settings or "sso_start_url" in settings
        self._named = Identity(step=self._step, profile=profile, is_sso=is_sso)
        return self._named

    def _require_identity(self, session: "boto3.Session") -> None:
        """Find the credentials now: a failure of theirs is not one of the bucket, and its host is another one."""
        with self._finding():
            found = session.get_credentials()  # the session keeps them
            keys = found.get_frozen_credentials() if found else None
        if keys is not None:
            parts = (keys.access_key, keys.secret_key, keys.token)
            self._secrets |= {each for each in parts if each and len(each) >= _SHORTEST_SECRET}
            require_sendable(keys, self._identity(), f"cannot reach {self.location.url}")

    @contextmanager
    def _finding(self) -> Iterator[None]:
        """Translate the errors of botocore in the block, which asks for credentials, and keep them."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as boto3

        what = f"cannot reach {self.location.url}"
        try:
            yield
            return
        except PipperError as error:
            self._unfound = error
            raise
        except ClientError as error:
            self._unfound = no_session(error, self._identity(), what)
            raise self._unfound from error
        except BotoCoreError as error:
            self._unfound = unfound(error, self._identity(), what)
            raise self._unfound from error
        except (OSError, ValueError, TypeError, AttributeError) as error:
            is_file = isinstance(error, OSError) and error.filename and not self._runs_process()
            self._unfound = (unfound if is_file else of_process)(error, self._identity(), what)
            raise self._unfound from error

    def _runs_process(self) -> bool:
        session = self._session
        return session is not None and "credential_process" in session._session.get_scoped_config()

    def request(self, operation: str, key: str) -> AbstractContextManager[None]:
        """Translate the errors of a request in the block, as `translated` does."""
        return translated(lambda: self.describe(operation, key), self._secrets)

    def check(self, answer: Mapping[str, object], operation: str, key: str, *names: str) -> None:
        """Raise StoreError if `answer` lacks one of `names`: S3 always sends them."""
        if missing := [name for name in names if name not in answer]:
            raise incomplete(self.describe(operation, key), missing[0])

    def lifetime(self) -> Lifetime:
        """Return how long the credentials are valid; raises as botocore does if there are none."""
        with self._lock:
            found = self._boto().get_credentials()
        if found is None or found.token is None:
            return Lifetime(temporary=False, ends=None)
        # botocore has no public name for it; without it, the end is unknown
        ends = getattr(found, "_expiry_time", None)
        return Lifetime(temporary=True, ends=ends if isinstance(ends, datetime) else None)

    def _boto(self) -> "boto3.Session":
        import boto3  # noqa: PLC0415 - takes 0.2 s, and most commands do not need it

        if self._unfound is not None:
            raise self._unfound  # a second question (MFA) gets no other answer
        if self._session is None:
            given = self._credentials
            session = boto3.Session(
                aws_access_key_id=given.access_key_id if given else None,
                aws_secret_access_key=given.secret_access_key if given else None,
                aws_session_token=given.session_token if given else None,
                profile_name=self._profile,
            )
            self._session = session
            ask_codes_in_terminals(session, self._identity())
            if not self._options.anonymous:
                with self._finding():
                    session.get_credentials()  # a client asks for them, too, and does not translate errors
        return self._session

    def _open(self, signing_region: str | None) -> "S3Client":
        session = self._boto()
        from botocore import UNSIGNED  # noqa: PLC0415 - as boto3
        from botocore.config import Config  # noqa: PLC0415 - as boto3

        # botocore chooses the addressing style: by path if an endpoint is given, by host otherwise. It sends
        # checksums unless the user's AWS_REQUEST_CHECKSUM_CALCULATION or profile says otherwise: a bucket with
        # Object Lock refuses objects without one. Signed URLs need the virtual style: otherwise they contain
        # Amazon's global host, which does not serve every region.
        style = Config(s3={"addressing_style": "virtual"}) if signing_region else Config()
        config = style.merge(
            Config(
                signature_version=UNSIGNED if self._options.anonymous else "s3v4",
                connect_timeout=webpool.CONNECT_SECONDS,
                read_timeout=webpool.READ_SECONDS,
                max_pool_connections=_CONNECTIONS,
                tcp_keepalive=True,
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                # bodies are held against ETags and checksums here (`arrival`), where a damaged one is read again
                response_checksum_validation="when_required",
            )
        )
        endpoint = self.location.endpoint_url
        require_certificates(session)
        try:
            region = signing_region or self.location.region
            client = session.client("s3", region_name=region, endpoint_url=endpoint, config=config)
        except ValueError as error:
            raise UsageError(
                f"cannot reach {self.location.url} with this endpoint or region",
                cause=str(error),
                hint=ENDPOINT,
            ) from error
        client.meta.events.register("before-call.s3.HeadBucket", _follow_nothing)
        if self._options.request_payer:
            client.meta.events.register("before-sign.s3", _agree_to_pay)
        return client


def _follow_nothing(context: dict[str, dict[str, object]], **_: object) -> None:
    """Keep botocore from following the redirect of a HEAD of the bucket.

    To learn the region it sends another one, and without end to a server that redirects all of them.
    """
    context.setdefault("s3_redirect", {})["redirected"] = True


def _agree_to_pay(request: "AWSRequest", signature_version: str, **_: object) -> None:
    """Tell S3 that the requester pays: in a header, or in a signed URL, whose users know no header to send."""
    if signature_version.endswith("-query"):
        request.params["x-amz-request-payer"] = "requester"
    else:
        request.headers["x-amz-request-payer"] = "requester"
