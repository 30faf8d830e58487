"""HTTP servers of tests: on loopback, each on a free port of its own, and gone at the end."""

import contextlib
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class QuietHandler(BaseHTTPRequestHandler):
    """A handler that logs nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        """Log nothing."""


class LoopbackServer(ThreadingHTTPServer):
    """A server on a free port; use `serving` to run it."""

    request_queue_size = 128
    """pipper opens 32 connections at once, and a busy machine is slow to accept them."""

    def __init__(self, handler: type[BaseHTTPRequestHandler], host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), handler)

    @property
    def url(self) -> str:
        """Scheme, host and port."""
        return f"http://{self.server_name}:{self.server_port}"

    def server_bind(self) -> None:
        """Bind without the base class's question to the resolver, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away: its test sees what it needs to in its own answer."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # as the base class passes them


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """Run a server in a thread for as long as the block runs."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], host: str = "127.0.0.1") -> Iterator[LoopbackServer]:
    """Run a server with this handler."""
    server = LoopbackServer(handler, host)
    with serving(server):
        yield server


@contextmanager
def closed_ports(count: int = 1) -> Iterator[list[int]]:
    """Reserve ports that refuse connections while the block runs.

    They are bound, so that nobody else is given them, and do not listen. A server that sets SO_REUSEADDR may
    listen there meanwhile.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", 0))
        yield [one.getsockname()[1] for one in sockets]
