"""Translate the error responses of S3 and the failures of botocore: one table, in one context manager.

Classes of botocore are compared by name, with their bases: older versions lack some, and no import is needed.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from pipper.core.wording import counted
from pipper.errors import AccessError, ConflictError, PipperError, StoreError, UsageError
from pipper.http.errors import AGAIN, explained, names_of
from pipper.storage.keys import absent

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

ENDPOINT = "correct the bucket name or the endpoint (--endpoint-url or AWS_ENDPOINT_URL_S3)"
_LATER = "run the command again later"
_CREDENTIALS = "use -p PROFILE, -r NAME, -c KEY SECRET or the variables PIPPER_AWS_*"
_OTHER_KEY = f"{_CREDENTIALS}; `-v` prints where the credentials come from"
_SESSION = "log in again (`aws sso login`), or set new PIPPER_AWS_* or AWS_* variables"
_CLOCK = "set the clock of this machine"
_CONNECTION = "check the network, HTTPS_PROXY and the endpoint (--endpoint-url or AWS_ENDPOINT_URL_S3)"

_REGION_CODES = frozenset(
    {
        "301",
        "307",
        "PermanentRedirect",
        "TemporaryRedirect",
        "Redirect",
        "AuthorizationHeaderMalformed",
        "AuthorizationQueryParametersError",
        "IllegalLocationConstraintException",
    }
)

_DIGEST_CODES = frozenset({"BadDigest", "XAmzContentSHA256Mismatch"})

_KEY_CODES = {
    "InvalidAccessKeyId": ("the server does not know this access key", _OTHER_KEY),
    "SignatureDoesNotMatch": ("the secret access key does not belong to the access key", _OTHER_KEY),
    "ExpiredToken": ("the session has ended", _SESSION),
    "ExpiredTokenException": ("the session has ended", _SESSION),
    "TokenRefreshRequired": ("the session has ended", _SESSION),
    "InvalidToken": ("the session token is invalid", _SESSION),
    "RequestExpired": ("the request was too old when it arrived", _CLOCK),
    "AccountProblem": ("the server reports a problem with the account", _OTHER_KEY),
}
"""Cause and hint, by the code of S3."""

_ACCESS_CLASSES = frozenset(
    {
        "NoCredentialsError",
        "PartialCredentialsError",
        "CredentialRetrievalError",
        "UnknownCredentialError",
        "MetadataRetrievalError",
        "NoAuthTokenError",
        "TokenRetrievalError",
        "ProfileNotFound",
        "ConfigParseError",
        "ConfigNotFound",
        "InvalidConfigError",
        "InfiniteLoopConfigError",
        "RefreshWithMFAUnsupportedError",
        "SSOError",
        "LoginError",
    }
)

_CREDENTIAL_OPERATIONS = frozenset(
    {"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "CreateToken", "GetRoleCredentials"}
)
"""Requests of botocore to other services (STS, SSO) within a request to S3."""

_USAGE_CLASSES = frozenset(
    {
        "ParamValidationError",
        "InvalidRegionError",
        "InvalidDNSNameError",
        "EndpointProviderError",
        "UnknownEndpointError",
        "NoRegionError",
        "InvalidS3AddressingStyleError",
    }
)

_FAILURES = {
    "SSLError": (
        "the server's certificate or TLS version is not accepted",
        "set AWS_CA_BUNDLE to a file with the certificate authority of that server",
    ),
    "ConnectTimeoutError": ("no connection in time", _CONNECTION),
    "ReadTimeoutError": ("no response in time", AGAIN),
    "IncompleteReadError": ("the response is incomplete", AGAIN),
    "ResponseStreamingError": ("the response is incomplete", AGAIN),
    "ProtocolError": ("the response is incomplete", AGAIN),
    "ResponseParserError": ("the response is not an S3 response", ENDPOINT),
    "ProxyConnectionError": ("the proxy is unreachable", "correct HTTPS_PROXY, or add the host to NO_PROXY"),
    "EndpointConnectionError": ("no connection", _CONNECTION),
    "ConnectionClosedError": ("the connection was closed before a response arrived", AGAIN),
}
"""Cause and hint, by the class of botocore or urllib3."""

_ACTIONS = {
    "read": ("s3:GetObject", "read"),
    "list": ("s3:ListBucket", "read"),
    "write": ("s3:PutObject", "publish"),
    "delete": ("s3:DeleteObject", "repair"),
}
"""The IAM action of an operation, and the purpose for `pipper repository policy`."""


class Request(Struct, frozen=True, kw_only=True):
    """A request, for the message."""

    operation: str
    """The verb after `cannot`: `read`, `list`, `write`, `delete`."""
    subject: str
    """`s3://BUCKET/KEY`."""
    bucket: str
    host: str
    region: str


class ConditionRefusedError(ConflictError):
    """The server refused a conditional write (412), or another one is in progress (409)."""

    def __init__(self, message: str, *, status: int) -> None:
        cause = "the object changed, or another write is in progress"
        super().__init__(message, cause=cause, hint="run the command again")
        self.status = status


class UploadDamagedError(StoreError):
    """The server refused a body that does not have the digest in its request."""


@contextmanager
def translated(describe: Callable[[], Request]) -> Iterator[None]:
    """Translate the errors of botocore and urllib3 in the block into those of `pipper.errors`.

    `describe` is called only for an error.
    """
    try:
        yield
    except PipperError:
        raise
    except Exception as error:
        # Imported here: most requests succeed, and botocore's parsers alone take 50 ms.
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        from botocore.parsers import ResponseParserError  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        if isinstance(error, ClientError):
            if error.operation_name in _CREDENTIAL_OPERATIONS:
                raise _no_session(error, describe()) from error
            raise _of_answer(error, describe()) from error
        if isinstance(error, BotoCoreError | ResponseParserError | HTTPError):
            raise _of_failure(error, describe()) from error
        raise


def _of_answer(error: "ClientError", request: Request) -> PipperError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    what = f"cannot {request.operation} {request.subject}"
    if code == "NoSuchBucket":
        return no_bucket(request)
    # A HEAD has no body with a code. A bare 404 to another request is not from S3.
    if code == "NoSuchKey" or (status == 404 and error.operation_name in {"HeadObject", "HeadBucket"}):
        return absent(request.subject)
    if status in {409, 412}:
        return ConditionRefusedError(what, status=status)
    if code == "RequestTimeTooSkewed":
        return _skewed(error, request)
    if code in _REGION_CODES:
        return _elsewhere(error, request)
    if code in _KEY_CODES:
        cause, hint = _KEY_CODES[code]
        return AccessError(f"{what}: {code}", cause=cause, hint=hint)
    if status in {401, 403} or code == "400":
        return _refused(error, request)
    is_damaged = code in _DIGEST_CODES
    return (UploadDamagedError if is_damaged else StoreError)(
        f"{what}: {request.host} answered {code or status}",
        cause=_attempted(error),
        hint=_LATER if status >= 500 or status == 429 or is_damaged else ENDPOINT,
    )


def _no_session(error: "ClientError", request: Request) -> PipperError:
    """Return the error for a response of another service than S3, which does not concern the bucket."""
    what = f"cannot {request.operation} {request.subject}"
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    details = error.response.get("Error", {})
    answered = f"{error.operation_name} was answered with {details.get('Code', '') or status}"
    if status >= 500 or status == 429:
        return StoreError(f"{what}: {answered}", cause=_attempted(error), hint=_LATER)
    text = _one_line(str(details.get("Message", "")))
    return AccessError(
        f"{what}: no usable credentials",
        cause=f"{answered}: {text}" if text else answered,
        hint="log in again (`aws sso login`), or correct the profile's role_arn and the trust policy of that role",
    )


def incomplete(request: Request, missing: str) -> StoreError:
    """Return the error for a response without a part that S3 always sends."""
    return StoreError(
        f"cannot {request.operation} {request.subject}: the response of {request.host} is not an S3 response",
        cause=f"it has no {missing}",
        hint=ENDPOINT,
    )


def not_created(request: Request) -> StoreError:
    """Return the error for a 404 to a write that creates its object: nothing is absent there."""
    return StoreError(
        f"cannot {request.operation} {request.subject}: {request.host} answered NoSuchKey",
        cause="only a read can be answered so",
        hint=_LATER,
    )


def no_bucket(request: Request) -> StoreError:
    """Return the error for a bucket that does not exist."""
    return StoreError(
        f"cannot {request.operation} {request.subject}: bucket {request.bucket} does not exist",
        cause=f"{request.host} answered NoSuchBucket",
        hint=ENDPOINT,
    )


def _refused(error: "ClientError", request: Request) -> AccessError:
    """Return the error for a 403, which S3 also sends for a missing key."""
    text = _one_line(str(error.response.get("Error", {}).get("Message", "")))
    code = error.response.get("Error", {}).get("Code", "")
    action, purpose = _ACTIONS.get(request.operation, _ACTIONS["read"])
    return AccessError(
        f"cannot {request.operation} {request.subject}: access denied by {request.host} ({code})",
        cause="no permission, or the key does not exist: without s3:ListBucket, S3 answers 403 for a missing key"
        + (f" ({text})" if text and code not in {"403", "400"} else ""),
        hint=f"allow {action}: `pipper repository policy --for {purpose}` prints the IAM policy; "
        "or use other credentials (-p PROFILE, -r NAME)",
    )


def _skewed(error: "ClientError", request: Request) -> AccessError:
    date = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    here = datetime.now(UTC)
    cause = f"the local time is {here:%Y-%m-%d %H:%M:%S} UTC"
    try:
        there = parsedate_to_datetime(date)
        # `-0000` means that the server does not say its zone, and HTTP has none but UTC.
        there = (there if there.tzinfo else there.replace(tzinfo=UTC)).astimezone(UTC)
    except ValueError:
        cause += "; the server sends no time"
    else:
        apart = abs(round((here - there).total_seconds()))
        cause += f", the time of the server {there:%Y-%m-%d %H:%M:%S} UTC: {apart} seconds apart"
    what = f"cannot {request.operation} {request.subject}: RequestTimeTooSkewed"
    return AccessError(what, cause=cause, hint=_CLOCK)


def _elsewhere(error: "ClientError", request: Request) -> AccessError:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    # botocore stores every element of the error document there; its types have only the common two
    element = dict(error.response.get("Error", {})).get("Region", "")
    region = _one_line(headers.get("x-amz-bucket-region", "") or str(element))
    return AccessError(
        f"cannot {request.operation} {request.subject}: the bucket is not in region {request.region}",
        cause=f"{request.host} names the region {region}" if region else f"{request.host} names no region",
        hint=f"set region = {region or 'REGION'!r} for this repository in the manifest, "
        f"or AWS_DEFAULT_REGION={region or 'REGION'}",
    )


def _of_failure(error: Exception, request: Request) -> PipperError:
    names = names_of(error)
    what = f"cannot {request.operation} {request.subject}"
    if not _ACCESS_CLASSES.isdisjoint(names):
        return AccessError(
            f"{what}: no usable credentials",
            cause=_one_line(str(error)),
            hint=f"{_CREDENTIALS}, or log in (`aws sso login`)",
        )
    if not _USAGE_CLASSES.isdisjoint(names):
        return UsageError(
            what, cause=_one_line(str(error)), hint=f"set `region` or AWS_DEFAULT_REGION, or {ENDPOINT}"
        )
    cause, hint = explained(error, _FAILURES, _CONNECTION)
    place = "from" if request.operation in {"read", "list"} else "at"
    return StoreError(f"{what} {place} {request.host}", cause=cause, hint=hint)


def _attempted(error: "ClientError") -> str:
    text = _one_line(str(error.response.get("Error", {}).get("Message", "")))
    attempts = int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) + 1
    times = f"after {counted(attempts, 'attempt')}"
    return f"{times}: {text}" if text else times


def _one_line(text: str) -> str:
    """Return `text` without line breaks, and without the queries of URLs, which may be signatures."""
    return re.sub(r"(https?://[^\s?]*)\?\S*", r"\1", " ".join(text.split()))[:300]
