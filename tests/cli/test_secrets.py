"""K1: no secret in anything a command says, at any verbosity, in success and in failure."""

import json
from pathlib import Path

import pytest

from tests.invariants import CANARIES, Workspace
from tests.s3_double import Answer, Rule, S3Double

KEY, SECRET, TOKEN = CANARIES.values()
NOBODY = dict.fromkeys(CANARIES, "")


def test_K01_nothing_is_told_in_success(remote: Workspace) -> None:
    for args in (
        ("publish", remote.wheel("epsilon"), "-v"),
        ("lock", "-U", "-v"),
        ("sync", "-v"),
        ("lock", "--json"),
    ):
        remote.check_secrets(remote.run(*args))


@pytest.mark.parametrize(
    "code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "AccessDenied"]
)
def test_K01_nothing_is_told_in_failure(code: str, remote: Workspace, double: S3Double) -> None:
    answer = Answer(status=403, code=code, elements={"AWSAccessKeyId": KEY, "StringToSign": SECRET})
    double.script(Rule(operation="*", fault=answer, times=float("inf")))
    for args in (("lock", "-U", "-v"), ("sync", "-v"), ("publish", "-v", remote.wheel("epsilon"))):
        done = remote.run(*args, code=5)
        remote.check_secrets(done)


def test_K01_a_secret_in_the_wrong_place_is_not_repeated(remote: Workspace) -> None:
    for args in (
        ("lock", "-c", KEY, SECRET, TOKEN, "extra"),
        ("lock", "-c", KEY, SECRET, TOKEN, "extra", "more"),
        ("lock", f"-c{KEY}", SECRET, TOKEN, "extra"),
        ("lock", f"--credentials={KEY}", SECRET, TOKEN, "extra"),
        ("lock", "-c", KEY, SECRET, "0", TOKEN),
        ("lock", "-c", KEY, SECRET, "0", "x", TOKEN),
    ):
        remote.refused(*args, code=2, subject="", env=NOBODY)


def test_K01_a_password_in_a_url_is_not_repeated(workspace: Workspace) -> None:
    for url in (
        f"s3://me:{SECRET}@bucket",
        f"https://me:{SECRET}@example.com/x",
        f"file://me:{SECRET}@host/x",
    ):
        workspace.refused("lock", "-b", url, code=2, subject="")


def test_credentials_are_taken_with_and_without_a_token(remote: Workspace) -> None:
    for given in (
        ("-c", KEY, SECRET),
        ("-c", KEY, SECRET, TOKEN),
        ("-c", KEY, SECRET, "0", "-q"),
        ("-c", KEY, SECRET, "-q"),
    ):
        remote.run("lock", "-U", *given, env=NOBODY)


def test_verbose_names_the_step_that_gave_the_credentials(remote: Workspace) -> None:
    place = f"s3://{remote.bucket}/pipper: uses"
    assert f"{place} the variables AWS_*" in remote.run("lock", "-U", "-v").stderr
    given = remote.run("lock", "-U", "-v", "-c", KEY, SECRET, env=NOBODY)
    assert f"{place} the credentials given with -c" in given.stderr


def test_a_named_repository_gives_bucket_and_credentials(remote: Workspace) -> None:
    assert remote.environment
    folder = Path(remote.environment["HOME"]) / ".pipper"
    folder.mkdir(exist_ok=True)
    file = folder / "repositories.json"
    entry = {
        "bucket": remote.bucket,
        "root_prefix": "pipper",
        "access_key_id": KEY,
        "secret_access_key": SECRET,
    }
    file.write_text(json.dumps({"repositories": {"main": entry}, "default": "main"}))
    file.chmod(0o600)
    done = remote.run("lock", "-r", "main", "-v", env=NOBODY)
    assert SECRET not in done.stderr
    assert "the repository `main` of repositories.json, given with -r" in done.stderr
    file.chmod(0o644)
    assert f"warning: other users can read {file}" in remote.run("lock", env=NOBODY).stderr
    file.write_text("{")
    done = remote.run("lock", env=NOBODY, code=5)
    assert f"error: {file}: " in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("sync", "--lock"),
        ("download", "--lock"),
        ("download", "-i"),
        ("install", "-i"),
        ("authorize", "-i"),
        ("export", "-f", "pylock", "-o"),
        ("authorize", "-o"),
    ],
)
def test_K01_a_url_in_place_of_a_file_is_told_without_its_secret(
    workspace: Workspace, args: tuple[str, ...]
) -> None:
    for url in (f"https://me:{SECRET}@example.com/x.lock", f"https://example.com/x.lock?sig={SECRET}"):
        told = workspace.refused(*args, url, code=2, subject="a URL is not a file").stderr
        assert "https://example.com/x.lock\n" in told
