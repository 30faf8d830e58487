"""A version that is in the lock, and for which its source has other bytes now."""

import json
import tomllib
from pathlib import Path

import pytest

from tests.index_double import IndexDouble
from tests.invariants import Workspace


def rebuilt(workspace: Workspace, name: str, version: str) -> Path:
    """Make the wheel of a version again, with other bytes."""
    return workspace.wheel(name, version, files={f"{name}/__init__.py": "rebuilt = True\n"})


def replace_published(workspace: Workspace, name: str = "gamma", version: str = "1.0.0") -> None:
    workspace.run("publish", "--force", rebuilt(workspace, name, version), "-b", workspace.url)


def hash_of(workspace: Workspace, name: str, lock: Path | None = None) -> str:
    packages = tomllib.loads((lock or workspace.lock).read_text())["packages"]
    (package,) = (each for each in packages if each["name"] == name)
    return str(package["wheels"][0]["sha256"])


@pytest.fixture
def replaced(workspace: Workspace) -> Workspace:
    """A project whose lock has gamma 1.0.0 (for an extra), which was replaced since."""
    workspace.write_manifest("alpha", "gamma")
    workspace.run("lock")
    replace_published(workspace)
    return workspace


@pytest.mark.parametrize(
    "command",
    ["lock -P alpha", "lock -P alpha --dry-run", "add delta", "install", "install -u alpha", "remove alpha"],
)
def test_T15_other_bytes_for_a_locked_version_are_refused(replaced: Workspace, command: str) -> None:
    old = hash_of(replaced, "gamma")
    told = replaced.refused(
        *command.split(), code=4, subject="gamma 1.0.0: gamma-1.0.0-py3-none-any.whl", but="C"
    )
    assert f"the lock has {old}" in told.stderr
    assert "`pipper lock -P gamma` takes the new bytes" in told.stderr
    new = json.loads((replaced.repository / "gamma" / "index.json").read_text())["files"][0]["hashes"][
        "sha256"
    ]
    assert f"its sha256 is {new}" in told.stderr
    replaced.run("sync", "--dry-run")


def test_T15_a_lock_that_is_up_to_date_keeps_its_bytes_and_another_manifest_does_not_change_them(
    replaced: Workspace,
) -> None:
    before = replaced.lock.read_bytes()
    replaced.run("lock")
    assert replaced.lock.read_bytes() == before
    replaced.write_manifest("alpha", "gamma>=1")
    replaced.refused("lock", code=4, subject="gamma 1.0.0", but="C")


@pytest.mark.parametrize("option", [("-U",), ("-P", "gamma"), ("-P", "gamma", "-P", "alpha")])
def test_T15_an_upgrade_takes_the_other_bytes_and_says_so(
    replaced: Workspace, option: tuple[str, ...]
) -> None:
    old = hash_of(replaced, "gamma")
    dry = replaced.run("lock", *option, "--dry-run")
    assert " ~ gamma 1.0.0 (other bytes)" in dry.stdout.splitlines()
    done = replaced.run("lock", *option)
    assert done.stderr.splitlines()[-1].endswith("; other bytes for gamma 1.0.0")
    assert hash_of(replaced, "gamma") != old
    assert "other bytes" not in replaced.run("lock").stderr
    replaced.run("sync")


def test_T15_json_names_the_versions_with_other_bytes(replaced: Workspace) -> None:
    (change,) = json.loads(replaced.run("lock", "-U", "--json").stdout)["changes"]
    assert change == {"name": "gamma", "before": ["1.0.0"], "after": ["1.0.0"], "other_bytes": ["1.0.0"]}


def test_T15_several_replaced_packages_are_told_in_one_error(replaced: Workspace) -> None:
    replace_published(replaced, "beta")
    told = replaced.refused("lock", "-P", "alpha", code=4, subject="beta 1.0.0", but="C")
    assert "1 more changed too" in told.stderr
    assert "`pipper lock -P beta -P gamma`" in told.stderr


def test_T15_another_version_or_another_file_of_the_version_is_no_replacement(workspace: Workspace) -> None:
    workspace.publish(
        workspace.wheel("gamma", "1.0.0", tag="py3-none-win_amd64"), workspace.wheel("alpha", "1.2.0")
    )
    workspace.write_manifest("alpha", "gamma")
    workspace.run("lock")
    workspace.run("publish", "--force", rebuilt(workspace, "alpha", "1.2.0"), "-b", workspace.url)
    workspace.run("lock")


def test_T15_an_index_that_replaces_a_file_is_refused_too(empty: Workspace) -> None:
    with IndexDouble() as index:
        index.add(empty.wheel("public"))
        empty.app.mkdir(parents=True)
        empty.manifest.write_text(f"dependencies = ['public']\n[index]\nurl = '{index.url}'\n")
        empty.run("lock")
        index.add(rebuilt(empty, "public", "1.0.0"))
        empty.manifest.write_text(empty.manifest.read_text().replace("'public'", "'public>=1'"))
        empty.refused("lock", code=4, subject="public 1.0.0", but="C")
        empty.run("lock", "-P", "public")
        empty.run("sync")


def test_T15_another_source_with_other_bytes_is_refused_too(replaced: Workspace, tmp_path: Path) -> None:
    replaced.run("lock", "-U")
    other = (tmp_path / "other").as_uri()
    wheel = replaced.wheel("gamma", "1.0.0", files={"gamma/__init__.py": "taken = 'over'\n"})
    replaced.run("publish", wheel, "-b", other)
    text = replaced.manifest.read_text()
    replaced.manifest.write_text(text.replace("[repositories]\n", f"[repositories]\nfirst = '{other}'\n"))
    replaced.refused("lock", code=4, subject="gamma 1.0.0", but="C")


def test_T15_an_environment_of_its_own_names_its_own_command(workspace: Workspace) -> None:
    target = ("-t", workspace.app / "target")
    workspace.run("install", *target, "gamma")
    replace_published(workspace)
    assert "`pipper install -u gamma`" in workspace.run("install", *target, "delta", code=4).stderr
    workspace.run("install", *target, "-u", "gamma")
    workspace.run("install", *target, "delta")


def test_T15_a_file_that_is_given_again_may_have_other_bytes(workspace: Workspace) -> None:
    for wheel in (workspace.wheel("local"), rebuilt(workspace, "local", "1.0.0")):
        workspace.run("install", wheel)
    assert "rebuilt" in (workspace.site / "local" / "__init__.py").read_text()
