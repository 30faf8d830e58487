"""Which URLs are read, and what of one is shown."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipper.core.redaction import has_account, redacted, shown, without_account
from pipper.core.urls import index_url_fault, is_signed, signed_until, url_fault

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


@pytest.mark.parametrize("slashes", ["//", "/", "///"])
@pytest.mark.parametrize("user", ["me", "me@example.com", "", "aws-id"])
@pytest.mark.parametrize(
    "password", ["pw", "p/w", "/", "p?w", "p#w", "p@w", "p@w/@x", "12/34", "8080", "a'b", ""]
)
def test_no_password_is_shown_however_it_is_written(slashes: str, user: str, password: str) -> None:
    url = f"https:{slashes}{user}:{password}@host.example.com/a.whl"
    assert shown(f"{url}?x=1#y") == f"https:{slashes}host.example.com/a.whl"
    assert without_account(f"{url}?x=1") == f"https:{slashes}host.example.com/a.whl?x=1"
    assert has_account(url)
    redaction = f"cannot read `https:{slashes}****@host.example.com/a.whl`: see https://index.example.com"
    assert redacted(f"cannot read `{url}`: see https://index.example.com") == redaction
    assert redacted(redaction) == redaction


@given(password=st.text(alphabet="canry0189/?#@:.&='%", min_size=6))
def test_no_part_of_a_password_is_left_in_a_text(password: str) -> None:
    for scheme in ("https://", "https:/", "s3://"):
        assert redacted(f"at {scheme}me:{password}@host now") == f"at {scheme}****@host now"


@pytest.mark.parametrize(
    "url",
    [
        "https://host.example.com/a@b.whl",
        "https://host.example.com:8443/a@b.whl",
        "http://localhost:9000/a:b@c",
        "http://[::1]:9000/a@b",
        "https://host.example.com/a?mail=me:you@example.com",
        "file:///home/me@work:x/a@b",
        "s3://bucket/prefix@1",
        "C:\\folder:x@y",
        "foo @ https://host.example.com:8443/a@1.whl",
    ],
)
def test_a_url_without_account_stays_as_it_is(url: str) -> None:
    assert redacted(url) == without_account(url) == url
    assert not has_account(url)


def test_each_account_of_a_text_is_cut_and_each_signature() -> None:
    text = (
        f"https://a.example.com/x,https://token@b.example.com/y@1 git+ssh://me:pw@c:7/z, '{SIGNED}' \"{OLD}\""
    )
    assert redacted(text) == (
        "https://a.example.com/x,https://****@b.example.com/y@1 git+ssh://****@c:7/z,"
        " 'https://bucket.example.com/a.whl?****' \"https://bucket.example.com/a.pipper?****\""
    )
    assert redacted("https://a.example.com/x?sv=1&sig=canary https://a.example.com/?design=1") == (
        "https://a.example.com/x?**** https://a.example.com/?design=1"
    )


def test_given_secrets_are_cut_the_longest_first() -> None:
    assert redacted("no such option: canary-key canary", ["canary", "canary-key", ""]) == (
        "no such option: **** ****"
    )


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
