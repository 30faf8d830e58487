"""Requests that are sent without boto3: what goes over the wire, and what comes back unchanged."""

import contextlib
import gzip
import hashlib
import socket
import threading
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from pipper.core.access import Credentials
from pipper.errors import StoreError
from pipper.http.pool import Pool
from pipper.storage.s3.fast.client import Direct
from pipper.storage.s3.fast.plain_access import PlainAccess
from pipper.storage.s3.location import S3Location
from pipper.storage.s3.store import S3Store

KEYS = Credentials(access_key_id="AKIA", secret_access_key="SECRET")


def answer(body: bytes, headers: str = "", status: str = "200 OK") -> bytes:
    etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nETag: {etag}\r\n{headers}\r\n"
    return head.encode() + body


class Scripted:
    """A server that gives the next of `answers` to each request, and hangs up where that is None."""

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        self.asked: list[str] = []
        self.connections = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            while head := connection.recv(65536):
                self.asked.append(head.decode().partition("\r\n")[0])
                if (text := self.answers.pop(0)) is None:
                    return
                connection.sendall(text)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # not every system knows this for a socket that listens
            self._socket.shutdown(socket.SHUT_RDWR)  # on Linux close alone does not wake a thread in accept
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()


def access_to(server: Scripted) -> PlainAccess:
    return PlainAccess(root=f"{server.url}/acme", region="eu-west-1", credentials=KEYS, ca_file=None)


@pytest.fixture
def store(server: Scripted) -> S3Store:
    return S3Store(S3Location(bucket="acme", endpoint_url=server.url, region="eu-west-1"), credentials=KEYS)


def test_a_body_that_is_stored_compressed_is_given_as_it_is_stored(server: Scripted, store: S3Store) -> None:
    stored = gzip.compress(b"alpha" * 100)
    server.answers = [answer(stored, "Content-Encoding: gzip\r\n")]
    assert store.read("x").body == stored


def test_a_connection_that_was_closed_while_idle_is_replaced_and_the_way_stays_useful(
    server: Scripted,
) -> None:
    server.answers = [answer(b"1"), None, answer(b"2"), None, None]
    direct = Direct(access_to(server), {})
    for key, body in (("a", b"1"), ("b", b"2")):
        opened = direct.get(key, "", subject=key)
        assert opened is not None
        assert opened.body.read() == body
        assert direct.is_useful
    assert server.asked == [f"GET /acme/{key} HTTP/1.1" for key in ("a", "b", "b")]
    assert direct.get("c", "", subject="c") is None
    assert not direct.is_useful


def test_a_body_that_nobody_reads_to_its_end_takes_its_connection_along(
    server: Scripted, store: S3Store
) -> None:
    server.answers = [answer(b"x" * 3_000_000), answer(b"2")]
    with store.stream("a") as pieces:
        next(pieces)
    assert store.read("b").body == b"2"
    assert server.connections == 2


def test_B03_a_listing_that_has_no_end_is_given_up(server: Scripted, store: S3Store) -> None:
    entry = "<Key>{}</Key><Size>1</Size><ETag>e</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    pages = [f"{more}<Contents>{entry.format(key)}</Contents>" for key in ("a", "b", "a")]
    pages.insert(1, more)  # an empty page is none of its faults
    server.answers = [answer(f"<ListBucketResult>{page}</ListBucketResult>".encode()) for page in pages]
    with pytest.raises(StoreError, match="cannot list s3://acme/"):
        list(store.list())


def test_a_space_in_a_listing_may_be_written_as_a_plus(server: Scripted, store: S3Store) -> None:
    entry = "<Key>{}</Key><Size>1</Size><ETag>e</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
    entries = "".join(f"<Contents>{entry.format(key)}</Contents>" for key in ("a+b%2Bc", "d%20e"))
    text = f"<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{entries}"
    server.answers = [answer(f"<ListBucketResult>{text}</ListBucketResult>".encode())]
    assert [found.key for found in store.list()] == ["a b+c", "d e"]


@pytest.mark.parametrize("root", ["https://acme.s3.eu-west-1.amazonaws.com", "http://127.0.0.1:9/acme"])
def test_the_path_that_is_signed_is_the_one_that_is_sent(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    sent = []

    def get(_pool: Pool, url: str, _headers: Mapping[str, str]) -> None:
        sent.append(urlsplit(url).path)
        raise OSError

    monkeypatch.setattr(Pool, "get", get)
    access = PlainAccess(root=root, region="eu-west-1", credentials=KEYS, ca_file=None)
    assert Direct(access, {}).page({"prefix": ""}) is None
    assert sent == [urlsplit(root).path or "/"]


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5000, "-1", ""])
def test_a_length_that_is_none_is_left_to_boto3(server: Scripted, length: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nETag: e\r\n\r\n"
    server.answers = [head.encode("latin-1")]
    direct = Direct(access_to(server), {})
    assert direct.get("x", "", subject="x") is None
    assert not direct.is_useful


def test_a_range_after_the_end_does_not_make_a_useless_way_useful(server: Scripted) -> None:
    server.answers = [
        answer(b"", status="416 Range Not Satisfiable"),
        answer(b"", status="503 Slow Down"),
        answer(b"", status="416 Range Not Satisfiable"),
    ]
    direct = Direct(access_to(server), {})
    seen = []
    for _ in range(3):
        assert direct.get("x", "bytes=9-", subject="x") is None
        seen.append(direct.is_useful)
    assert seen == [True, False, False]
