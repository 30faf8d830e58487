"""Reading https URLs: pooled connections, bounded patience, redirects that carry nothing along.

Only what `url_fault` lets pass is asked at all: https, and http to this very machine. A URL may be signed, so no
message shows more of one than `shown` does.
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
from urllib.parse import urljoin, urlsplit

from pipper import __version__
from pipper.core.urls import shown, url_fault
from pipper.errors import IntegrityError, StoreError
from pipper.http.account import Account
from pipper.http.errors import TransientError, check, host_of, require_there, translated
from pipper.http.pool import Pool
from pipper.system.retry import retry

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

T = TypeVar("T")

_ATTEMPTS = 4
_FIRST_WAIT = 0.3
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 303, 307, 308})
_OURS = {"User-Agent": f"pipper/{__version__}", "Accept-Encoding": "identity"}
_PIECE = 1 << 20
_PATIENCE, _SLOWEST = 60, 1024
"""Seconds after which a body must have flowed at so many bytes a second on the average."""
_PRIVATE = frozenset({"authorization", "cookie", "proxy-authorization"})
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that was read to its end."""

    status: int
    """200, 206, 304, 404 or 410."""
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes = field(repr=False)
    url: str = field(repr=False)
    """Where it came from in the end, after redirects."""


def no_account(origin: str) -> Account | None:  # noqa: ARG001 - the same answer for all
    """Return None: most servers are read without an account."""
    return None


