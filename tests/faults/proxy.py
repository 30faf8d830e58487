"""A proxy between a command and an S3 server: it forwards what comes, unless it is told to disturb a request.

    with Proxy(endpoint) as proxy:
        proxy.watch("case-1", lambda request, forward: Reset())
        ...                     # commands use `proxy.endpoint`
        proxy.seen("case-1")    # all requests below that prefix

A request belongs to a watcher by the first segment of its key or listing. It is forwarded with the Host header that
it was signed with, so the server accepts its signature.
"""

import http.client
import re
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import TracebackType
from urllib.parse import parse_qs, unquote, urlsplit

from tests.loopback import LoopbackServer, QuietHandler, serving
from tests.s3_endpoint import S3Endpoint

_HOP = frozenset({"connection", "expect", "keep-alive", "transfer-encoding"})
"""Headers between neighbours, which no signature covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it came."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    prefix: str
    """The first segment of its key or listing."""
    key: str
    """Below that prefix; of a listing, what it asks for."""
    operation: str
    """`GET`, `HEAD`, `PUT`, `DELETE` or `LIST`."""
    condition: str
    """`if-match`, `if-none-match`, or nothing."""
    query: Mapping[str, str]
    number: int = 1
    """How many requests of this kind came so far, with this one."""

    @property
    def kind(self) -> str:
        """What it is, in every run of a command, whatever order its threads run in."""
        ranged = "part" if any(name.lower() == "range" for name, _ in self.headers) else ""
        delimiter = f"by {self.query['delimiter']}" if self.query.get("delimiter") else ""
        return " ".join(filter(None, (self.operation, self.key or ".", self.condition, ranged, delimiter)))

    @property
    def label(self) -> str:
        """Its kind and number."""
        return f"{self.kind} #{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the server, or the proxy in its place, answers."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return a header; empty if it is missing."""
        return next((value for found, value in self.headers if found.lower() == name.lower()), "")

    def with_header(self, name: str, value: str) -> "Answer":
        """Return the answer with another value of a header."""
        kept = [(found, each) for found, each in self.headers if found.lower() != name.lower()]
        return replace(self, headers=(*kept, (name, value)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """An answer that announces its whole body, and breaks off in the middle."""

    answer: Answer


class Reset:
    """The connection ends without an answer."""


Outcome = Answer | Part | Reset
Forward = Callable[..., Answer]
"""Sends the request, or its first argument in its place, to the server, and returns the answer."""
Watcher = Callable[[Request, Forward], Outcome]


class Proxy:
    """Use it as a context manager."""

    def __init__(self, endpoint: S3Endpoint) -> None:
        parts = urlsplit(endpoint.url)
        self.upstream = (parts.hostname or "", parts.port or 80)
        self._server = _Server(self)
        self.endpoint = replace(endpoint, url=self._server.url)
        self._running = serving(self._server)
        self._lock = threading.Lock()
        self._watchers: dict[str, Watcher] = {}
        self._seen: dict[str, list[Request]] = defaultdict(list)
        self._counts: Counter[tuple[str, str]] = Counter()

    def __enter__(self) -> "Proxy":
        self._running.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.__exit__(kind, error, trace)

    def watch(self, prefix: str, watcher: Watcher) -> None:
        """Ask `watcher` about each request below `prefix`; forget what was seen there."""
        with self._lock:
            self._watchers[prefix] = watcher
            self._seen.pop(prefix, None)
            for key in [key for key in self._counts if key[0] == prefix]:
                del self._counts[key]

    def seen(self, prefix: str) -> list[Request]:
        """Return the requests below `prefix` in the order in which they came."""
        with self._lock:
            return list(self._seen[prefix])

    def handle(self, request: Request, forward: Forward) -> Outcome:
        """Let the watcher of a request decide."""
        with self._lock:
            self._counts[request.prefix, request.kind] += 1
            request = replace(request, number=self._counts[request.prefix, request.kind])
            self._seen[request.prefix].append(request)
            watcher = self._watchers.get(request.prefix)
        return watcher(request, forward) if watcher else forward()


class _Server(LoopbackServer):
    def __init__(self, proxy: Proxy) -> None:
        super().__init__(_Handler)
        self.proxy = proxy


class _Handler(QuietHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        assert isinstance(self.server, _Server)
        self.proxy = self.server.proxy
        self.upstream = http.client.HTTPConnection(*self.proxy.upstream)

    def finish(self) -> None:
        self.upstream.close()
        super().finish()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:  # its sender was killed
            self.close_connection = True
            return
        request = parsed(self.command, self.path, list(self.headers.items()), body)
        outcome = self.proxy.handle(request, lambda changed=request: self._forward(changed))
        if isinstance(outcome, Reset):
            self._reset()
            return
        answer = outcome.answer if isinstance(outcome, Part) else outcome
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        length = int(answer.header("content-length") or 0) if self.command == "HEAD" else len(answer.body)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if self.command == "HEAD":
            return
        if isinstance(outcome, Part):
            self.wfile.write(answer.body[: len(answer.body) // 2])
            self._reset()
            return
        self.wfile.write(answer.body)

    do_GET = do_HEAD = do_PUT = do_DELETE = _serve  # noqa: N815 -- the base class looks for these names

    def _forward(self, request: Request) -> Answer:
        try:
            return self._asked(request)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.upstream.close()  # the server had closed the idle connection
            return self._asked(request)

    def _asked(self, request: Request) -> Answer:
        self.upstream.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        for name, value in request.headers:
            if name.lower() not in _HOP:
                self.upstream.putheader(name, value)
        self.upstream.endheaders(request.body or None)
        response = self.upstream.getresponse()
        headers = [(name, value) for name, value in response.getheaders() if name.lower() not in _HOP]
        return Answer(status=response.status, headers=headers, body=response.read())

    def _reset(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        with suppress(OSError):
            # an end with a linger of nothing is a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def parsed(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Request:
    """Return the parts of a request for an object or a listing, in the path style."""
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    key = unquote(parts.path).lstrip("/").partition("/")[2]
    is_listing = not key and "list-type" in query
    prefix, _, rest = (query.get("prefix", "") if is_listing else key).partition("/")
    condition = next((name.lower() for name, _ in headers if re.fullmatch("(?i)if-(none-)?match", name)), "")
    return Request(
        method=method,
        target=target,
        headers=headers,
        body=body,
        prefix=prefix,
        key=rest,
        operation="LIST" if is_listing else method,
        condition=condition,
        query=query,
    )
