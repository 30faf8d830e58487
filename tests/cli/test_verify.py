"""`sync --check --verify`: the environment is held against the lock, not against what it says of itself (T11)."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipper.apply.installed_record import parse_record
from pipper.python.environment import MARKS
from pipper.wheels.record import format_record, row_of
from tests.invariants import Workspace, tree

CHECK = ("sync", "--check", "--verify")
EVIL = b"raise SystemExit('evil')\n"


@pytest.fixture
def synced(workspace: Workspace) -> Workspace:
    """A project with an environment that pipper has just made."""
    shutil.rmtree(workspace.venv)
    workspace.run("sync")
    workspace.run(*CHECK)
    return workspace


def info_of(workspace: Workspace, name: str) -> Path:
    (found,) = workspace.site.glob(f"{name}-*.dist-info")
    return found


def rewrite(workspace: Workspace, owner: str, path: str, content: bytes) -> Path:
    """Write a file of a distribution, and its line in RECORD."""
    place = Path(os.path.normpath(workspace.site / path))
    place.unlink(missing_ok=True)  # the cache has the same file
    place.write_bytes(content)
    record = info_of(workspace, owner) / "RECORD"
    rows = [row for row in parse_record(record.read_text(), str(record)) if row.path != path]
    record.unlink()
    record.write_text(format_record([*rows, row_of(path, content)]))
    return place


def a_module(workspace: Workspace) -> Path:
    return rewrite(workspace, "beta", "beta/__init__.py", EVIL)


def a_module_of_the_same_size(workspace: Workspace) -> Path:
    size = (workspace.site / "beta" / "__init__.py").stat().st_size
    return rewrite(workspace, "beta", "beta/__init__.py", b"#" * size)


def a_script(workspace: Workspace) -> Path:
    path = os.path.relpath(workspace.venv / "bin" / "alpha", workspace.site)
    return rewrite(workspace, "alpha", path, (workspace.venv / "bin" / "alpha").read_bytes() + EVIL)


def another_file(workspace: Workspace) -> Path:
    return rewrite(workspace, "beta", "evil.pth", b"import evil\n")


def the_metadata(workspace: Workspace) -> Path:
    path = f"{info_of(workspace, 'beta').name}/METADATA"
    return rewrite(workspace, "beta", path, (workspace.site / path).read_bytes() + b"Requires-Dist: evil\n")


def the_python_of_scripts(workspace: Workspace) -> Path:
    evil = workspace.venv / "bin" / "evil"
    shutil.copy2("/bin/sh", evil)
    marks = info_of(workspace, "alpha") / MARKS
    said = json.loads(marks.read_text())
    old, said["python"] = said["python"], str(evil)
    script = workspace.venv / "bin" / "alpha"
    rewrite(workspace, "alpha", f"{marks.parent.name}/{MARKS}", json.dumps(said).encode())
    path = os.path.relpath(script, workspace.site)
    return rewrite(workspace, "alpha", path, script.read_bytes().replace(old.encode(), str(evil).encode()))


def a_file_for_a_link(workspace: Workspace) -> Path:
    place = workspace.site / "beta" / "__init__.py"
    shutil.copy2(place, workspace.root / "elsewhere.py")
    place.unlink()
    place.symlink_to(workspace.root / "elsewhere.py")
    return place


@pytest.mark.skipif(os.name == "nt", reason="looks for scripts as POSIX has them")
@pytest.mark.parametrize(
    "change",
    [
        a_module,
        a_module_of_the_same_size,
        a_script,
        another_file,
        the_metadata,
        the_python_of_scripts,
        a_file_for_a_link,
    ],
)
def test_T11_a_file_that_was_changed_with_its_line_in_record_is_named(
    change: Callable[[Workspace], Path], synced: Workspace
) -> None:
    path = change(synced)
    before = tree(synced.venv)
    assert f": {path}: " in synced.run(*CHECK, code=1).stdout
    drift = json.loads(synced.run(*CHECK, "--json", code=1).stdout)["drift"]
    assert str(path) in {each["path"] for each in drift}
    assert tree(synced.venv) == before


def test_T11_another_wheel_under_the_mark_of_the_locked_one_is_found(synced: Workspace) -> None:
    locked = json.loads((info_of(synced, "beta") / MARKS).read_text())["sha256"]
    evil = synced.wheel("beta", "1.0.0", files={"beta/__init__.py": EVIL})
    other = synced.copy(synced.root.parent / "other")
    other.publish("-f", evil)
    shutil.rmtree(other.venv)
    other.run("lock", "-U")
    other.run("sync")
    shutil.rmtree(synced.venv)
    shutil.copytree(other.venv, synced.venv, symlinks=True)
    marks = info_of(synced, "beta") / MARKS
    said = {**json.loads(marks.read_text()), "sha256": locked}
    rewrite(synced, "beta", f"{marks.parent.name}/{MARKS}", json.dumps(said).encode() + b"\n")
    assert (
        "beta" not in synced.run("sync", "--check", code=1).stdout
    )  # only the script of alpha starts elsewhere
    assert f" ! beta: {synced.site / 'beta' / '__init__.py'}: other" in synced.run(*CHECK, code=1).stdout


def test_T11_the_wheel_is_fetched_where_the_cache_does_not_have_it(synced: Workspace) -> None:
    shutil.rmtree(synced.root / "cache")
    synced.run(*CHECK)
    shutil.rmtree(synced.root / "cache")
    path = a_module(synced)
    assert f" ! beta: {path}: other size" in synced.run(*CHECK, code=1).stdout


def test_T11_offline_without_the_wheel_it_is_told_what_could_not_be_proven(synced: Workspace) -> None:
    shutil.rmtree(synced.root / "cache")
    subject = "compared with their RECORD only, not with the lock: alpha, beta, delta"
    done = synced.refused(*CHECK, "--offline", code=6, subject=subject)
    assert "the cache does not contain beta-1.0.0-py3-none-any.whl" in done.stderr
    assert json.loads(synced.run(*CHECK, "--offline", "--json", code=6).stdout)["unproven"] == subject
    (synced.site / "beta" / "__init__.py").unlink()
    told = synced.run(*CHECK, "--offline", code=1)
    assert " ! beta: " in told.stdout
    assert subject in told.stderr


def test_T11_what_is_at_hand_is_proven_where_the_rest_is_not(synced: Workspace) -> None:
    path = a_module(synced)
    for index in (synced.root / "cache").glob("wheels/*/*/index.json"):
        if b'"alpha' in index.read_bytes():
            shutil.rmtree(index.parent)
            (synced.root / "cache" / "files" / index.parent.name[:2] / index.parent.name).unlink()
    told = synced.run(*CHECK, "--offline", code=1)
    assert f" ! beta: {path}: other size" in told.stdout
    assert "compared with their RECORD only, not with the lock: alpha" in told.stderr


def test_T11_a_cache_and_an_environment_that_were_both_changed_are_told_apart_from_the_lock(
    synced: Workspace,
) -> None:
    path = a_module(synced)
    for module in (synced.root / "cache").glob("wheels/*/*/tree/beta/__init__.py"):
        found = module.stat()
        module.unlink()
        module.write_bytes(EVIL)
        os.utime(module, ns=(found.st_atime_ns, found.st_mtime_ns))
    for file in (synced.root / "cache").glob("files/*/*"):
        file.write_bytes(b"evil")
    assert f" ! beta: {path}: other size" in synced.run(*CHECK, code=1).stdout