class Web:
    """Reads URLs; for any number of threads.

    `environ` may name proxies (`HTTPS_PROXY`, `NO_PROXY`) and certificates (`SSL_CERT_FILE`,
    `REQUESTS_CA_BUNDLE`), `ca_file` more of these. `account` gives the account for an origin
    (`https://host:port`); they are sent to no other. `plain` lists origins that may be read over http although
    they are not on this machine: those that a user configured so.

    Everything raises IntegrityError for a URL that is not read at all, AccessError for a refusal, which
    includes an expired signature, and StoreError for whatever else servers and networks do.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        ca_file: Path | None = None,
        account: Callable[[str], Account | None] = no_account,
        plain: frozenset[str] = frozenset(),
    ) -> None:
        self._pool = Pool(environ, ca_file)
        self._account = account
        self._plain = plain

    @contextmanager
    def stream(self, url: str, start: int = 0) -> Iterator[Iterator[bytes]]:
        """Open the body at `url` for reading from `start`; one attempt, for whoever calls can resume.

        Raises ObjectAbsentError for a 404. A body that breaks off raises StoreError, never ends quietly.
        """
        with self._answer("GET", url, {"Range": f"bytes={start}-"} if start else {}) as response:
            if start and response.status == 416:
                yield iter(())
                return
            check(response, url)
            require_there(response, url)
            skipped = start if start and not _begins_at(response, start) else 0
            yield _without(_pieces(response, url), skipped)

    def get(self, url: str, headers: Mapping[str, str] = _NOTHING, *, limit: int) -> Answer:
        """Return the answer to a GET of `url` with a body of at most `limit` bytes.

        What may pass is tried again, a few times with growing waits. More bytes than `limit` are an
        IntegrityError.
        """
        return _persist(lambda: self._read("GET", url, headers, limit))

    def head(self, url: str, headers: Mapping[str, str] = _NOTHING) -> Answer:
        """Return the answer to a HEAD of `url`; tried again as by `get`."""
        return _persist(lambda: self._read("HEAD", url, headers, 0))

    def size(self, url: str) -> int:
        """Return how many bytes are at `url`: from a GET of the first, since a signed URL allows no HEAD."""
        answer = _persist(lambda: self._size(url))
        if not re.fullmatch(r"[0-9]{1,15}", answer):
            raise StoreError(f"{host_of(url)} does not tell the size of {shown(url)}")
        return int(answer)

    def _size(self, url: str) -> str:
        with self._answer("GET", url, {"Range": "bytes=0-0"}) as response:
            check(response, url)
            require_there(response, url)
            whole = response.headers.get("Content-Range", "").rpartition("/")[2]
            return whole if response.status == 206 else response.headers.get("Content-Length", "")

    def _read(self, method: str, url: str, headers: Mapping[str, str], limit: int) -> Answer:
        with self._answer(method, url, headers) as response:
            check(response, url)
            body = bytearray()
            for piece in _pieces(response, url) if method == "GET" else ():
                body += piece
                if len(body) > limit:
                    raise IntegrityError(f"{shown(url)} is longer than {limit:,} bytes")
            told = {name.lower(): value for name, value in response.headers.items()}
            final = response.url or url
            return Answer(status=response.status, headers=told, body=bytes(body), url=final)

    @contextmanager
    def _answer(self, method: str, url: str, headers: Mapping[str, str]) -> "Iterator[BaseHTTPResponse]":
        """The answer with its open body, after at most a few redirects."""
        current, asked = url, headers
        for _ in range(_REDIRECTS + 1):
            self._require_safe(current, "unsafe URL")
            with translated(current):
                response = self._pool.send(method, current, {**_OURS, **self._authorised(current), **asked})
            try:
                target = response.headers.get("Location") if response.status in _MOVED else None
                if target is None:
                    response.url = current
                    yield response
                    return
            finally:
                response.close()
            current, asked = self._redirected(current, target, asked)
        raise StoreError(f"{shown(url)} redirects too often", cause=f"more than {_REDIRECTS} times")

    def _authorised(self, url: str) -> dict[str, str]:
        account = self._account(_origin(url))
        if account is None:
            return {}
        return {"Authorization": "Basic " + b64encode(f"{account.user}:{account.password}".encode()).decode()}

    def _redirected(
        self, url: str, location: str, headers: Mapping[str, str]
    ) -> tuple[str, Mapping[str, str]]:
        """Where a redirect leads, and the headers to send there: credentials to nobody else, no way back to http."""
        target = urljoin(url, location)
        self._require_safe(target, f"{shown(url)} redirects to an unsafe URL")
        if url.startswith("https:") and not target.startswith("https:"):
            raise IntegrityError(f"{shown(url)} redirects to http", cause=f"to {shown(target)}")
        if _origin(url) == _origin(target):
            return target, headers
        return target, {name: value for name, value in headers.items() if name.lower() not in _PRIVATE}

    def require_safe(self, url: str) -> None:
        """Raise IntegrityError where `url` is not read at all; asks nothing."""
        self._require_safe(url, "unsafe URL")

    def _require_safe(self, url: str, what: str) -> None:
        fault = url_fault(url)
        if fault and not (url.startswith("http:") and _origin(url) in self._plain):
            raise IntegrityError(f"{what}: `{shown(url)}`", cause=fault)


def _persist(work: Callable[[], T]) -> T:
    return retry(
        work,
        attempts=_ATTEMPTS,
        pause=lambda error: error.wait if isinstance(error, TransientError) else None,
        first=_FIRST_WAIT,
    )


def _begins_at(response: "BaseHTTPResponse", start: int) -> bool:
    """Whether the answer begins at `start`; False where the server ignored the range and sends everything."""
    if response.status != 206:
        return False
    if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
        raise StoreError(f"{host_of(response.url or '')} answered with another range than was asked for")
    return True


def _without(pieces: Iterator[bytes], skipped: int) -> Iterator[bytes]:
    for piece in pieces:
        if skipped < len(piece):
            yield piece[skipped:] if skipped else piece
        skipped = max(0, skipped - len(piece))


def _pieces(response: "BaseHTTPResponse", url: str) -> Iterator[bytes]:
    """The body as it arrives, at most 1 MiB at once."""
    announced = response.headers.get("Content-Length", "")
    started, received = time.monotonic(), 0
    with translated(url):
        # read1 returns what is there: a body that trickles must not hide within one read for hours
        while piece := response.read1(_PIECE, decode_content=False):
            received += len(piece)
            yield piece
            elapsed = time.monotonic() - started
            if elapsed > _PATIENCE and received < elapsed * _SLOWEST:
                raise StoreError(
                    f"cannot read {shown(url)}: the answer hardly flows",
                    cause=f"{received} bytes in {elapsed:.0f} seconds",
                )
    if announced.isdigit() and received != int(announced):
        raise TransientError(
            f"cannot read {shown(url)}: the answer broke off", cause=f"{received} of {announced} bytes came"
        )


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
