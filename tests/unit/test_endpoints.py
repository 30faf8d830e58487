"""T10: which servers are Amazon's, which URLs are read alike by everybody, and where a redirect leads."""

import contextlib
import os
import shlex
from pathlib import Path

import pytest

from pipper.core.access import Access, Chooser, Credentials, RepositoryOptions
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.errors import AccessError, PipperError, UsageError
from pipper.repository.access import open_bucket
from pipper.repository.endpoints import is_amazon, require_confirmed
from pipper.repository.named_repositories import NamedRepositories, NamedRepository
from pipper.storage.s3.location import S3Location
from pipper.storage.s3.store import S3Store
from tests.recorder import recording

KEYS = Credentials(access_key_id="AKIACANARY", secret_access_key="canary", session_token="canary-token")
DEFAULT = Access(step="the profile `default`", chooser=Chooser.MACHINE, owner="default")
GIVEN = Access(step="the credentials given with -c", credentials=KEYS)


def confirm(access: Access, url: str, **entries: NamedRepository) -> None:
    named = NamedRepositories(path=Path("repositories.json"), entries=entries)
    repository = RepositoryEntry(alias="acme", url="s3://bucket", endpoint_url=url)
    require_confirmed(access, repository, RepositoryOptions(), named, {})


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.amazonaws.com",
        "https://s3.eu-west-1.amazonaws.com/",
        "https://s3.eu-west-1.amazonaws.com:443",
        "https://s3-eu-west-1.amazonaws.com",
        "https://s3.dualstack.us-east-2.amazonaws.com",
        "https://s3-fips.us-gov-west-1.amazonaws.com",
        "https://s3.cn-north-1.amazonaws.com.cn",
        "https://s3-accelerate.amazonaws.com",
    ],
)
def test_T10_a_server_of_amazons_needs_no_word(url: str) -> None:
    assert is_amazon(url)
    confirm(DEFAULT, url)


@pytest.mark.parametrize(
    "url",
    [
        "http://s3.eu-west-1.amazonaws.com",
        "https://s3.amazonaws.com.evil.example",
        "https://s3.eu-west-1.amazonaws.com.evil.example",
        "https://s3.amazonaws.com@evil.example",
        "https://s3.amazonaws.com:443@evil.example",
        "https://evil.example/s3.amazonaws.com",
        "https://evil.example#s3.amazonaws.com",
        "https://evil.example?s3.amazonaws.com",
        "https://evil.example\\.s3.amazonaws.com",
        "https://evil.example\\@s3.amazonaws.com",
        "https://s3.amazonaws.com\\@evil.example",
        "https://s3.amazonaws.com\\.evil.example",
        "https://s3.amazonaws.com\n.evil.example",
        "https://s3.amazonaws.com\t.evil.example",
        "https://s3.amazonaws.com .evil.example",
        "https://s3.amazonaws.com%2eevil.example",
        "https://s3.amazonaws.com:8443",
        "https://s3-amazonaws.com",
        "https://xs3.amazonaws.com",
        "https://s3xamazonaws.com",
        "https://ec2-192-0-2-1.compute-1.amazonaws.com",
        "https://evil.execute-api.us-east-1.amazonaws.com",
        "https://s3.evil-1.elb.amazonaws.com",
        "https://s3.eu-west-1.amazonaws.com\u3002evil.example",
        "https://s3.amazonaws.\u212aom",
        "https://[::1",
        "https://",
        "//s3.amazonaws.com",
        "file:///s3.amazonaws.com",
        "https://evil.example",
        "https://127.0.0.1:9000",
        "http://localhost:9000",
    ],
)
def test_T10_any_other_server_gets_nothing_without_a_word(url: str) -> None:
    assert not is_amazon(url)
    with pytest.raises((AccessError, UsageError)):
        confirm(DEFAULT, url)


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [
        ("http://127.0.0.1:9000", True),
        ("http://127.8.0.1", True),
        ("http://[::1]:9000", True),
        ("http://localhost:9000", True),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0", False),
        ("http://minio:9000", False),
        ("HTTP://store.example.com", False),
        ("https://store.example.com", True),
    ],
)
def test_T10_plain_http_is_for_this_machine_unless_the_user_confirms_the_server(
    url: str, is_sent: bool
) -> None:
    if is_sent:
        confirm(GIVEN, url)
        return
    with pytest.raises(AccessError, match="is not confirmed") as caught:
        confirm(GIVEN, url)
    assert "plain http" in caught.value.cause
    confirm(GIVEN, url, lab=NamedRepository(name="lab", endpoint_url=url))


