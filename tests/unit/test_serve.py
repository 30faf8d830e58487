"""The server of `pipper repository serve`, at the moments that a test of the command does not meet at will."""

import socket
import socketserver

import pytest

from pipper.core.reporter import Reporter
from pipper.ops.repository.gateway import Gateway
from pipper.ops.repository.serve import ServeRequest, _Server, names_loopback


def test_an_interrupt_while_the_thread_of_a_connection_starts_ends_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The thread may have ended, and freed its place, before the interrupt reaches the main thread."""

    def interrupted(server: _Server, request: socket.socket, address: object) -> None:
        server.process_request_thread(request, address)
        raise KeyboardInterrupt

    monkeypatch.setattr(socketserver.ThreadingMixIn, "process_request", interrupted)
    with _Server(ServeRequest(), Gateway((), redirect=False), Reporter()) as server:
        socket.create_connection(("127.0.0.1", server.server_port)).close()
        with pytest.raises(KeyboardInterrupt):
            server.handle_request()


@pytest.mark.parametrize(
    ("host", "port", "is_named"),
    [
        ("127.0.0.1", 80, True),
        ("localhost", 80, True),
        ("[::1]", 80, True),
        ("127.0.0.1:", 80, True),
        ("127.0.0.1:80", 80, True),
        ("[::1]:8080", 8080, True),
        ("127.0.0.1", 8080, False),
        ("[::1]", 8080, False),
        ("::1", 80, False),
        ("evil.example.com", 80, False),
        ("[evil.example.com]", 80, False),
        ("evil.example.com@127.0.0.1", 80, False),
        ("127.0.0.1:80:80", 80, False),
        ("", 80, False),
    ],
)
def test_clients_leave_out_the_port_of_http(host: str, port: int, is_named: bool) -> None:
    assert names_loopback(host, port) is is_named
