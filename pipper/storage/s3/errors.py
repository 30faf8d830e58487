"""Translate the error responses of S3 and the failures of botocore: one table, in one context manager.

Classes of botocore are compared by name, with their bases: older versions lack some, and no import is needed.
"""

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from pipper.core.redaction import redacted
from pipper.core.wording import counted
from pipper.errors import AccessError, ConflictError, PipperError, StoreError, StoreLacksError, UsageError
from pipper.http.errors import AGAIN, explained, names_of
from pipper.storage.keys import absent
from pipper.storage.s3.identity import no_session, one_line, other_host, unfound
from pipper.storage.s3.refusals import Request, is_refusal, refused, skewed

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

ENDPOINT = "correct the bucket name or the endpoint (--endpoint-url or AWS_ENDPOINT_URL_S3)"
_LATER = "run the command again later"
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

_WITH_CONDITIONS = "use a store with conditional writes: Amazon S3, Ceph radosgw, or a directory"
_FEWER_CHECKSUMS = "set AWS_REQUEST_CHECKSUM_CALCULATION=when_required, for a server without S3's checksums"
_ALL_CHECKSUMS = "unset AWS_REQUEST_CHECKSUM_CALCULATION, and request_checksum_calculation in the profile"
_LACKS = {
    r"if-(?:none-)?match|condition": ("conditional writes", _WITH_CONDITIONS),
    r"checksum|crc|trailer|chunked|sdk-": ("S3's checksums", _FEWER_CHECKSUMS),
    r"encrypt|kms": ("this encryption", "set another `sse` for this repository, or none"),
    r"\bacl\b|x-amz-acl|control list": ("ACLs", "remove `acl` from this repository and from the command"),
}
"""What a server lacks, and what to do, by a pattern in its answer."""


class ConditionRefusedError(ConflictError):
    """The server refused a conditional write (412), or another one is in progress (409)."""

    def __init__(self, message: str, *, status: int, is_repeated: bool) -> None:
        cause = "the object changed, or another write is in progress"
        super().__init__(message, cause=cause, hint="run the command again")
        self.status = status
        self.is_repeated = is_repeated
        """Whether the write was sent several times: the answer to the first one may have been lost."""


class UploadDamagedError(StoreError):
    """The server refused a body that does not have the digest in its request."""


@contextmanager
def translated(describe: Callable[[], Request], secrets: Collection[str] = ()) -> Iterator[None]:
    """Translate the errors of botocore and urllib3 in the block into those of `pipper.errors`.

    `describe` is called only for an error. A server may repeat the `secrets` of a request in any part of its answer.
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
            _conceal(error, secrets)
            if error.operation_name in _CREDENTIAL_OPERATIONS:
                request = describe()
                raise no_session(error, request.identity, request.what) from error
            raise _of_answer(error, describe()) from error
        if isinstance(error, BotoCoreError | ResponseParserError | HTTPError):
            failure = _of_failure(error, describe())
            failure.cause = redacted(failure.cause, secrets)  # it may have been in a header
            raise failure from error
        raise


def _conceal(error: "ClientError", secrets: Collection[str]) -> None:
    """Remove secrets from the texts of an answer, before they are cut."""
    answer = cast("dict[str, Any]", error.response)  # botocore's types name two elements of many
    for part in (answer.get("Error"), answer.get("ResponseMetadata", {}).get("HTTPHeaders")):
        if part:
            part.update(
                {name: redacted(text, secrets) for name, text in part.items() if isinstance(text, str)}
            )


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
        repeats = error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
        return ConditionRefusedError(what, status=status, is_repeated=repeats > 0)
    if code == "RequestTimeTooSkewed":
        return skewed(error, request)
    if code in _REGION_CODES:
        return _elsewhere(error, request)
    if is_refusal(code, status):
        return refused(error, request)
    if status == 501 or code == "NotImplemented":
        return _lacking(error, request)
    is_damaged = code in _DIGEST_CODES
    hint = _LATER if status >= 500 or status == 429 or is_damaged else ENDPOINT
    if request.operation == "write" and (is_damaged or status == 400):
        text = str(error.response.get("Error", {}).get("Message", ""))
        hint = (
            _ALL_CHECKSUMS
            if "checksum- HTTP header is required" in text
            else f"{hint}; or {_FEWER_CHECKSUMS}"
        )
    return (UploadDamagedError if is_damaged else StoreError)(
        f"{what}: {request.host} answered {code or status}",
        cause=_attempted(error),
        hint=hint,
    )


def _lacking(error: "ClientError", request: Request) -> StoreLacksError:
    """Return the error for a request that the server does not implement: not now, and not later."""
    details = " ".join(map(str, dict(error.response.get("Error", {})).values()))
    text = one_line(str(error.response.get("Error", {}).get("Message", "")))
    lacks, hint = "this request", ENDPOINT
    if request.operation == "write":
        hint = f"{_WITH_CONDITIONS}; or {_FEWER_CHECKSUMS}"
    lacks, hint = next(
        (words for pattern, words in _LACKS.items() if re.search(pattern, details, re.IGNORECASE)),
        (lacks, hint),
    )
    return StoreLacksError(
        f"cannot {request.operation} {request.subject}: {request.host} does not support {lacks}",
        cause=f"it answered NotImplemented: {text}" if text else "it answered NotImplemented",
        hint=hint,
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


def _elsewhere(error: "ClientError", request: Request) -> AccessError:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    # botocore stores every element of the error document there; its types have only the common two
    element = dict(error.response.get("Error", {})).get("Region", "")
    region = one_line(headers.get("x-amz-bucket-region", "") or str(element))
    return AccessError(
        f"cannot {request.operation} {request.subject}: the bucket is not in region {request.region}",
        cause=f"{request.host} names the region {region}" if region else f"{request.host} names no region",
        hint=f"set region = {region or 'REGION'!r} for this repository in the manifest, "
        f"or AWS_DEFAULT_REGION={region or 'REGION'}",
    )


def _of_failure(error: Exception, request: Request) -> PipperError:
    names = names_of(error)
    what = f"cannot {request.operation} {request.subject}"
    if not _ACCESS_CLASSES.isdisjoint(names) or other_host(error, request.host):
        return unfound(error, request.identity, what)
    if not _USAGE_CLASSES.isdisjoint(names):
        return UsageError(
            what, cause=one_line(str(error)), hint=f"set `region` or AWS_DEFAULT_REGION, or {ENDPOINT}"
        )
    cause, hint = explained(error, _FAILURES, _CONNECTION)
    place = "from" if request.operation in {"read", "list"} else "at"
    return StoreError(f"{what} {place} {request.host}", cause=cause, hint=hint)


def _attempted(error: "ClientError") -> str:
    text = one_line(str(error.response.get("Error", {}).get("Message", "")))
    attempts = int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) + 1
    times = f"after {counted(attempts, 'attempt')}"
    return f"{times}: {text}" if text else times
