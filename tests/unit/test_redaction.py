"""What is cut out of messages and URLs: secrets as people mistype them, and nothing else."""

from pathlib import Path

import pytest

from pipper.core.access import Access, Credentials, RepositoryOptions
from pipper.core.redaction import mistyped_account, redacted, secrets_of

WORDS = (
    "plain-word",
    "with/slash",
    "with?mark",
    "with#hash",
    "with@sign",
    "with:colon",
    "with//two",
    "wi/th@a?b#ll",
)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(
    "url",
    [
        "https://me:{0}@host/x.whl",
        "https://me:{0}@127.0.0.1:8080/x.whl",
        "s3://AKIA:{0}@bucket/pipper",
        "https:/me:{0}@host/x",
        "https:me:{0}@host/x",
        "//me:{0}@host/x",
        "file:///me:{0}@host/x",
        "acme=s3://AKIA:{0}@bucket",
        "x @ https://me:{0}@host/x.whl",
        "git+https://me:{0}@host/x.git",
    ],
)
def test_T12_a_password_is_found_whatever_is_in_it(url: str, word: str) -> None:
    value = url.format(word)
    assert mistyped_account(value).endswith(f":{word}@")
    for shown in (value, repr(value), str(Path(value)), Path(value).as_posix(), value[:40]):
        said = redacted(f"cannot read {shown} here", secrets_of(value))
        assert not [part for part in word.replace("/", "@").split("@") if len(part) > 5 and part in said]


@pytest.mark.parametrize("url", ["https://{0}@host/x", "x @ git+https://{0}@host/x.git", "s3://{0}@bucket"])
def test_T12_a_token_alone_is_a_secret_too(url: str) -> None:
    value = url.format("ghp_0123456789")
    assert mistyped_account(value) == "ghp_0123456789@"
    assert "0123456789" not in redacted(repr(value), secrets_of(value))


@pytest.mark.parametrize(
    "value",
    [
        "acme-models>=1.4",
        "foo:1.2.*",
        "foo @ https://host/foo-1.0-py3-none-any.whl",
        "foo @ https://host.example.com:8443/a@b/foo.whl",
        "foo @ git+ssh://git@host/x.git",
        "s3://bucket/pipper",
        "acme=s3://bucket/pipper",
        "file:///srv/packages",
        "file:///srv/me@home/packages",
        "file:///C:/packages/me@home",
        "C:\\packages\\me@home",
        "../a:b@c/x",
        "https://index.example.com/simple",
        "http://127.0.0.1:9000",
        "http://[::1]:9000/x@y",
        "see https://forum.example.com/@me for why",
        "write to me@example.com",
        "3.12",
    ],
)
def test_T12_what_has_no_account_is_taken_as_it_is(value: str) -> None:
    assert mistyped_account(value) == ""


def test_T12_the_signature_of_a_url_is_found_in_every_form() -> None:
    url = "https://h/x.whl?X-Amz-Credential=AKIAEXAMPLE%2F2026&X-Amz-Signature=0123456789abcdef"
    for shown in (url, repr(url), url.replace("?", " "), url.partition("?")[2]):
        said = redacted(shown, secrets_of(url))
        assert "0123456789abcdef" not in said
        assert "AKIAEXAMPLE" not in said


def test_B03_a_word_with_very_many_urls_is_no_bomb() -> None:
    many = "https://user:pw" * 100_000
    assert redacted(f"me@h {many}") == f"me@h {many}"
    assert redacted(f"{many}@host") == "https://****@host"
    assert redacted("a.example.com:80/://" * 50_000 + "u:canary@h").endswith("://****@h")


def test_no_value_with_credentials_shows_them() -> None:
    keys = Credentials(access_key_id="AKIACANARY", secret_access_key="canary", session_token="canary-token")
    for value in (
        keys,
        Access(step="x", credentials=keys),
        RepositoryOptions(credentials=keys),
        [keys],
        {"a": keys},
    ):
        for said in (repr(value), str(value), f"{value}"):
            assert "canary" not in said.lower()
