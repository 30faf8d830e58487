"""T10: credentials go to a server that a manifest names only if the user chose them for it, or confirmed the server."""

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.aws_worlds import amazon
from tests.invariants import CANARIES, Workspace
from tests.recorder import Recorder, recording

KEY, SECRET, TOKEN = CANARIES.values()
NOBODY = {
    **dict.fromkeys(CANARIES, ""),
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "eu-west-1",
}
PROFILES = f"""
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = {SECRET}
aws_session_token = {TOKEN}
[prod-admin]
aws_access_key_id = AKIAPRODADMIN
aws_secret_access_key = {SECRET}
aws_session_token = {TOKEN}
"""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as found:
        yield found


@pytest.fixture
def clone(empty: Workspace, recorder: Recorder) -> Workspace:
    """A project whose manifest names the recorder; this machine has profiles and no variables."""
    empty.publish(empty.wheel("alpha"))
    empty.write_manifest("alpha")
    empty.run("lock")
    shutil.rmtree(empty.root / "cache")
    home = empty.root / "home"
    (home / ".aws").mkdir()
    (home / ".aws" / "credentials").write_text(PROFILES)
    write(empty, recorder)
    return empty


def write(workspace: Workspace, recorder: Recorder, more: str = "") -> None:
    """Write the manifest of the clone."""
    workspace.manifest.write_text(
        "dependencies = ['alpha']\nindex = false\n[repositories]\n"
        f"acme = {{ url = 's3://bucket', endpoint-url = '{recorder.url}'{more} }}\n"
    )


def store(workspace: Workspace, default: str | None = None, **entries: dict[str, str]) -> None:
    """Write `repositories.json`."""
    folder = workspace.root / "home" / ".pipper"
    folder.mkdir(exist_ok=True)
    file = folder / "repositories.json"
    file.write_text(json.dumps({"repositories": entries, "default": default}))
    file.chmod(0o600)


KEYS = {"access_key_id": "AKIAOFFILE", "secret_access_key": "s"}
COMMANDS = (
    ("lock", "-U"),
    ("sync",),
    ("info", "alpha"),
    ("outdated",),
    ("download", "-d", "wheels"),
    ("authorize", "-o", "x.lock"),
    ("install", "alpha"),
    ("repository", "check"),
    ("repository", "repair"),
    ("yank", "alpha:1.0.0"),
)


@pytest.mark.parametrize("args", COMMANDS, ids=" ".join)
def test_T10_the_profile_default_is_not_sent_to_a_server_that_a_manifest_names(
    args: tuple[str, ...], clone: Workspace, recorder: Recorder
) -> None:
    done = clone.run(*args, env=NOBODY, code=5)
    assert recorder.requests == []
    assert "no credentials are sent to the endpoint of `acme`" in done.stderr
    assert f"pipper repository add acme --endpoint-url {recorder.url} -p default" in done.stderr


def test_T10_publish_sends_nothing_to_a_server_that_a_manifest_names(
    clone: Workspace, recorder: Recorder
) -> None:
    clone.run("publish", clone.wheel("alpha"), env=NOBODY, code=5)
    assert recorder.requests == []


def test_T10_a_profile_that_the_manifest_names_is_not_sent_to_the_server_that_it_names(
    clone: Workspace, recorder: Recorder
) -> None:
    write(clone, recorder, ", profile = 'prod-admin'")
    done = clone.run("lock", "-U", env=NOBODY, code=5)
    assert recorder.requests == []
    assert "-p prod-admin" in done.stderr


def test_T10_neither_the_default_repository_nor_an_instance_is(clone: Workspace, recorder: Recorder) -> None:
    (clone.root / "home" / ".aws" / "credentials").unlink()
    store(clone, "main", main=KEYS)
    clone.run("lock", "-U", env=NOBODY, code=5)
    store_of = clone.root / "home" / ".pipper" / "repositories.json"
    store_of.unlink()
    with amazon() as url:
        here = {**NOBODY, "AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": url}
        clone.run("lock", "-U", env=here, code=5)
    assert recorder.requests == []


