"""`repository serve`: an HTTP server for a gateway, on loopback, with bounded threads and no writes."""

import hmac
import ipaddress
import re
import socket
import socketserver
import sys
import threading
from base64 import b64decode
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

from msgspec import Struct

from pipper.core.layout.keys import HTML
from pipper.core.redaction import redacted
from pipper.core.reporter import Reporter
from pipper.core.site.frame import POLICY
from pipper.core.urls import is_loopback
from pipper.errors import AccessError, PipperError, UsageError
from pipper.ops.context.open_repositories import open_repositories, require_repository
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import declared_here
from pipper.ops.repository.gateway import Gateway, Reply, reply
from pipper.system.os_errors import os_errors

_MOST = 128
"""Connections at once; more wait until one ends."""
_IDLE = 15
"""Seconds without a request after which a connection is closed."""
_SHORTEST = 16
"""Characters of a token."""
_HTTP_PORT = 80
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(?::([0-9]{0,5}))?")
"""The value of the header `Host`: a name or an address, and a port, which clients leave out if it is that of HTTP."""


class ServeRequest(Struct, frozen=True, kw_only=True):
    """The arguments of `repository serve`."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: any free port."""
    token: str = ""
    """The password that clients must send; needed beyond loopback."""
    redirect: bool = False

    def __repr__(self) -> str:
        return f"ServeRequest(host={self.host!r}, port={self.port})"


def serve(settings: Settings, request: ServeRequest, ready: Callable[[str], None]) -> None:
    """Serve the repositories of the manifest or the options until an interrupt; `ready` receives the index URL.

    Raises UsageError without a repository, for one that does not exist, for another address than loopback without
    a token, and for `redirect` over a directory; MachineError if the address cannot be used.
    """
    if not is_loopback(request.host) and len(request.token) < _SHORTEST:
        raise UsageError(
            f"{request.host} can be reached from other machines, and there is no token",
            cause="everybody who reaches it could read the repository with your credentials",
            hint=f"give --token of at least {_SHORTEST} characters (or PIPPER_SERVE_TOKEN), or serve on 127.0.0.1",
        )
    declared, base = declared_here(settings)
    repositories = open_repositories(settings, declared, base=base)
    require_repository(repositories)
    for repository in repositories:
        repository.require()
        if request.redirect and repository.store.lifetime() is None:
            raise UsageError(
                f"{repository.store.location} has no signed URLs",
                hint="leave out --redirect: it is a directory",
            )
    with os_errors("listen on", f"{request.host}:{request.port}", hint="choose another --port"):
        server = _Server(request, Gateway(repositories, redirect=request.redirect), settings.reporter)
    with server:
        try:
            ready(server.url)
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            settings.reporter.info("stopped")


class _Server(ThreadingHTTPServer):
    """At most `_MOST` connections at once; threads of connections end with the process."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, request: ServeRequest, gateway: Gateway, reporter: Reporter) -> None:
        self.asked = request
        self.gateway = gateway
        self.reporter = reporter
        # Not a bounded one: an interrupt while a thread starts releases twice, and an error of that would hide it.
        self._free = threading.Semaphore(_MOST)
        self.address_family = _family(request.host)
        super().__init__((request.host, request.port), _Handler)

    @property
    def url(self) -> str:
        """The URL of the index."""
        host = f"[{self.asked.host}]" if ":" in self.asked.host else self.asked.host
        return f"http://{host}:{self.server_port}/simple/"

    def server_bind(self) -> None:
        """Bind without the base class's question to the resolver, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.asked.host, int(self.server_address[1])

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]  # as typeshed has it for one of both kinds of sockets
        self._free.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]  # as above
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's signature
        """Report a bug without its text, which could hold a signed URL; a client that goes away is no error."""
        error = sys.exception()
        if not isinstance(error, OSError):
            self.reporter.warning(
                f"this is a bug in pipper: {type(error).__name__} while it served a request"
            )


def _family(host: str) -> socket.AddressFamily:
    try:
        return socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    except ValueError:
        return socket.AF_INET


def names_loopback(host: str, port: int) -> bool:
    """Return whether the header `Host` of a request names this machine and a port; without one, it is that of HTTP."""
    found = _HOST.fullmatch(host)
    return found is not None and is_loopback(found[1].strip("[]")) and int(found[2] or _HTTP_PORT) == port


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "pipper"
    sys_version = ""
    timeout = _IDLE
    server: _Server
    _HEADERS: ClassVar = {
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }

    def do_GET(self) -> None:
        """Answer from the gateway."""
        self._send(self._answer())

    do_HEAD = do_GET  # noqa: N815 - the base class looks for these names

    def _refuse_write(self) -> None:
        self.close_connection = True  # its body is not read
        self._send(reply(405, b"this server only reads\n"))

    do_POST = do_PUT = do_DELETE = do_PATCH = _refuse_write  # noqa: N815 - the base class looks for these names

    def _answer(self) -> Reply:
        if not self._is_own_host():
            return reply(421, b"this server is known by another name\n")
        if not self._is_allowed():
            return reply(401, b"a token is needed as the password\n")
        try:
            return self.server.gateway.answer(self.path, self.headers.get("Accept", ""))
        except PipperError as error:
            self._tell(error)
            status = 403 if isinstance(error, AccessError) else 502
            return reply(status, redacted(f"{error.message}\n").encode())

    def _is_own_host(self) -> bool:
        """Refuse other names on loopback: a web page could lead its own name there (DNS rebinding)."""
        if not is_loopback(self.server.asked.host):
            return True
        return names_loopback(self.headers.get("Host", ""), self.server.server_port)

    def _is_allowed(self) -> bool:
        token = self.server.asked.token
        if not token:
            return True
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        try:
            given = (
                b64decode(value, validate=True).partition(b":")[2]
                if kind.lower() == "basic"
                else value.encode()
            )
        except ValueError:
            return False
        return hmac.compare_digest(given, token.encode())

    def _send(self, answer: Reply) -> None:
        with answer.opened:
            self.send_response(answer.status)
            for name, value in self._HEADERS.items():
                self.send_header(name, value)
            if answer.status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="pipper"')
            if answer.location:
                self.send_header("Location", answer.location)
            policy = POLICY if answer.content_type == HTML else "default-src 'none'"
            self.send_header("Content-Security-Policy", f"{policy}; frame-ancestors 'none'")
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(answer.size))
            self.end_headers()
            if self.command == "HEAD":
                return
            try:
                for piece in answer.body:
                    self.wfile.write(piece)
            except PipperError as error:
                # Half a body was announced whole: only the end of the connection tells the client.
                self.close_connection = True
                self._tell(error)

    def _tell(self, error: PipperError) -> None:
        self.server.reporter.warning(f"{self.path}: {error.message}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Show requests with `-v` only; they hold no secret, because the token is a header."""
        self.server.reporter.detail(format % args)
