"""Read https URLs: pooled connections, bounded waits, redirects that forward no credentials.

A URL is requested only if `url_fault` accepts it: https, and http to this machine. A URL may be signed, so
messages contain only what `shown` returns.
"""

import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from pipper import __version__
from pipper.core.redaction import shown
from pipper.core.urls import join_url, split_url, url_fault
from pipper.errors import IntegrityError, PipperError, StoreError, TooLongError
from pipper.http.errors import (
    AGAIN,
    TransientError,
    check,
    host_of,
    refuses_ranges,
    require_there,
    translated,
)
from pipper.http.pool import Pool
from pipper.system.retry import retry

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

T = TypeVar("T")

_ATTEMPTS = 4
_FIRST_WAIT = 0.3
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_WITH_BODY = frozenset({200, 206})
_HEADERS = {"User-Agent": f"pipper/{__version__}", "Accept-Encoding": "identity"}
_PIECE = 1 << 20
_SLOW_SECONDS, _SLOWEST = 60, 1024
"""After so many seconds, a body must have arrived at this average rate (bytes per second)."""
REQUEST_SECONDS = 300
"""For a body that is read whole into memory, with redirects; no new attempt begins later than a fifth of that."""
_LENGTH = re.compile(r"[0-9]{1,18}")
_PRIVATE = frozenset({"authorization", "cookie", "proxy-authorization"})
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_REDIRECT = "use the final URL, or correct the redirects of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user name and a password, sent by Basic authentication (RFC 7617)."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response that was read to its end."""

    status: int
    """200, 206, 304, 404 or 410."""
    headers: Mapping[str, str]
    """Names are in lower case."""
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    """The final URL, after redirects."""


class Web:
    """Reads URLs; for any number of threads.

    `environ` may contain proxies (`HTTPS_PROXY`, `NO_PROXY`) and certificates (`SSL_CERT_FILE`,
    `REQUESTS_CA_BUNDLE`); `ca_file` adds certificates. `account` returns the account for an origin
    (`https://host:port`), which is sent to that origin only. `plain` lists the origins on other machines that the
    user allows over http.

    Every method raises IntegrityError for an unsafe URL, AccessError for a refusal or an expired signature, and
    StoreError for any other failure of a server or the network.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        ca_file: Path | None = None,
        account: Callable[[str], Account | None] = lambda _origin: None,
        plain: frozenset[str] = frozenset(),
    ) -> None:
        self._pool = Pool(environ, ca_file)
        self._account = account
        self._plain = plain

    @contextmanager
    def stream(self, url: str, start: int = 0) -> Iterator[Iterator[bytes]]:
        """Open the body at `url` for reading from `start`; one attempt, because the caller can resume.

        Raises ObjectAbsentError for a 404, StoreError for an incomplete body.
        """
        with self._ranged(url, f"bytes={start}-" if start else "") as response:
            if start and response.status == 416:  # also without a range
                yield iter(())
                return
            check(response, url)
            require_there(response, url)
            skipped = start if start and not _begins_at(response, start) else 0
            yield _without(_pieces(response, url), skipped)

    @contextmanager
    def _ranged(self, url: str, span: str) -> "Iterator[BaseHTTPResponse]":
        """Yield the response for a range, or for everything if the server refuses the range."""
        if span:
            with self._answer(url, {"Range": span}) as response:
                if not refuses_ranges(response.status):
                    yield response
                    return
        with self._answer(url, {}) as response:
            yield response

    def get(self, url: str, headers: Mapping[str, str] = _NO_HEADERS, *, limit: int) -> Answer:
        """Return the response to a GET of `url`.

        Transient failures are retried with growing waits. Raises TooLongError for a body of more than `limit`
        bytes, StoreError for one that takes more than REQUEST_SECONDS.
        """
        return _with_retries(lambda: self._read(url, headers, limit))

    def post(self, url: str, body: bytes, *, limit: int) -> Answer:
        """Return the response to a POST of a JSON document that asks and changes nothing: it is retried as a GET is.

        Raises as `get`, and StoreError for a redirect.
        """
        headers = {"Content-Type": "application/json"}
        return _with_retries(lambda: self._read(url, headers, limit, body))

    def size(self, url: str) -> int:
        """Return the size of `url` in bytes, from a GET of the first byte: a signed URL allows no HEAD.

        If the server does not say it, the whole file is read.
        """
        return _with_retries(lambda: self._size(url))

    def _size(self, url: str) -> int:
        with self._ranged(url, "bytes=0-0") as response:
            check(response, url)
            require_there(response, url)
            whole = response.headers.get("Content-Range", "").rpartition("/")[2]
            size = whole if response.status == 206 else response.headers.get("Content-Length", "")
        if re.fullmatch(r"[0-9]{1,15}", size):
            return int(size)
        with self.stream(url) as pieces:
            return sum(map(len, pieces))

    def _read(self, url: str, headers: Mapping[str, str], limit: int, sent: bytes | None = None) -> Answer:
        ends = time.monotonic() + REQUEST_SECONDS
        with self._answer(url, headers, sent) as response:
            check(response, url)
            announced = response.headers.get("Content-Length", "")
            if response.status in _WITH_BODY and _LENGTH.fullmatch(announced) and int(announced) > limit:
                raise _too_long(url, limit)
            body = bytearray()
            for piece in _pieces(response, url):
                body += piece
                if time.monotonic() > ends:
                    raise _too_slow(shown(url), len(body), REQUEST_SECONDS)
                if len(body) > limit:
                    raise _too_long(url, limit)
            lowered = {name.lower(): value for name, value in response.headers.items()}
            final = response.url or url
            return Answer(status=response.status, headers=lowered, body=bytes(body), url=final)

    @contextmanager
    def _answer(
        self, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> "Iterator[BaseHTTPResponse]":
        """Yield the response with its open body, after redirects; with a body to send, none is followed."""
        current, sent = url, headers
        for _ in range(_REDIRECTS + 1):
            self.require_safe(current)
            with translated(current):
                response = self._pool.get(
                    current, {**_HEADERS, **self._authorization(current), **sent}, posted=body
                )
            try:
                target = response.headers.get("Location") if response.status in _MOVED else None
                if target is None:
                    response.url = current
                    yield response
                    return
            finally:
                response.close()
            if body is not None:
                raise StoreError(f"{shown(url)} redirects", hint="give the final URL of the service")
            current, sent = self._redirected(current, target, sent)
        raise StoreError(
            f"{shown(url)} redirects more than {_REDIRECTS} times", hint=f"{_REDIRECT} {host_of(url)}"
        )

    def _authorization(self, url: str) -> dict[str, str]:
        account = self._account(origin_of(url))
        if account is None:
            return {}
        pair = f"{account.user}:{account.password}".encode(errors="surrogateescape")
        return {"Authorization": "Basic " + b64encode(pair).decode()}

    def _redirected(
        self, url: str, location: str, headers: Mapping[str, str]
    ) -> tuple[str, Mapping[str, str]]:
        """Return the target of a redirect and the headers to send there, without credentials at another origin."""
        target = join_url(url, location)
        self.require_safe(target, f"{shown(url)} redirects to an unsafe URL")
        if url.startswith("https:") and not target.startswith("https:"):
            raise IntegrityError(
                f"{shown(url)} redirects to http",
                cause=f"to {shown(target)}",
                hint=f"{_REDIRECT} {host_of(url)}",
            )
        if origin_of(url) == origin_of(target):
            return target, headers
        return target, {name: value for name, value in headers.items() if name.lower() not in _PRIVATE}

    def require_safe(self, url: str, what: str = "unsafe URL") -> None:
        """Raise IntegrityError if `url` is unsafe; sends no request. The message begins with `what`."""
        fault = url_fault(url)
        if fault and not (url.startswith("http:") and origin_of(url) in self._plain):
            hint = "use an https URL without user name and password"
            raise IntegrityError(f"{what}: `{shown(url)}`", cause=fault, hint=hint)


def _with_retries(work: Callable[[], T]) -> T:
    ends = time.monotonic() + REQUEST_SECONDS / 5

    def pause(error: PipperError) -> float | None:
        # A server that never answers in time would hold a command for as many timeouts as there are attempts.
        return error.wait if isinstance(error, TransientError) and time.monotonic() < ends else None

    return retry(
        work,
        attempts=_ATTEMPTS,
        pause=pause,
        first=_FIRST_WAIT,
    )


def _begins_at(response: "BaseHTTPResponse", start: int) -> bool:
    """Return whether the response begins at `start`; False if the server ignored the range and sends everything."""
    if response.status != 206:
        return False
    if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        url = response.url or ""
        raise StoreError(f"{host_of(url)} returned the wrong byte range of {shown(url)}", hint=AGAIN)
    return True


def _without(pieces: Iterator[bytes], skipped: int) -> Iterator[bytes]:
    for piece in pieces:
        if skipped < len(piece):
            yield piece[skipped:] if skipped else piece
        skipped = max(0, skipped - len(piece))


def _pieces(response: "BaseHTTPResponse", url: str) -> Iterator[bytes]:
    announced = response.headers.get("Content-Length", "")
    with translated(url):
        size = int(announced) if _LENGTH.fullmatch(announced) else None
        yield from arriving(response, size, lambda: shown(url))


def arriving(body: "BaseHTTPResponse", size: int | None, subject: Callable[[], str]) -> Iterator[bytes]:
    """Yield a body as it arrives, at most 1 MiB at once.

    Raises StoreError, naming the `subject`, if it is too slow or not of this `size`, and what urllib3 raises.
    """
    started, received = time.monotonic(), 0
    # read1 returns the bytes that have arrived: one read of a slow body could last for hours
    while piece := body.read1(_PIECE):
        received += len(piece)
        yield piece
        elapsed = time.monotonic() - started
        if elapsed > _SLOW_SECONDS and received < elapsed * _SLOWEST:
            raise _too_slow(subject(), received, elapsed)
    if size is not None and received != size:
        raise TransientError(
            f"cannot read {subject()}: the response is incomplete",
            cause=f"{received} of {size} bytes arrived",
            hint=AGAIN,
        )


def _too_long(url: str, limit: int) -> TooLongError:
    return TooLongError(
        f"{shown(url)} is longer than {limit:,} bytes",
        cause="pipper reads no more than that of such a file",
        hint="correct the URL, or report this to the administrator of that server",
    )


def _too_slow(subject: str, received: int, seconds: float) -> StoreError:
    return StoreError(
        f"cannot read {subject}: the response is too slow",
        cause=f"{received} bytes in {seconds:.0f} seconds",
        hint=AGAIN,
    )


def origin_of(url: str) -> str:
    """Return `https://HOST:PORT` of a URL, as it is written there."""
    parts = split_url(url)
    return f"{parts.scheme}://{parts.netloc}"
