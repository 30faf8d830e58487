"""Servers on loopback that speak TLS, with a certificate that nobody signed, and a proxy in front of them."""

import select
import socket
import socketserver
import ssl
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.loopback import LoopbackServer, QuietHandler, served, serving

NAME = "packages.example.com"
"""The host that the certificate is for, beside 127.0.0.1; no server of this name is ever looked up."""


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate and its key, and return where they are."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    hosts = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName(NAME)]
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, private


def _wrapped(listening: socket.socket, certificate: Path, key: Path) -> ssl.SSLSocket:
    """Return a listening socket that speaks TLS from now on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # The handshake is the handler's: in the thread that accepts, one client could hold up all others.
    return context.wrap_socket(listening, server_side=True, do_handshake_on_connect=False)


@contextmanager
def https_server(
    folder: Path, answer: Callable[[BaseHTTPRequestHandler], None]
) -> Iterator[tuple[int, Path]]:
    """Serve one answer for every path; yield the port and the certificate."""
    certificate, key = make_certificate(folder)

    class Handler(QuietHandler):
        def do_GET(self) -> None:
            answer(self)

    server = LoopbackServer(Handler)
    server.socket = _wrapped(server.socket, certificate, key)
    with serving(server):
        yield server.server_port, certificate


@contextmanager
def secured(port: int, certificate: Path, key: Path) -> Iterator[str]:
    """Put TLS in front of the server at `port`; yield the URL."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as behind:
                _pass_on(self.request, behind)

    server = LoopbackServer(Handler)
    server.socket = _wrapped(server.socket, certificate, key)
    with serving(server):
        yield server.url.replace("http:", "https:")


@dataclass(kw_only=True)
class Proxy:
    """A proxy that tunnels (CONNECT, RFC 9110 section 9.3.6) every host to one port of this machine."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    """The `HOST:PORT` of each tunnel."""
    accounts: list[str] = field(default_factory=list)
    """What each gave as `user:password`; empty where nothing was given."""


@contextmanager
def proxy_to(port: int) -> Iterator[Proxy]:
    """Run a proxy whose tunnels all lead to `port`."""
    proxy = Proxy()

    class Handler(QuietHandler):
        def do_CONNECT(self) -> None:
            proxy.asked.append(self.path)
            given = self.headers.get("Proxy-Authorization", "").removeprefix("Basic ")
            proxy.accounts.append(b64decode(given).decode())
            self.send_response(200)
            self.end_headers()
            with socket.create_connection(("127.0.0.1", port)) as behind:
                _pass_on(self.connection, behind)
            self.close_connection = True

    with served(Handler) as server:
        proxy.url = server.url
        yield proxy


def _pass_on(client: socket.socket, behind: socket.socket) -> None:
    others = {client: behind, behind: client}
    while True:
        for ready in select.select(list(others), [], [])[0]:
            data = ready.recv(1 << 16)
            if not data:
                return
            others[ready].sendall(data)
