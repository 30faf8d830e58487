"""Reading URLs: what is asked, what is retried, what is never sent, and what the errors say."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from pipper.errors import (
    AccessError,
    IntegrityError,
    MachineError,
    ObjectAbsentError,
    PipperError,
    StoreError,
)
from pipper.http import client as web_module
from pipper.http.client import Account, Web
from tests.loopback import QuietHandler, closed_ports, served
from tests.tls import https_server

BODY = bytes(range(256)) * 64


@dataclass
class Server:
    """Answers with what `answers` says, in turn; the last one again and again."""

    answers: list[Callable[[BaseHTTPRequestHandler], None]]
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def headers(self, number: int = -1) -> dict[str, str]:
        return self.seen[number][1]


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as stack:

        def start(*answers: Callable[[BaseHTTPRequestHandler], None], host: str = "127.0.0.1") -> Server:
            server = Server(list(answers))

            class Handler(QuietHandler):
                protocol_version = "HTTP/1.1"

                def do_GET(self) -> None:
                    server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                    answer = server.answers[min(len(server.seen), len(server.answers)) - 1]
                    answer(self)

                def do_HEAD(self) -> None:
                    self.do_GET()

            server.url = stack.enter_context(served(Handler, host)).url
            return server

        yield start


def answer(
    status: int = 200, body: bytes = BODY, *, length: int | None = None, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(body)
        if length is not None:
            handler.close_connection = True

    return send


def ranged(handler: BaseHTTPRequestHandler) -> None:
    start = int(handler.headers["Range"].removeprefix("bytes=").partition("-")[0])
    part = BODY[start : start + 1] if handler.headers["Range"] == "bytes=0-0" else BODY[start:]
    answer(206, part, Content_Range=f"bytes {start}-{start + len(part) - 1}/{len(BODY)}")(handler)


def whole(web: Web, url: str, start: int = 0) -> bytes:
    with web.stream(url, start) as pieces:
        return b"".join(pieces)


@pytest.fixture
def web() -> Web:
    return Web({})


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, which take no time here."""
    waited: list[float] = []
    monkeypatch.setattr(web_module.time, "sleep", waited.append)
    return waited


def test_a_body_comes_as_it_is(serve: Callable[..., Server], web: Web) -> None:
    server = serve(answer())
    assert whole(web, f"{server.url}/a.whl?x=1") == BODY
    assert server.seen[0][0] == "/a.whl?x=1"


def test_one_connection_serves_many_reads(serve: Callable[..., Server], web: Web) -> None:
    ports = set()

    def noting(handler: BaseHTTPRequestHandler) -> None:
        ports.add(handler.client_address[1])
        answer()(handler)

    server = serve(noting)
    for _ in range(5):
        whole(web, server.url)
    assert len(ports) == 1


def test_a_body_is_taken_up_where_it_broke(serve: Callable[..., Server], web: Web) -> None:
    server = serve(ranged)
    assert whole(web, server.url, 1000) == BODY[1000:]
    assert server.headers()["range"] == "bytes=1000-"


def test_a_server_that_ignores_ranges_is_read_from_the_start(serve: Callable[..., Server], web: Web) -> None:
    assert whole(web, serve(answer()).url, 1000) == BODY[1000:]


def test_another_range_than_was_asked_for_is_refused(serve: Callable[..., Server], web: Web) -> None:
    server = serve(answer(206, BODY, Content_Range=f"bytes 5-{len(BODY)}/{len(BODY)}"))
    with pytest.raises(StoreError, match="wrong byte range"):
        whole(web, server.url, 1000)


def test_a_range_behind_the_end_is_empty(serve: Callable[..., Server], web: Web) -> None:
    assert whole(web, serve(answer(416, b"")).url, len(BODY)) == b""


def test_S5_a_body_that_breaks_off_never_ends_quietly(serve: Callable[..., Server], web: Web) -> None:
    server = serve(answer(length=len(BODY) + 1))
    with pytest.raises(StoreError):
        whole(web, server.url)


def test_S1_get_tries_again_with_growing_waits(
    serve: Callable[..., Server], web: Web, waits: list[float]
) -> None:
    server = serve(answer(503, b""), answer(500, b""), answer(429, b"", Retry_After="7"), answer())
    assert web.get(server.url, limit=1 << 20).body == BODY
    assert len(waits) == 3
    assert waits[0] < waits[1]
    assert waits[2] == 7


