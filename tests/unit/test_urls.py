"""Which URLs are read, and what of one is shown."""

from datetime import UTC, datetime

import pytest

from pipper.core.urls import index_url_fault, is_signed, shown, signed_until, url_fault

SIGNED = (
    "https://bucket.example.com/a.whl?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIACANARY%2F2026"
    "&X-Amz-Date=20261122T100000Z&X-Amz-Expires=600&X-Amz-Signature=canary"
)
OLD = "https://bucket.example.com/a.pipper?AWSAccessKeyId=AKIACANARY&Signature=canary&Expires=1795600000"


@pytest.mark.parametrize(
    "url",
    [
        "https://index.example.com/a.whl",
        "https://index.example.com:8443/a.whl?x=1#sha256=0",
        "https://10.0.0.7/a.whl",
        "http://localhost:9000/a.whl",
        "http://127.0.0.1/a.whl",
        "http://127.9.9.9:1/a.whl",
        "http://[::1]:9000/a.whl",
    ],
)
def test_https_and_http_to_this_machine_are_read(url: str) -> None:
    assert url_fault(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254/latest",
        "https://[fe80::1]/a.whl",
        "https://[fe80::1%25eth0]/a.whl",
        "https://[::ffff:169.254.169.254]/a.whl",
        "https://[fd00:ec2::254]/a.whl",
        "https://100.100.100.200/a.whl",
        "https://2852039166/a.whl",
        "https://0xA9FEA9FE/a.whl",
        "https://169.254.43518/a.whl",
        "http://127.1/a.whl",
        "http://index.example.com/a.whl",
        "http://10.0.0.7/a.whl",
        "http://localhost.example.com/a.whl",
        "http://127.0.0.1.example.com/a.whl",
        "file:///etc/passwd",
        "ftp://index.example.com/a.whl",
        "s3://bucket/a.whl",
        "https://user:secret@index.example.com/a.whl",
        "https://user@index.example.com/a.whl",
        "https:///a.whl",
        "https://index.example.com:0/a.whl",
        "https://index.example.com:port/a.whl",
        "https://index.example.com/a b.whl",
        "https://index.example.com/a\n.whl",
        "https://index.example.com\\@evil.example.com/a.whl",
        "https://[::1/a.whl",
        "//index.example.com/a.whl",
        "a.whl",
        "",
    ],
)
def test_M13_nothing_else_is_read(url: str) -> None:
    assert url_fault(url) != ""


@pytest.mark.parametrize("url", ["http://index.example.com/a.whl", "file:///srv/index/a.whl"])
def test_a_configured_index_may_be_on_http_or_in_a_folder(url: str) -> None:
    assert url_fault(url) != ""
    assert index_url_fault(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/a.whl",
        "http://user:secret@index.example.com/a.whl",
        "file://host/a.whl",
        "file:///srv/index/../../etc/a.whl",
        "file:///srv/index/%2e%2e/a.whl",
        "s3://bucket/a.whl",
        "a.whl",
    ],
)
def test_M13_no_index_is_there(url: str) -> None:
    assert index_url_fault(url) != ""


def test_what_is_shown_holds_neither_query_nor_password() -> None:
    assert shown(SIGNED) == "https://bucket.example.com/a.whl"
    assert shown("https://user:secret@host.example.com/a#x") == "https://host.example.com/a"


def test_a_signature_is_seen_and_its_end_is_known() -> None:
    assert is_signed(SIGNED)
    assert signed_until(SIGNED) == datetime(2026, 11, 22, 10, 10, tzinfo=UTC)
    assert is_signed(OLD)
    assert signed_until(OLD) == datetime.fromtimestamp(1795600000, UTC)


@pytest.mark.parametrize(
    "url",
    [
        "https://host.example.com/a.whl",
        "https://host.example.com/a.whl?expires=1795600000",
        "https://host.example.com/a.whl?X-Amz-Expires=ten&X-Amz-Date=20261122T100000Z",
        "https://host.example.com/a.whl?X-Amz-Expires=600",
        "https://host.example.com/a.whl?X-Amz-Expires=600&X-Amz-Date=yesterday",
        "https://host.example.com/a.whl?" + "&".join(f"x{number}=" for number in range(1000)),
    ],
)
def test_what_does_not_say_when_it_ends_has_no_end(url: str) -> None:
    assert signed_until(url) is None


def test_an_absurd_end_is_no_error() -> None:
    url = f"https://host.example.com/a?X-Amz-Expires={'9' * 30}&X-Amz-Date=20261122T100000Z"
    assert signed_until(url) is not None
