"""`pipper cache`: where, how large, prune and clean."""

import json
import os
import time
from pathlib import Path

import pytest

from pipper.cache.cache import Cache
from tests.commands import PATIENCE
from tests.invariants import Workspace


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """The fixture's copy begins with an empty cache."""
    workspace.run("sync", "-t", "packages")
    return workspace


def cache_of(workspace: Workspace) -> Path:
    return workspace.root / "cache"


def size(workspace: Workspace) -> dict[str, int]:
    found: dict[str, int] = json.loads(workspace.run("cache", "size", "--json").stdout)
    return found


def grow_old(folder: Path, days: float) -> None:
    """Let everything below a folder look unused for so long."""
    then = time.time() - days * 86_400
    for path in folder.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (then, then))


def test_the_folder_is_told_and_not_made(empty: Workspace) -> None:
    empty.write_manifest()
    assert empty.run("cache", "dir").stdout == f"{cache_of(empty)}\n"
    assert not cache_of(empty).exists()


def test_the_size_is_told_in_words_and_in_bytes(filled: Workspace) -> None:
    files = [path for path in cache_of(filled).rglob("*/*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    told = size(filled)
    assert told == {"directory": str(cache_of(filled)), "files": len(files), "size": total}
    assert filled.run("cache", "size").stdout == f"{total / 1000:.1f} kB in {len(files)} files\n"


def test_clean_removes_everything_and_the_next_sync_works(filled: Workspace) -> None:
    before = filled.state()
    done = filled.run("cache", "clean")
    assert done.stdout == ""
    assert done.stderr.startswith("Removed ")
    assert size(filled)["files"] == 0
    filled.compare(before)
    filled.run("sync", "-t", "more")


def test_prune_removes_what_was_not_used_for_30_days(filled: Workspace) -> None:
    grow_old(cache_of(filled), 29)
    assert json.loads(filled.run("cache", "prune", "--json").stdout) == {"files": 0, "size": 0}
    grow_old(cache_of(filled), 31)
    freed = json.loads(filled.run("cache", "prune", "--json").stdout)
    assert freed["files"] > 0
    assert freed["size"] > 0
    assert list((cache_of(filled) / "wheels").glob("*/*")) == []


def test_prune_takes_days(filled: Workspace) -> None:
    grow_old(cache_of(filled), 2)
    assert "Removed 0 bytes in 0 files" in filled.run("cache", "prune", "--days", "3").stderr
    assert "Removed 0 bytes" not in filled.run("cache", "prune", "--days", "1").stderr


def test_a_negative_number_of_days_is_refused(filled: Workspace) -> None:
    filled.refused("cache", "prune", "--days", "-1", code=2, subject="--days")


@pytest.mark.parametrize("command", ["prune", "clean"])
def test_a_running_command_is_waited_for_and_that_is_said(filled: Workspace, command: str) -> None:
    with Cache(cache_of(filled)).in_use():
        waiting = filled.begin("cache", command)
        assert waiting.stderr is not None
        first = waiting.stderr.readline()
        assert first == "Waiting for another pipper command that uses the cache\n"
        assert waiting.poll() is None
    _, rest = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 0
    assert rest.startswith("Removed ")


def test_alone_it_shows_its_help(empty: Workspace) -> None:
    empty.write_manifest()
    done = empty.run("cache", code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("Usage: pipper cache ")
