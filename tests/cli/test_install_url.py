"""`pipper install URL`: the file is taken, its signature is not; a refusal is never taken for a file."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.commands import Completed
from tests.invariants import CANARIES, Workspace
from tests.s3_double import Answer, OtherBody, Rule, S3Double

NOBODY = dict.fromkeys(CANARIES, "")
MARK = "the body of a refusal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A URL and what of it nobody may keep."""

    url: str
    signature: str

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.rpartition("/")[2]

    @property
    def expired(self) -> str:
        """The same URL, as if it had been signed yesterday."""
        yesterday = datetime.now(UTC) - timedelta(days=1)
        return re.sub(r"(X-Amz-Date=)[0-9TZ]+", rf"\g<1>{yesterday:%Y%m%dT%H%M%SZ}", self.url)


@pytest.fixture(params=["wheel", "bundle"])
def signed(request: pytest.FixtureRequest, remote: Workspace, double: S3Double) -> Signed:
    """Of a wheel or a bundle that nothing else installed yet, and that needs nothing."""
    remote.publish(remote.wheel("solo", "1.0.0"))
    ending = {"wheel": "solo-1.0.0-py3-none-any.whl", "bundle": "solo/v1-0-0.pipper"}[request.param]
    (key,) = (key for key in double.contents(remote.bucket) if key.endswith(ending))
    url = double.endpoint.store(remote.bucket).presign(key.removeprefix("pipper/"), seconds=600)
    for wheel in (remote.root / "wheels").iterdir():
        wheel.unlink()
    double.forget()
    return Signed(url=url, signature=parse_qs(urlsplit(url).query)["X-Amz-Signature"][0])


def check_no_signature(workspace: Workspace, signed: Signed, done: Completed) -> None:
    """Neither in what was said nor in any file: manifest, lock, environment, cache or another one."""
    workspace.check_secrets(done)
    for part in (signed.signature, "X-Amz-"):
        assert part not in done.stdout + done.stderr
        for path in workspace.root.rglob("*"):
            assert part not in path.name
            assert not path.is_file() or part.encode() not in path.read_bytes(), path


def files_with(mark: str, root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and mark.encode() in path.read_bytes()]


def test_it_is_installed_into_a_target_without_credentials_and_its_signature_is_kept_nowhere(
    remote: Workspace, double: S3Double, signed: Signed
) -> None:
    target = remote.root / "target"
    done = remote.run("install", signed.url, "-t", target, "-v", env=NOBODY, cwd=remote.root)
    assert remote.installed(target) == {"solo": "1.0.0"}
    assert (target / "solo" / "__init__.py").is_file()
    assert double.count("GetObject", "pipper/solo/*") == 1
    check_no_signature(remote, signed, done)


def test_in_a_project_it_is_locked_without_its_url_and_can_be_synced_again(
    remote: Workspace, double: S3Double, signed: Signed
) -> None:
    done = remote.run("install", signed.url, "-v")
    assert remote.installed()["solo"] == "1.0.0"
    check_no_signature(remote, signed, done)
    assert signed.url.partition("?")[0] not in remote.lock.read_text() + remote.manifest.read_text()
    for path in remote.site.glob("solo/*.py"):
        path.unlink()
    double.forget()
    check_no_signature(remote, signed, remote.run("sync", "-v"))
    remote.run("sync", "--check", "--verify")
    assert double.count("*", "*solo*") == 0


def test_K09_an_expired_url_is_refused_before_anything_is_asked(
    remote: Workspace, double: S3Double, signed: Signed
) -> None:
    done = remote.refused("install", signed.expired, code=5, subject="authorization expired at")
    assert double.count("GetObject", "*solo*") == 0
    check_no_signature(remote, signed, done)


def test_the_body_of_a_refusal_is_never_saved(remote: Workspace, double: S3Double, signed: Signed) -> None:
    answer = Answer(status=403, code="AccessDenied", message=MARK)
    double.script(Rule(operation="GetObject", key="*solo*", fault=answer, times=float("inf")))
    check_no_signature(remote, signed, remote.refused("install", signed.url, code=5, subject="solo"))

    (remote.app / "authorized.json").write_text(json.dumps({"dependencies": [signed.url]}))
    saved = remote.root / "saved"
    done = remote.run("download", "-i", "authorized.json", "-d", saved, "--bundles", code=5)
    assert "X-Amz-" not in done.stdout + done.stderr
    assert not saved.exists() or not list(saved.iterdir())
    assert files_with(MARK, remote.root) == []


def test_a_page_in_place_of_the_file_does_not_pass_the_gate(
    remote: Workspace, double: S3Double, signed: Signed
) -> None:
    page = OtherBody(body=f"<html>{MARK}</html>".encode(), content_type="text/html", partial=False)
    double.script(Rule(operation="GetObject", key="*solo*", fault=page, times=float("inf")))
    check_no_signature(remote, signed, remote.refused("install", signed.url, code=4, subject=signed.name))
    assert files_with(MARK, remote.root) == []
