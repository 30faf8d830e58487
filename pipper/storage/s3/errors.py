"""What the refusals of S3 and the failures of botocore mean to pipper: one table, in one context manager.

Classes of botocore are told by name, along their bases: older ones lack some, and nothing needs importing.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from pipper.errors import (
    AccessError,
    ConflictError,
    ObjectAbsentError,
    PipperError,
    StoreError,
    UsageError,
)

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

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

_KEY_CODES = {
    "InvalidAccessKeyId": "the store does not know this access key",
    "SignatureDoesNotMatch": "the secret access key is not the one that belongs to the access key",
    "ExpiredToken": "the session has ended",
    "ExpiredTokenException": "the session has ended",
    "TokenRefreshRequired": "the session has ended",
    "InvalidToken": "the session token is not valid",
    "RequestExpired": "the request was too old when it arrived: is the clock right?",
    "AccountProblem": "the store says that there is a problem with the account",
}

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
"""What botocore asks of other services (STS, SSO) in the middle of a request to S3."""

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
    "SSLError": "the server's certificate or its TLS is not accepted",
    "ConnectTimeoutError": "no connection in time",
    "ReadTimeoutError": "no answer in time",
    "IncompleteReadError": "the answer broke off",
    "ResponseStreamingError": "the answer broke off",
    "ProtocolError": "the answer broke off",
    "ResponseParserError": "the answer is not one of S3",
    "ProxyConnectionError": "the proxy cannot be reached",
    "EndpointConnectionError": "no connection",
    "ConnectionClosedError": "the connection was closed before an answer came",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked of which server, for the message."""

    operation: str
    """What follows `cannot`: `read`, `list`, `write`, `delete`."""
    subject: str
    """`s3://BUCKET/KEY`."""
    bucket: str
    host: str
    region: str


