"""`pipper cache`: where, how large, prune and clean."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from pipper.cache.cache import Cache
from tests.commands import PATIENCE
from tests.index_double import IndexDouble
from tests.invariants import Workspace, tree
from tests.killing import kill_at_each_moment
from tests.sdists import make_backend, make_sdist
from tests.wheelhouse import make_wheel


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


@pytest.mark.parametrize("what", ["a member", "a source distribution"])
def test_a_lock_that_runs_a_backend_is_waited_for(empty: Workspace, what: str) -> None:
    begun, end = empty.root / "begun", empty.root / "end"
    code = (
        "def prepare_metadata_for_build_wheel(folder, config_settings=None):\n    import os, time\n"
        f"    Path({str(begun)!r}).touch()\n    for _ in range(6000):\n"
        f"        if os.path.exists({str(end)!r}):\n            break\n        time.sleep(0.01)\n"
        "    import late\n    found = Path(folder, 'lab-1.0.dist-info')\n    found.mkdir()\n"
        "    (found / 'METADATA').write_text('Metadata-Version: 2.1\\nName: lab\\nVersion: 1.0\\n')\n"
        "    return found.name\n"
    )
    files = empty.root / "files"
    with IndexDouble() as index:
        index.add(make_backend(files, more=code, requires=["late"]))
        index.add(make_wheel(files, "late", "1.0"))
        more = "[sources]\nlab = { path = '../lab' }\n"
        if what == "a member":
            write_member(empty.root / "lab")
        else:
            index.add_sdist(make_sdist(files, "lab", "1.0", static=False))
            more = "[build]\nallow = ['lab']\n"
        empty.write_manifest()
        empty.manifest.write_text(f"dependencies = ['lab']\n[index]\nurl = '{index.url}'\n{more}")
        lock = empty.begin("lock")
        wait_for(begun, lock)
        clean = empty.begin("cache", "clean")
        assert clean.stderr is not None
        first = clean.stderr.readline()
        end.touch()
        _, told = lock.communicate(timeout=PATIENCE)
        assert lock.returncode == 0, told
        clean.communicate(timeout=PATIENCE)
    assert first == "Waiting for another pipper command that uses the cache\n"


def write_member(folder: Path) -> None:
    """Write a project whose backend computes its version and requirements."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['tiny-build']\nbuild-backend = 'tiny_backend'\n"
        "[project]\nname = 'lab'\ndynamic = ['version', 'dependencies']\n"
    )


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    """Wait until a process has made a file."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("command", [("clean",), ("prune", "--days", "0")])
def test_a_kill_leaves_no_part_of_a_folder(filled: Workspace, command: tuple[str, ...]) -> None:
    cache, full = cache_of(filled), filled.root / "full"
    cache.rename(full)

    def begin() -> tuple[str, ...]:
        shutil.rmtree(cache, ignore_errors=True)
        shutil.copytree(full, cache, symlinks=True)
        return ("cache", *command)

    def check(moment: int) -> None:
        for entry in cache.glob("wheels/*/*"):
            assert tree(entry) == tree(full / entry.relative_to(cache)), moment

    kill_at_each_moment(begin, cwd=filled.app, env=filled.environment, after=check)
    filled.run("cache", "clean")
    assert not (cache / "tmp").exists()


def test_alone_it_shows_its_help(empty: Workspace) -> None:
    empty.write_manifest()
    done = empty.run("cache", code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("Usage: pipper cache ")
