"""What refusals and failures of the web mean to pipper. No message shows more of a URL than `shown` does."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipper.core.urls import shown, signed_until
from pipper.errors import AccessError, ObjectAbsentError, PipperError, StoreError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_ANSWERS = frozenset({200, 206, 304, 404, 410})
_FAILURES = {
    "NameResolutionError": "its name is not known",
    "ConnectTimeoutError": "no connection in time",
    "NewConnectionError": "no connection",
    "ProxyError": "the proxy cannot be reached",
    "SSLError": "the server's certificate or its TLS is not accepted",
    "ReadTimeoutError": "no answer in time",
    "ProtocolError": "the connection broke off",
}
_CODES = {
    "ExpiredToken": "the session that signed it has ended",
    "InvalidAccessKeyId": "the store does not know the access key that signed it",
    "SignatureDoesNotMatch": "the signature does not fit: was the URL edited?",
}


class TransientError(StoreError):
    """A failure that another attempt may not meet."""

    def __init__(self, message: str, *, cause: str = "", hint: str = "", wait: float = 0.0) -> None:
        super().__init__(message, cause=cause, hint=hint)
        self.wait = wait
        """Seconds the server asked for."""


def check(response: "BaseHTTPResponse", url: str) -> None:
    """Raise what an answer means that says nothing of the object itself."""
    status = response.status
    if status in _ANSWERS:
        return
    with translated(url):
        said = re.search(rb"<Code>([A-Za-z]{1,60})</Code>", response.read(4096, decode_content=False))
    code = said[1].decode() if said else ""
    if status in (401, 403) or code in _CODES:
        raise _refused(url, f"{status} {code}".strip(), _CODES.get(code, ""))
    if status == 407:
        raise AccessError("the proxy wants credentials", hint="put them into HTTPS_PROXY")
    what = f"cannot read {shown(url)}: {host_of(url)} answered {f'{status} {code}'.strip()}"
    if status == 429 or status >= 500:
        told = response.headers.get("Retry-After", "")
        wait = float(told) if re.fullmatch(r"[0-9]{1,4}", told) else 0.0
        raise TransientError(what, hint="try again later", wait=wait)
    raise StoreError(what)


def require_there(response: "BaseHTTPResponse", url: str) -> None:
    """Raise ObjectAbsentError where a checked answer has no body of the object."""
    if response.status not in (200, 206):
        raise ObjectAbsentError(
            f"there is no {shown(url)}", cause=f"{host_of(url)} answered {response.status}"
        )


def _refused(url: str, answered: str, known: str) -> AccessError:
    until, now = signed_until(url), datetime.now(UTC)
    if until is not None and until <= now:
        return expired(until, now)
    cause = known or "it needs credentials, or it does not exist"
    if until is not None and not known:
        cause = f"its signature holds until {_moment(until)}, the local time is {_moment(now)}"
    hint = "is the clock right? `pipper authorize` writes new URLs" if until else ""
    return AccessError(
        f"cannot read {shown(url)}: {host_of(url)} refused it ({answered})", cause=cause, hint=hint
    )


def expired(until: datetime, now: datetime, *, subject: str = "") -> AccessError:
    """Return the error for a signature that ended; both times are aware."""
    told = f"{_moment(until)} (local now {_moment(now)})"
    return AccessError(
        f"{subject}{': ' if subject else ''}authorisation expired at {told}",
        hint="run `pipper authorize` again where there are credentials",
    )


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def host_of(url: str) -> str:
    """Return host and port of a URL, for messages."""
    return urlsplit(shown(url)).netloc


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Raise what `pipper.errors` has for whatever urllib3 raises within."""
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as the pool: only who reads a URL needs it

    try:
        yield
    except HTTPError as error:
        raise _of_failure(error, url) from error


def _of_failure(error: Exception, url: str) -> PipperError:
    names = [cls.__name__ for cls in type(error).__mro__]
    reason = next((_FAILURES[name] for name in names if name in _FAILURES), "the connection failed")
    system = _system_reason(error)
    kind = StoreError if "SSLError" in names else TransientError
    return kind(
        f"cannot read {shown(url)} from {host_of(url)}",
        cause=f"{reason} ({system})" if system else reason,
        hint="look at the network, then run the command again",
    )


def _system_reason(error: BaseException) -> str:
    """The operating system's own words somewhere below `error`; the words between may hold whole URLs."""
    below: BaseException | None = error
    for _ in range(10):
        if below is None or (isinstance(below, OSError) and below.strerror):
            break
        arguments = [each for each in below.args if isinstance(each, BaseException)]
        below = below.__cause__ or below.__context__ or (arguments[0] if arguments else None)
    found = below.strerror if isinstance(below, OSError) else None
    return " ".join(found.split())[:200] if found else ""
