"""A lock that git could not merge, or that somebody merged by hand: `lock` repairs it."""

import shutil
import subprocess
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
