"""A lock that git could not merge, or that somebody merged by hand: `lock` repairs it."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.invariants import Workspace

GIT = shutil.which("git")
pytestmark = pytest.mark.skipif(GIT is None, reason="git is not installed")


@pytest.fixture
def branches(empty: Workspace) -> tuple[Workspace, bytes, bytes, bytes]:
    """A project, its lock before it branched, and the locks of two branches that each added something."""
    names = ["alpha", "beta", "gamma", "omega"]
    empty.publish(*(empty.wheel(name, version) for name in names for version in ("1.0.0", "1.1.0")))
    locks = []
    empty.write_manifest("alpha==1.0.0", "omega==1.0.0")
    empty.run("lock")
    empty.write_manifest("alpha", "omega")
    empty.run("lock")
    locks.append(empty.lock.read_bytes())
    for added in ("beta==1.0.0", "gamma==1.0.0"):
        empty.lock.write_bytes(locks[0])
        empty.write_manifest("alpha", "omega", added)
        empty.run("lock")
        locks.append(empty.lock.read_bytes())
    base, ours, theirs = locks
    empty.write_manifest("alpha", "omega", "beta", "gamma")
    return empty, base, ours, theirs


def merged(folder: Path, base: bytes, ours: bytes, theirs: bytes, *options: str) -> bytes:
    for name, data in (("base", base), ("ours", ours), ("theirs", theirs)):
        (folder / name).write_bytes(data)
    command = [str(GIT), "merge-file", "-p", *options, "ours", "base", "theirs"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout


@pytest.mark.parametrize("options", [(), ("--diff3",)], ids=["two sides", "with the ancestor"])
def test_a_conflict_is_repaired_with_the_versions_of_both_sides(
    branches: tuple[Workspace, bytes, bytes, bytes], tmp_path: Path, options: tuple[str, ...]
) -> None:
    workspace, base, ours, theirs = branches
    workspace.lock.write_bytes(merged(tmp_path, base, ours, theirs, *options))
    assert b"<<<<<<<" in workspace.lock.read_bytes()
    workspace.refused("sync", code=2, subject="damaged")
    done = workspace.run("lock")
    assert "both sides" in done.stderr
    assert workspace.locked() == {"alpha": "1.0.0", "beta": "1.0.0", "gamma": "1.0.0", "omega": "1.0.0"}
    workspace.run("sync")


def test_where_the_sides_differ_the_version_is_chosen_anew(
    branches: tuple[Workspace, bytes, bytes, bytes], tmp_path: Path
) -> None:
    workspace, base, ours, theirs = branches
    workspace.lock.write_bytes(theirs)
    workspace.run("lock", "-P", "omega")
    theirs = workspace.lock.read_bytes()
    workspace.lock.write_bytes(ours)
    workspace.run("lock")
    ours = workspace.lock.read_bytes()
    workspace.lock.write_bytes(merged(tmp_path, base, ours, theirs))
    workspace.run("lock")
    assert workspace.locked()["omega"] == "1.1.0"
    assert workspace.locked()["alpha"] == "1.0.0"


def test_a_lock_with_the_lines_of_both_sides_is_repaired(
    branches: tuple[Workspace, bytes, bytes, bytes],
) -> None:
    workspace, _, ours, _ = branches
    workspace.lock.write_bytes(ours)
    workspace.run("lock", "-P", "omega")
    newer = workspace.lock.read_text().partition('[[packages]]\nname = "omega"')[2]
    old = '    "omega==1.0.0",\n'
    text = ours.decode().replace(old, old + '    "omega==1.1.0",\n')
    workspace.lock.write_text(f'{text}\n[[packages]]\nname = "omega"{newer}')
    workspace.refused("sync", code=4, subject="inconsistent")
    workspace.run("lock")
    assert workspace.locked() == {"alpha": "1.0.0", "beta": "1.0.0", "gamma": "1.1.0", "omega": "1.1.0"}


def test_a_conflict_with_a_mark_missing_stays_damage(
    branches: tuple[Workspace, bytes, bytes, bytes], tmp_path: Path
) -> None:
    workspace, base, ours, theirs = branches
    whole = merged(tmp_path, base, ours, theirs)
    for mark in (b"<<<<<<<", b"=======", b">>>>>>>"):
        lines = whole.splitlines(keepends=True)
        workspace.lock.write_bytes(b"".join(line for line in lines if not line.startswith(mark)))
        done = workspace.refused("lock", code=2, subject="damaged")
        assert "both sides agree on" not in done.stderr
        assert "restore" in done.stderr


PARTS = """
[optional-dependencies]
a = ["foo<2"]
b = ["foo"]
"""


@pytest.fixture
def conflicting(empty: Workspace) -> Workspace:
    """A lock with two versions of `foo`, in parts that conflict, after which 1.9 and 2.9 were published."""
    empty.publish(*(empty.wheel("foo", version) for version in ("1.4", "2.0")), empty.wheel("bar"))
    write_parts(empty)
    empty.run("lock")
    empty.publish(*(empty.wheel("foo", version) for version in ("1.9", "2.9")), empty.wheel("baz"))
    return empty


def write_parts(workspace: Workspace, *added: str) -> None:
    workspace.write_manifest("bar", *added, more=PARTS)
    workspace.manifest.write_text(f'conflicts = [["a", "b"]]\n{workspace.manifest.read_text()}')


def foo_of(workspace: Workspace) -> dict[str, list[str]]:
    extras = tomllib.loads(workspace.lock.read_text())["environments"][0]["extras"]
    return {name: [str(pin) for pin in pins] for name, pins in extras.items()}


def test_parts_that_conflict_keep_what_both_sides_agree_on(conflicting: Workspace, tmp_path: Path) -> None:
    base = conflicting.lock.read_bytes()
    write_parts(conflicting, "baz")
    conflicting.run("lock")
    theirs = conflicting.lock.read_bytes()
    write_parts(conflicting)
    conflicting.lock.write_bytes(base)
    conflicting.run("lock", "-P", "bar")
    ours = base.replace(b'requirements = ["bar"]', b'requirements = ["bar>0"]')
    conflicting.lock.write_bytes(merged(tmp_path, base, ours, theirs))
    assert b"<<<<<<<" in conflicting.lock.read_bytes()
    write_parts(conflicting, "baz")
    assert "keeping what both sides agree on" in conflicting.run("lock").stderr
    assert foo_of(conflicting) == {"a": ["foo==1.4"], "b": ["foo==2.0"]}


def test_a_part_in_which_the_sides_differ_is_chosen_anew_and_the_other_stays(
    conflicting: Workspace, tmp_path: Path
) -> None:
    base, sides = conflicting.lock.read_bytes(), []
    conflicting.publish(conflicting.wheel("foo", "1.8"))
    for version in ("1.8", "1.9"):
        conflicting.manifest.write_text(
            conflicting.manifest.read_text().replace('a = ["foo<2"]', f'a = ["foo=={version}"]')
        )
        conflicting.lock.write_bytes(base)
        conflicting.run("lock")
        sides.append(conflicting.lock.read_bytes())
        write_parts(conflicting)
    conflicting.lock.write_bytes(merged(tmp_path, base, *sides))
    assert b"<<<<<<<" in conflicting.lock.read_bytes()
    conflicting.publish(conflicting.wheel("foo", "1.9.1"))
    conflicting.run("lock")
    assert foo_of(conflicting) == {"a": ["foo==1.9.1"], "b": ["foo==2.0"]}


def test_damage_to_a_lock_with_two_versions_in_parts_that_conflict_is_no_merge(
    conflicting: Workspace,
) -> None:
    text = conflicting.lock.read_text()
    conflicting.lock.write_text(text.replace('    "bar==1.0.0",\n', ""))
    assert conflicting.lock.read_text() != text
    for command in ("sync", "lock"):
        done = conflicting.refused(command, code=4, subject="inconsistent")
        assert "merge" not in done.stderr