class ConditionRefusedError(ConflictError):
    """The server refused a conditional write (412), or saw another one under way (409)."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


@contextmanager
def translated(describe: Callable[[], Request]) -> Iterator[None]:
    """Raise what `pipper.errors` has for whatever botocore and urllib3 raise within.

    `describe` is called for the message, when there is something to tell.
    """
    try:
        yield
    except PipperError:
        raise
    except Exception as error:
        # Here, not above: most requests go well, and botocore's parsers alone take 50 ms.
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
    # A HEAD has no body to say it with. A bare 404 to anything else is some other server's.
    if code == "NoSuchKey" or (status == 404 and error.operation_name in {"HeadObject", "HeadBucket"}):
        return ObjectAbsentError(f"there is no {request.subject}")
    if status in {409, 412}:
        return ConditionRefusedError(what, status=status)
    if code == "RequestTimeTooSkewed":
        return _skewed(error, request)
    if code in _REGION_CODES:
        return _elsewhere(error, request)
    if code in _KEY_CODES:
        hint = "look at the credentials in use: `-v` names where they come from"
        return AccessError(f"{what}: {code}", cause=_KEY_CODES[code], hint=hint)
    if status in {401, 403} or code == "400":
        return _refused(error, request)
    return StoreError(
        f"{what}: {request.host} answered {code or status}",
        cause=_attempted(error),
        hint="try again later" if status >= 500 or status == 429 else "",
    )


def _no_session(error: "ClientError", request: Request) -> PipperError:
    """What another service than S3 answered says nothing of the bucket."""
    what = f"cannot {request.operation} {request.subject}"
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    told = error.response.get("Error", {})
    answered = f"{error.operation_name} was answered with {told.get('Code', '') or status}"
    if status >= 500 or status == 429:
        return StoreError(f"{what}: {answered}", cause=_attempted(error), hint="try again later")
    said = _one_line(str(told.get("Message", "")))
    return AccessError(
        f"{what}: no usable credentials",
        cause=f"{answered}: {said}" if said else answered,
        hint="look at the profile: its role_arn, and who may assume that role",
    )


def check_complete(
    answer: Mapping[str, object], names: Iterable[str], describe: Callable[[], Request]
) -> None:
    """Raise StoreError where `answer` lacks one of `names`: S3 sends them always, so it is not S3."""
    if missing := [name for name in names if name not in answer]:
        request = describe()
        raise StoreError(
            f"cannot {request.operation} {request.subject}: {request.host} does not answer as S3 does",
            cause=f"the answer has no {missing[0]}",
            hint="is it the right endpoint?",
        )


def no_bucket(request: Request) -> StoreError:
    """Return the error for a bucket that is not there."""
    return StoreError(
        f"cannot {request.operation} {request.subject}: there is no bucket {request.bucket}",
        cause=f"{request.host} answered NoSuchBucket",
        hint="is the name right, and is it the right endpoint?",
    )


def _refused(error: "ClientError", request: Request) -> AccessError:
    """A 403 says as much of a key that is missing as of one that is forbidden."""
    said = _one_line(str(error.response.get("Error", {}).get("Message", "")))
    code = error.response.get("Error", {}).get("Code", "")
    return AccessError(
        f"cannot {request.operation} {request.subject}: {request.host} refused it ({code})",
        cause="no permission, or the key does not exist: "
        "S3 answers 403 for missing keys without s3:ListBucket"
        + (f" (it said: {said})" if said and code not in {"403", "400"} else ""),
        hint="`pipper repository policy` prints the permissions that are needed",
    )


def _skewed(error: "ClientError", request: Request) -> AccessError:
    told = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    here = datetime.now(UTC)
    try:
        there = parsedate_to_datetime(told)
    except ValueError:
        cause = f"the local time is {here:%Y-%m-%d %H:%M:%S} UTC; the server does not tell its own"
    else:
        seconds = abs(round((here - there).total_seconds()))
        cause = (
            f"the local time is {here:%Y-%m-%d %H:%M:%S} UTC, "
            f"that of the server {there:%Y-%m-%d %H:%M:%S} UTC: {seconds} seconds apart"
        )
    return AccessError(
        f"cannot {request.operation} {request.subject}: RequestTimeTooSkewed",
        cause=cause,
        hint="set the clock of this machine",
    )


def _elsewhere(error: "ClientError", request: Request) -> AccessError:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    # botocore puts every element of the error document there; its types know the common two only
    told = dict(error.response.get("Error", {})).get("Region", "")
    region = _one_line(headers.get("x-amz-bucket-region", "") or str(told))
    return AccessError(
        f"cannot {request.operation} {request.subject}: the bucket is not in region {request.region}",
        cause=f"{request.host} says that it is in {region}"
        if region
        else f"{request.host} does not say where",
        hint=f"set region = {region!r} for this repository"
        if region
        else "set the region of this repository",
    )


def _of_failure(error: Exception, request: Request) -> PipperError:
    names = [cls.__name__ for cls in type(error).__mro__]
    what = f"cannot {request.operation} {request.subject}"
    if not _ACCESS_CLASSES.isdisjoint(names):
        return AccessError(
            f"{what}: no usable credentials",
            cause=_one_line(str(error)),
            hint="give a profile (-p), a named repository (-r) or the AWS_* variables",
        )
    if not _USAGE_CLASSES.isdisjoint(names):
        return UsageError(
            what, cause=_one_line(str(error)), hint="look at the bucket, the region and the endpoint"
        )
    reason = next((_FAILURES[name] for name in names if name in _FAILURES), "the connection failed")
    system = _system_reason(error)
    return StoreError(
        f"{what} from {request.host}"
        if request.operation in {"read", "list"}
        else f"{what} at {request.host}",
        cause=f"{reason} ({system})" if system else reason,
        hint="look at the network and the endpoint, then run the command again",
    )


def _system_reason(error: BaseException) -> str:
    """The operating system's own words somewhere below `error`; the words between may hold whole URLs."""
    below: BaseException | None = error
    for _ in range(10):
        if below is None:
            break
        if isinstance(below, OSError) and below.strerror:
            return _one_line(below.strerror)
        kwargs = getattr(below, "kwargs", None)
        inner = kwargs.get("error") if isinstance(kwargs, dict) else None
        deeper = inner or getattr(below, "reason", None) or below.__cause__ or below.__context__
        below = deeper if isinstance(deeper, BaseException) else None
    return ""


def _attempts(error: "ClientError") -> int:
    return int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) + 1


def _attempted(error: "ClientError") -> str:
    said = _one_line(str(error.response.get("Error", {}).get("Message", "")))
    attempts = _attempts(error)
    times = f"after {attempts} attempts" if attempts > 1 else "at once"
    return f"{times}: {said}" if said else times


def _one_line(text: str) -> str:
    """Without line breaks, and without the query of any URL: it may be a signature."""
    return re.sub(r"(https?://[^\s?]*)\?\S*", r"\1", " ".join(text.split()))[:300]