@pytest.mark.parametrize(
    ("args", "env", "sent"),
    [
        (("-c", "AKIAGIVEN", "s"), {}, "AKIAGIVEN"),
        (("-p", "prod-admin"), {}, "AKIAPRODADMIN"),
        (("-p", "default"), {}, "AKIADEFAULT"),
        (("-r", "keys"), {}, "AKIAOFFILE"),
        ((), {"AWS_PROFILE": "prod-admin"}, "AKIAPRODADMIN"),
        ((), {"AWS_DEFAULT_PROFILE": "prod-admin"}, "AKIAPRODADMIN"),
        ((), {"AWS_ACCESS_KEY_ID": "AKIAAWS", "AWS_SECRET_ACCESS_KEY": "s"}, "AKIAAWS"),
        ((), {"PIPPER_AWS_ACCESS_KEY_ID": "AKIAPIPPER", "PIPPER_AWS_SECRET_ACCESS_KEY": "s"}, "AKIAPIPPER"),
    ],
)
def test_T10_what_the_user_chooses_is_sent(
    args: tuple[str, ...], env: dict[str, str], sent: str, clone: Workspace, recorder: Recorder
) -> None:
    store(clone, keys=KEYS)
    write(clone, recorder, ", profile = 'prod-admin'")
    clone.run("lock", "-U", *args, env={**NOBODY, **env}, code=6)
    assert recorder.requests
    assert all(f"Credential={sent}/" in request for request in recorder.requests)


def test_T10_the_entry_named_like_the_alias_is_sent_and_comes_before_the_manifests_profile(
    clone: Workspace, recorder: Recorder
) -> None:
    store(clone, acme=KEYS)
    write(clone, recorder, ", profile = 'prod-admin'")
    clone.run("lock", "-U", env=NOBODY, code=6)
    assert recorder.requests
    assert all("Credential=AKIAOFFILE/" in request for request in recorder.requests)


def test_T10_an_entry_gives_its_key_to_no_other_server_than_its_own(
    clone: Workspace, recorder: Recorder
) -> None:
    store(clone, acme={**KEYS, "endpoint-url": "https://s3.example.com"})
    done = clone.run("lock", "-U", env=NOBODY, code=5)
    assert "is for https://s3.example.com" in done.stderr
    assert recorder.requests == []


@pytest.mark.parametrize(
    ("profile", "confirmed", "sent"),
    [
        ("", "default", "AKIADEFAULT"),
        ("prod-admin", "prod-admin", "AKIAPRODADMIN"),
        ("prod-admin", "default", ""),
        ("", "prod-admin", ""),
        ("", "", "AKIADEFAULT"),
        ("prod-admin", "", ""),
    ],
)
def test_T10_a_server_and_a_profile_are_confirmed_once_for_every_alias(
    profile: str, confirmed: str, sent: str, clone: Workspace, recorder: Recorder
) -> None:
    with_profile = ("-p", confirmed) if confirmed else ()
    clone.run("repository", "add", "lab", "--endpoint-url", f"{recorder.url}/", *with_profile)
    write(clone, recorder, f", profile = '{profile}'" if profile else "")
    clone.run("lock", "-U", env=NOBODY, code=6 if sent else 5)
    assert bool(recorder.requests) == bool(sent)
    assert all(f"Credential={sent}/" in request for request in recorder.requests)


def test_T10_an_option_or_a_variable_confirms_the_server_for_one_command(
    clone: Workspace, recorder: Recorder
) -> None:
    clone.run("lock", "-U", "--endpoint-url", recorder.url, env=NOBODY, code=6)
    clone.run("lock", "-U", env={**NOBODY, "AWS_ENDPOINT_URL_S3": recorder.url}, code=6)
    assert recorder.requests
    recorder.requests.clear()
    clone.run("lock", "-U", env=NOBODY, code=5)
    assert recorder.requests == []


def test_T10_the_hint_of_the_error_is_what_mends_it(clone: Workspace, recorder: Recorder) -> None:
    said = clone.run("lock", "-U", env=NOBODY, code=5).stderr.partition("confirm it once: pipper ")[2].split()
    clone.run(*said)
    clone.run("lock", "-U", env=NOBODY, code=6)
    assert recorder.requests


def test_a_named_repository_keeps_its_endpoint(empty: Workspace, recorder: Recorder) -> None:
    empty.run(
        "repository", "add", "lab", "-b", "bucket", "--endpoint-url", recorder.url, "-c", "AKIALAB", "s"
    )
    empty.run("info", "alpha", "-r", "lab", env=NOBODY, code=6)
    assert recorder.requests
    assert all("Credential=AKIALAB/" in request for request in recorder.requests)
    listed = empty.run("repository", "list").stdout
    assert listed == f"lab  s3://bucket/pipper at {recorder.url}  key\n"
    assert json.loads(empty.run("repository", "list", "--json").stdout)["repositories"][0]["endpoint-url"]
    for wrong in ("s3.example.com", f"https://me:{SECRET}@s3.example.com", "https://s3.example.com?x"):
        done = empty.run("repository", "modify", "lab", "--endpoint-url", wrong, code=2)
        assert SECRET not in done.stderr