def test_T10_the_hint_can_be_copied_into_a_shell_whatever_the_manifest_says() -> None:
    of_manifest = Access(step="the profile", chooser=Chooser.MANIFEST, owner="x; touch y")
    with pytest.raises(AccessError) as caught:
        confirm(of_manifest, "https://evil.example/$(touch${IFS}z)")
    words = shlex.split(caught.value.hint.partition("once: ")[2])
    assert words[-4:] == ["--endpoint-url", "https://evil.example/$(touch${IFS}z)", "-p", "x; touch y"]
    assert "'https://evil.example/$(touch${IFS}z)'" in caught.value.hint


def test_T10_a_server_is_its_scheme_host_and_port() -> None:
    confirmed = NamedRepository(name="lab", endpoint_url="https://s3.example.com", profile="default")
    confirm(DEFAULT, "https://S3.example.com:443/below", lab=confirmed)
    for other in ("http://s3.example.com", "https://s3.example.com:444", "https://x.s3.example.com"):
        with pytest.raises(AccessError):
            confirm(DEFAULT, other, lab=confirmed)


@pytest.mark.parametrize(
    "region", ["evil.example/", "evil.example#", "x@evil.example/", "..", "a.b", "a/b", ""]
)
@pytest.mark.parametrize("bucket", ["bucket", "with.dots", "UPPER", "under_score"])
def test_T10_a_region_and_a_bucket_of_a_manifest_never_lead_away_from_amazon(
    region: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    entry = RepositoryEntry(alias="acme", url=f"s3://{bucket}", region=region)
    with contextlib.suppress(PipperError):
        store = open_bucket(entry, GIVEN)
        assert isinstance(store, S3Store)
        assert store._connection.direct() is None  # botocore decides
        with store._request("read", ""):
            url = store._connection.client().generate_presigned_url("head_bucket", Params={"Bucket": bucket})
        host = url.partition("://")[2].partition("/")[0]
        assert host.endswith(".amazonaws.com")
        assert "evil" not in host


@pytest.mark.parametrize(
    "bucket",
    [
        "evil.example/x",
        "x@evil.example",
        "evil.example:80",
        "arn:aws:s3:eu-west-1:1:accesspoint/x",
        "a b",
        "..",
        "x?",
    ],
)
def test_T10_a_bucket_that_would_change_the_host_is_refused(bucket: str) -> None:
    with pytest.raises(UsageError):
        S3Location(bucket=bucket)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400])
def test_T10_no_redirect_leads_to_another_server(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with recording() as near, recording() as far:
        near.status = status
        near.headers = {"Location": f"{far.url}/bucket/x", "x-amz-bucket-region": f"{far.host}/#"}
        near.body = (
            "<Error><Code>PermanentRedirect</Code><Bucket>bucket</Bucket>"
            f"<Endpoint>{far.host}</Endpoint><Region>{far.host}/#</Region></Error>"
        ).encode()
        entry = RepositoryEntry(alias="acme", url="s3://bucket", endpoint_url=near.url, region="eu-west-1")
        store = open_bucket(entry, GIVEN)
        for ask in (
            lambda: store.read("x"),
            lambda: store.head("x"),
            lambda: list(store.list("x")),
            lambda: store.create("x", b"x", content_type="text/plain"),
            lambda: store.presign("x", seconds=60),
        ):
            with contextlib.suppress(PipperError):
                ask()
        store._connection.client().close()
        assert near.requests
        assert far.requests == []


@pytest.mark.parametrize("status", [301, 302, 307])
def test_T10_a_server_that_redirects_whatever_it_is_asked_is_not_asked_without_end(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with recording() as near:
        near.status = status
        store = open_bucket(RepositoryEntry(alias="acme", url="s3://bucket", endpoint_url=near.url), GIVEN)
        for ask in (store.read, store.head):
            with pytest.raises(PipperError):
                ask("x")
        assert len(near.requests) < 20
