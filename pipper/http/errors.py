"""Translate HTTP responses and failures into pipper's errors. Messages contain only what `shown` returns of a URL."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pipper.core.redaction import shown
from pipper.core.urls import signed_until, split_url
from pipper.errors import AccessError, ObjectAbsentError, PipperError, StoreError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

AGAIN = "check the network, then run the command again"
_PROXY = "set HTTPS_PROXY if this network needs a proxy"
_ANSWERS = frozenset({200, 206, 304, 404, 410})
_FOR_GOOD = frozenset({501, 505})
"""Statuses of 500 and above that the same request gets again: not implemented."""
_FAILURES = {
    "NameResolutionError": ("the host name is unknown", f"correct the host name, or {_PROXY}"),
    "ConnectTimeoutError": ("no connection in time", f"check the network, or {_PROXY}"),
    "NewConnectionError": ("no connection", f"check the network, or {_PROXY}"),
    "ProxyError": ("the proxy is unreachable", "correct HTTPS_PROXY, or add the host to NO_PROXY"),
    "SSLError": (
        "the server's certificate or TLS version is not accepted",
        "set SSL_CERT_FILE to a file with the certificate authority of that server",
    ),
    "ReadTimeoutError": ("no response in time", AGAIN),
    "ProtocolError": ("the connection was closed early", AGAIN),
}
"""Cause and hint, by the class of urllib3."""
_CODES = {
    "ExpiredToken": "the session that signed the URL has ended",
    "InvalidAccessKeyId": "S3 does not know the access key that signed the URL",
    "SignatureDoesNotMatch": "the signature does not match: the URL was changed",
}


class TransientError(StoreError):
    """A failure that may not happen again at the next attempt."""

    def __init__(self, message: str, *, cause: str = "", hint: str = "", wait: float = 0.0) -> None:
        super().__init__(message, cause=cause, hint=hint)
        self.wait = wait
        """Seconds from the server's Retry-After."""


def check(response: "BaseHTTPResponse", url: str) -> None:
    """Raise the error that a status means; return for a status about the object itself (200, 206, 304, 404, 410)."""
    status = response.status
    if status in _ANSWERS:
        return
    with translated(url):
        found = re.search(rb"<Code>([A-Za-z]{1,60})</Code>", response.read(4096, decode_content=False))
    code = found[1].decode() if found else ""
    if status in (401, 403) or code in _CODES:
        raise _refused(url, f"{status} {code}".strip(), _CODES.get(code, ""))
    if status == 407:
        raise AccessError(
            f"cannot read {shown(url)}: the proxy requires credentials",
            hint="set HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
        )
    what = f"cannot read {shown(url)}: {host_of(url)} answered {f'{status} {code}'.strip()}"
    if status == 429 or (status >= 500 and status not in _FOR_GOOD):
        seconds = response.headers.get("Retry-After", "")
        wait = float(seconds) if re.fullmatch(r"[0-9]{1,4}", seconds) else 0.0
        raise TransientError(what, hint="run the command again later", wait=wait)
    raise StoreError(what, hint="correct the URL, or the proxy in HTTPS_PROXY")


def refuses_ranges(status: int) -> bool:
    """Return whether a status may mean that the server or a proxy refuses the `Range` header, and not the file.

    There is no such status: servers answer 400, 403, 405, 416 or 501, among others. Load and failures are none.
    """
    return status not in _ANSWERS and status != 429 and (status < 500 or status in _FOR_GOOD)


def require_there(response: "BaseHTTPResponse", url: str) -> None:
    """Raise ObjectAbsentError if a checked response does not contain the object."""
    if response.status not in (200, 206):
        raise ObjectAbsentError(
            f"{shown(url)} does not exist",
            cause=f"{host_of(url)} answered {response.status}",
            hint="correct the URL",
        )


def _refused(url: str, answered: str, known: str) -> AccessError:
    until, now = signed_until(url), datetime.now(UTC)
    if until is not None and until <= now:
        return expired(until, now)
    cause = known or "the file needs credentials, or does not exist"
    if until is not None and not known:
        cause = f"the signature is valid until {_moment(until)}, the local time is {_moment(now)}"
    hint = "run `pipper authorize` again for new URLs, or correct the clock of this machine"
    if until is None and not known:
        hint = "add user name and password for that host to netrc or PIPPER_INDEX_URL"
    return AccessError(
        f"cannot read {shown(url)}: access denied by {host_of(url)} ({answered})", cause=cause, hint=hint
    )


def expired(until: datetime, now: datetime, *, subject: str = "") -> AccessError:
    """Return the error for an expired signature; both times are aware."""
    times = f"{_moment(until)} (local now {_moment(now)})"
    return AccessError(
        f"{subject}{': ' if subject else ''}authorization expired at {times}",
        hint="run `pipper authorize` again on a machine with credentials",
    )


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def host_of(url: str) -> str:
    """Return host and port of a URL, for messages."""
    return split_url(shown(url)).netloc


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Translate the errors of urllib3 in the block into those of `pipper.errors`."""
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as in the pool: most commands do without

    try:
        yield
    except HTTPError as error:
        raise _of_failure(error, url) from error


def _of_failure(error: Exception, url: str) -> PipperError:
    cause, hint = explained(error, _FAILURES, AGAIN)
    kind = StoreError if "SSLError" in names_of(error) else TransientError
    return kind(f"cannot read {shown(url)} from {host_of(url)}", cause=cause, hint=hint)


def names_of(error: Exception) -> list[str]:
    """Return the names of the error's class and its bases: a comparison by name needs no import."""
    return [cls.__name__ for cls in type(error).__mro__]


def explained(error: Exception, known: Mapping[str, tuple[str, str]], otherwise: str) -> tuple[str, str]:
    """Return cause and hint of a failed connection, from those `known` by class; `otherwise` is the usual hint.

    The cause includes the operating system's message below `error`; the messages between may contain whole URLs.
    """
    names = (name for name in names_of(error) if name in known)
    reason, hint = next((known[name] for name in names), ("the connection failed", otherwise))
    below: BaseException | None = error
    for _ in range(10):
        if isinstance(below, OSError) and below.strerror:
            return f"{reason} ({' '.join(below.strerror.split())[:200]})", hint
        if below is None:
            break
        kwargs = getattr(below, "kwargs", None) or {}  # botocore's
        inner = (kwargs.get("error"), getattr(below, "reason", None), below.__cause__, below.__context__)
        below = next((each for each in (*inner, *below.args) if isinstance(each, BaseException)), None)
    return reason, hint
