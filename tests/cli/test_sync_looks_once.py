"""A sync reads each file once, and works out each thing once, as long as nobody changes them meanwhile."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.invariants import Workspace

DRIVER = """
import collections, importlib, json, os, sys

opened, called = collections.Counter(), collections.Counter()

def heard(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR):
        opened[os.path.abspath(arguments[0])] += 1

def count(module, name):
    inner = getattr(importlib.import_module(module), name, None)
    if inner is None:
        return
    def counted(*args, **options):
        called[name] += 1
        return inner(*args, **options)
    setattr(sys.modules[module], name, counted)

for name in NAMES:
    for module in ("steps", "sync_run"):
        count(f"pipper.ops.sync.{module}", name)
count("pipper.ops.sync.history", "dump_lock")
for module in ("ops.context.environments", "ops.context.interpreters", "python.find"):
    count(f"pipper.{module}", "inspect_interpreter")
BEFORE
sys.addaudithook(heard)
from pipper.cli import main
sys.modules["pipper.cli"]._leave = lambda: None  # the report is still to be written
sys.argv = ["pipper", *ARGUMENTS]
try:
    main()
finally:
    with open(REPORT, "w") as stream:
        json.dump({"opened": opened, "called": called}, stream)
"""
STEPS = {
    *("choose_environment", "recover", "part_for", "select", "installed", "make_plan", "verify"),
}
ONCE = STEPS | {"inspect_interpreter", "dump_lock"}


class Seen:
    """What a run opened for reading, by path, and which steps it took, by name."""

    def __init__(self, report: dict[str, dict[str, int]]) -> None:
        self.opened = Counter(report["opened"])
        self.called = Counter(report["called"])

    def of(self, path: Path) -> int:
        return self.opened[str(path)]


def look(workspace: Workspace, *arguments: str, before: str = "") -> Seen:
    """Run `pipper ARGUMENTS` in a process of its own; `before` is more of the program that does it."""
    report = workspace.root / "report.json"
    text = DRIVER.replace("NAMES", repr(sorted(STEPS))).replace("BEFORE", before)
    text = text.replace("ARGUMENTS", repr(list(arguments))).replace("REPORT", repr(str(report)))
    done = subprocess.run(
        [sys.executable, "-c", text],
        cwd=workspace.app,
        env=workspace.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Seen(json.loads(report.read_text()))


@pytest.fixture
def behind(workspace: Workspace) -> Workspace:
    """The lock has gamma too; the environment does not."""
    workspace.write_manifest("alpha", "gamma", more="[dependency-groups]\ndev = ['delta']\n")
    workspace.run("lock")
    return workspace


def infos(workspace: Workspace) -> list[Path]:
    return sorted(workspace.site.glob("*.dist-info"))


@pytest.mark.parametrize("arguments", [("sync",), ("sync", "--link-mode", "copy")], ids=["bare", "options"])
def test_a_sync_with_something_to_do_looks_once(behind: Workspace, arguments: tuple[str, ...]) -> None:
    kept = infos(behind)
    assert len(kept) == 3
    seen = look(behind, *arguments)
    assert "gamma" in behind.installed()
    assert [seen.of(path) for path in (behind.manifest, behind.lock)] == [1, 1]
    assert {path: seen.of(path) for info in kept for path in (info / "RECORD", info / "INSTALLER")} == {
        path: 1 for info in kept for path in (info / "RECORD", info / "INSTALLER")
    }
    assert seen.called == dict.fromkeys(ONCE, 1)


def test_a_sync_that_makes_the_environment_looks_once(behind: Workspace) -> None:
    shutil.rmtree(behind.venv)
    seen = look(behind, "sync")
    assert len(infos(behind)) == 4
    assert [seen.of(path) for path in (behind.manifest, behind.lock)] == [1, 1]
    assert seen.called == dict.fromkeys(ONCE - {"recover", "installed"}, 1), (
        "nothing is there to recover or to read"
    )


def test_a_sync_that_replaces_and_removes_looks_once(workspace: Workspace) -> None:
    workspace.write_manifest("alpha==1.0.0")
    workspace.run("lock")
    seen = look(workspace, "sync")
    assert workspace.installed()["alpha"] == "1.0.0"
    assert [seen.of(path) for path in (workspace.manifest, workspace.lock)] == [1, 1]
    assert seen.called == dict.fromkeys(ONCE, 1)


def test_a_dry_run_looks_once_too(behind: Workspace) -> None:
    require_one_look(behind, look(behind, "sync", "--dry-run"))


def test_a_check_looks_once_too(workspace: Workspace) -> None:
    require_one_look(workspace, look(workspace, "sync", "--check"))


@pytest.mark.parametrize(
    "arguments", [("add", "gamma"), ("install",), ("install", "gamma"), ("remove", "alpha")]
)
@pytest.mark.parametrize("environment", ["there", "missing"])
def test_an_edit_of_a_project_looks_at_the_interpreter_once(
    workspace: Workspace, environment: str, arguments: tuple[str, ...]
) -> None:
    if environment == "missing":
        shutil.rmtree(workspace.venv)
    assert look(workspace, *arguments).called["inspect_interpreter"] == 1
    assert workspace.installed()


def test_an_install_without_a_project_looks_at_the_interpreter_once(workspace: Workspace) -> None:
    """The first takes requirements, the second what the environment has."""
    workspace.manifest.unlink()
    for arguments in (("install", "gamma", "-b", workspace.repository.as_uri()), ("install",)):
        assert look(workspace, *arguments, "-t", "there").called["inspect_interpreter"] == 1


def require_one_look(workspace: Workspace, seen: Seen) -> None:
    assert [seen.of(path) for path in (workspace.manifest, workspace.lock)] == [1, 1]
    assert {seen.of(info / "RECORD") for info in infos(workspace)} == {1}
    assert seen.called == dict.fromkeys(ONCE - {"recover", "dump_lock"}, 1)


def test_a_manifest_in_pyproject_is_read_once(behind: Workspace) -> None:
    text = behind.manifest.read_text()
    start, _, rest = text.partition("index = false")
    repositories, _, groups = rest.partition("[dependency-groups]")
    behind.manifest.unlink()
    project = "[project]\nname = 'app'\nversion = '1'\n" + start
    tool = "[tool.pipper]\nindex = false\n" + repositories.replace(
        "[repositories]", "[tool.pipper.repositories]"
    )
    pyproject = behind.app / "pyproject.toml"
    pyproject.write_text(f"{project}{tool}[dependency-groups]{groups}")
    behind.run("lock")
    seen = look(behind, "sync")
    assert "gamma" in behind.installed()
    assert [seen.of(path) for path in (pyproject, behind.lock)] == [1, 1]


@pytest.mark.parametrize("arguments", [("sync",), ("sync", "--link-mode", "copy")], ids=["bare", "options"])
def test_a_lock_that_changes_before_the_environment_is_locked_is_the_one_that_counts(
    behind: Workspace, arguments: tuple[str, ...]
) -> None:
    """Another pipper committed a change after this one read the lock."""
    newer = behind.root / "newer"
    newer.mkdir()
    older = {path: path.read_bytes() for path in (behind.manifest, behind.lock)}
    behind.write_manifest("beta")
    behind.run("lock")
    for path in older:
        path.rename(newer / path.name)
    for path, content in older.items():
        path.write_bytes(content)
    change = (
        "import pipper.ops.sync.steps as steps\nrecover = steps.recover\n"
        "def recovered(*args):\n"
        f"    for path in {[str(path) for path in older]!r}:\n"
        f"        os.replace(os.path.join({str(newer)!r}, os.path.basename(path)), path)\n"
        "    return recover(*args)\n"
        "steps.recover = recovered\n"
    )
    seen = look(behind, *arguments, before=change)
    assert behind.installed() == {"beta": "1.0.0"}
    assert [seen.of(path) for path in older] == [2, 2]
    assert behind.run("sync").stderr.startswith("Nothing to do: ")


@pytest.mark.parametrize("options", [(), ("--exact",)], ids=["bare", "options"])
def test_a_sync_with_nothing_to_do_reads_the_lock_once_and_takes_no_step(
    behind: Workspace, options: tuple[str, ...]
) -> None:
    behind.run("sync", *options)
    seen = look(behind, "sync", *options)
    assert [seen.of(path) for path in (behind.manifest, behind.lock)] == [1, 1]
    assert seen.called == {}
