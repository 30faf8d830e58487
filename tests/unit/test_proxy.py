"""Through a company's proxy and with its certificates: the index and a bucket alike."""

import hashlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pipper.core.access import Credentials
from pipper.errors import StoreError
from pipper.http.client import Web
from pipper.storage.s3.location import S3Location
from pipper.storage.s3.store import S3Store
from tests.loopback import closed_ports
from tests.s3_double import S3Double
from tests.tls import NAME, Proxy, https_server, make_certificate, proxy_to, secured

BODY = b"behind the proxy"


def _answer(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(BODY)))
    handler.send_header("ETag", f'"{hashlib.md5(BODY, usedforsecurity=False).hexdigest()}"')
    handler.end_headers()
    handler.wfile.write(BODY)


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[tuple[Proxy, Path]]:
    """A proxy before a server that is reached by `NAME` in no other way, and that server's certificate."""
    with https_server(tmp_path, _answer) as (port, certificate), proxy_to(port) as proxy:
        yield proxy, certificate


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_https_goes_through_the_proxy_of_the_environment(proxied: tuple[Proxy, Path], variable: str) -> None:
    proxy, certificate = proxied
    web = Web({variable: proxy.url, "SSL_CERT_FILE": str(certificate)})
    assert web.get(f"https://{NAME}/a", limit=100).body == BODY
    assert proxy.asked == [f"{NAME}:443"]
    assert proxy.accounts == [""]


def test_a_proxy_is_given_the_account_that_its_url_holds(proxied: tuple[Proxy, Path]) -> None:
    proxy, certificate = proxied
    url = proxy.url.replace("://", "://me:p%40ss@")
    web = Web({"HTTPS_PROXY": url, "SSL_CERT_FILE": str(certificate)})
    assert web.get(f"https://{NAME}/a", limit=100).body == BODY
    assert proxy.accounts == ["me:p@ss"]


def test_this_machine_is_never_asked_through_a_proxy(tmp_path: Path) -> None:
    with https_server(tmp_path, _answer) as (port, certificate), closed_ports() as (closed,):
        web = Web({"HTTPS_PROXY": f"http://127.0.0.1:{closed}", "SSL_CERT_FILE": str(certificate)})
        assert web.get(f"https://127.0.0.1:{port}/a", limit=100).body == BODY


def test_a_proxy_that_is_down_is_named_without_its_password() -> None:
    with closed_ports() as (closed,):
        web = Web({"HTTPS_PROXY": f"http://me:canary@127.0.0.1:{closed}"})
        with pytest.raises(StoreError) as down, web.stream(f"https://{NAME}/a") as pieces:
            list(pieces)
    assert "proxy" in down.value.cause
    assert "canary" not in f"{down.value.message}{down.value.cause}{down.value.hint}"


def test_a_bucket_is_read_through_the_proxy(
    proxied: tuple[Proxy, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, certificate = proxied
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
    keys = Credentials(access_key_id="AKIA", secret_access_key="SECRET")
    location = S3Location(bucket="acme", endpoint_url=f"https://{NAME}", region="us-east-1")
    store = S3Store(location, credentials=keys)
    assert store.read("x").body == BODY
    assert proxy.asked == [f"{NAME}:443"]


def test_a_bucket_behind_a_certificate_of_its_own_is_read_with_that_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = make_certificate(tmp_path)
    with S3Double() as double:
        bucket = double.endpoint.fresh_bucket()
        double.endpoint.store(bucket, prefix="").create("x", b"body", content_type="text/plain")
        port = urlsplit(double.endpoint.url).port or 0
        with secured(port, certificate, key) as url:
            location = S3Location(bucket=bucket, endpoint_url=url, region="us-east-1")
            with pytest.raises(StoreError, match=bucket) as refused:
                S3Store(location, credentials=double.endpoint.credentials).read("x")
            assert "certificate" in refused.value.cause
            monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
            assert S3Store(location, credentials=double.endpoint.credentials).read("x").body == b"body"