def test_S2_get_gives_up(serve: Callable[..., Server], web: Web, waits: list[float]) -> None:
    server = serve(answer(503, b""))
    with pytest.raises(StoreError, match="503"):
        web.get(server.url, limit=1 << 20)
    assert len(server.seen) == len(waits) + 1 <= 5


def test_what_will_not_pass_is_not_tried_again(
    serve: Callable[..., Server], web: Web, waits: list[float]
) -> None:
    server = serve(answer(400, b""))
    with pytest.raises(StoreError, match="400"):
        web.get(server.url, limit=10)
    assert waits == []


def test_S3_a_closed_port_names_the_host(web: Web, waits: list[float]) -> None:
    with closed_ports() as (port,), pytest.raises(StoreError) as caught:
        web.get(f"http://127.0.0.1:{port}/a?X-Amz-Signature=canary", limit=10)
    assert f"127.0.0.1:{port}" in caught.value.message
    assert "no connection" in caught.value.cause
    assert "canary" not in everything(caught.value)


def test_S3_a_certificate_nobody_signed_is_refused_and_not_tried_again(
    waits: list[float], tls_server: tuple[str, Path]
) -> None:
    url, certificate = tls_server
    with pytest.raises(StoreError, match=r"127\.0\.0\.1") as caught:
        Web({}).get(url, limit=1 << 20)
    assert "certificate" in caught.value.cause
    assert waits == []
    assert Web({"SSL_CERT_FILE": str(certificate)}).get(url, limit=1 << 20).body == BODY
    assert Web({"REQUESTS_CA_BUNDLE": str(certificate)}).get(url, limit=1 << 20).body == BODY
    assert Web({}, ca_file=certificate).get(url, limit=1 << 20).body == BODY


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server with a certificate of its own, and that certificate."""
    with https_server(tmp_path, answer()) as (port, certificate):
        yield f"https://127.0.0.1:{port}/", certificate


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"nothing\.pem"):
        Web({"SSL_CERT_FILE": str(tmp_path / "nothing.pem")}).get("https://127.0.0.1:1/", limit=1)


def test_S6_more_than_the_limit_is_refused(serve: Callable[..., Server], web: Web) -> None:
    server = serve(answer())
    with pytest.raises(IntegrityError, match="longer"):
        web.get(server.url, limit=len(BODY) - 1)
    assert web.get(server.url, limit=len(BODY)).body == BODY


def test_a_conditional_request_may_be_answered_without_a_body(serve: Callable[..., Server], web: Web) -> None:
    server = serve(answer(304, b"", ETag='"x"'))
    found = web.get(server.url, {"If-None-Match": '"x"'}, limit=10)
    assert (found.status, found.body, found.headers["etag"]) == (304, b"", '"x"')
    assert server.headers()["if-none-match"] == '"x"'


def test_an_absent_page_is_an_answer_and_an_absent_file_an_error(
    serve: Callable[..., Server], web: Web
) -> None:
    server = serve(answer(404, b""))
    assert web.get(server.url, limit=10).status == 404
    with pytest.raises(ObjectAbsentError):
        whole(web, server.url)
    with pytest.raises(ObjectAbsentError):
        web.size(server.url)


def test_the_size_is_known_without_a_head_request(serve: Callable[..., Server], web: Web) -> None:
    assert web.size(serve(ranged).url) == len(BODY)
    assert web.size(serve(answer()).url) == len(BODY)


def test_K11_redirects_carry_no_credentials_to_another_host(serve: Callable[..., Server]) -> None:
    other = serve(answer())
    first = serve(answer(302, b"", Location=f"{other.url}/there?x=1"))
    web = Web(
        {}, account=lambda origin: Account(user="me", password="canary") if origin == first.url else None
    )
    found = web.get(f"{first.url}/here", {"Cookie": "canary", "Accept": "x"}, limit=1 << 20)
    assert found.body == BODY
    assert found.url == f"{other.url}/there?x=1"
    assert first.headers()["authorization"].startswith("Basic ")
    assert other.headers()["accept"] == "x"
    assert not {"authorization", "cookie", "referer"} & other.headers().keys()


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest", "http://index.example.com/", "file:///etc/passwd"]
)
def test_M13_a_redirect_to_an_unsafe_place_is_refused_before_it_is_asked(
    serve: Callable[..., Server], web: Web, target: str
) -> None:
    server = serve(answer(302, b"", Location=target))
    with pytest.raises(IntegrityError, match="redirects to an unsafe URL"):
        whole(web, server.url)
    assert len(server.seen) == 1


def test_a_circle_of_redirects_ends(serve: Callable[..., Server], web: Web) -> None:
    server = serve(answer(302, b"", Location="/again"))
    with pytest.raises(StoreError, match="redirects more than 5 times"):
        whole(web, server.url)
    assert len(server.seen) == 6


@pytest.mark.parametrize(
    "url", ["http://index.example.com/a", "file:///etc/passwd", "https://169.254.169.254/"]
)
def test_M13_an_unsafe_url_is_refused_before_any_request(web: Web, url: str) -> None:
    with pytest.raises(IntegrityError):
        whole(web, url)


def test_http_elsewhere_is_read_only_where_a_user_configured_it() -> None:
    web = Web({}, plain=frozenset({"http://index.invalid"}))
    with pytest.raises(StoreError, match=r"index\.invalid"):
        whole(web, "http://index.invalid/a")
    with pytest.raises(IntegrityError):
        whole(web, "http://other.invalid/a")


def signed(url: str, *, ends: datetime) -> str:
    begins = ends - timedelta(seconds=60)
    return f"{url}/a.whl?X-Amz-Date={begins:%Y%m%dT%H%M%SZ}&X-Amz-Expires=60&X-Amz-Signature=canary"


def everything(error: PipperError) -> str:
    return repr(error) + error.message + error.cause + error.hint


def test_K9_an_expired_signature_tells_when_it_ended(serve: Callable[..., Server], web: Web) -> None:
    server = serve(answer(403, b"<Error><Code>AccessDenied</Code></Error>"))
    url = signed(server.url, ends=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    with pytest.raises(
        AccessError, match=r"authorization expired at 2026-01-02 03:04:05 UTC \(local now "
    ) as caught:
        whole(web, url)
    assert "canary" not in everything(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "cause"),
    [
        (403, "SignatureDoesNotMatch", "changed"),
        (403, "AccessDenied", "local time"),
        (400, "ExpiredToken", "session"),
    ],
)
def test_K9_another_refusal_is_told_as_what_it_is(
    serve: Callable[..., Server], web: Web, status: int, code: str, cause: str
) -> None:
    server = serve(answer(status, f"<Error><Code>{code}</Code></Error>".encode()))
    with pytest.raises(AccessError, match=code) as caught:
        whole(web, signed(server.url, ends=datetime.now(UTC) + timedelta(hours=1)))
    assert cause in caught.value.cause
    assert "canary" not in everything(caught.value)


def test_a_refusal_without_a_signature_asks_for_credentials(serve: Callable[..., Server], web: Web) -> None:
    with pytest.raises(AccessError) as caught:
        whole(web, serve(answer(401, b"")).url)
    assert "credentials" in caught.value.cause


@pytest.mark.parametrize(
    ("environ", "proxied"),
    [
        ({"HTTPS_PROXY": "{proxy}"}, True),
        ({"https_proxy": "{proxy}"}, True),
        ({"ALL_PROXY": "{proxy}"}, True),
        ({"HTTPS_PROXY": "{proxy}", "NO_PROXY": ".invalid"}, False),
        ({"HTTPS_PROXY": "{proxy}", "NO_PROXY": "*"}, False),
        ({"HTTP_PROXY": "{proxy}"}, False),
    ],
)
def test_https_goes_through_the_proxy_of_the_environment(
    environ: dict[str, str], proxied: bool, waits: list[float]
) -> None:
    asked: list[str] = []

    class Proxy(QuietHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(502)

    with served(Proxy) as proxy, pytest.raises(StoreError):
        whole(
            Web({name: value.format(proxy=proxy.url) for name, value in environ.items()}),
            "https://a.invalid/x",
        )
    assert bool(asked) == proxied


FIRST_REQUESTS = """
import threading
from pipper.http.errors import translated
from pipper.http.pool import Pool

start, wrong = threading.Barrier(8), []

def first(number):
    start.wait()
    try:
        if number % 2:
            with translated("http://127.0.0.1"):
                pass
        else:
            Pool({})._open("", False)
    except ImportError as error:
        wrong.append(error)

threads = [threading.Thread(target=first, args=(number,)) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not wrong, wrong
"""


def test_the_first_requests_of_many_threads_import_what_they_need_together() -> None:
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", FIRST_REQUESTS], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
