"""Another tool installs into a folder of packages while a sync replaces what was alone in it: its files stay."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipper.apply import transaction
from tests.invariants import Workspace


@pytest.fixture
def behind(empty: Workspace) -> Workspace:
    """A project whose lock has another version of the one package in the folder `google`."""
    empty.publish(
        *(empty.wheel("ns", version, files={"google/ns.py": version}) for version in ("1.0", "2.0"))
    )
    for version in ("1.0", "2.0"):
        empty.write_manifest(f"ns=={version}")
        empty.run("lock")
        if version == "1.0":
            empty.run("sync")
    return empty


def files(workspace: Workspace) -> None:
    """A tool has written files, and no metadata yet."""
    (workspace.site / "google" / "theirs.py").write_text("theirs")


def distribution(workspace: Workspace) -> None:
    """A tool has installed a distribution, whose files are elsewhere."""
    info = workspace.site / "theirs-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")


def deep(workspace: Workspace) -> None:
    """A tool has made a folder."""
    (workspace.site / "google" / "deep").mkdir()
    (workspace.site / "google" / "deep" / "theirs.py").write_text("theirs")


def during(monkeypatch: pytest.MonkeyPatch, step: str, happens: Callable[[], None]) -> None:
    """Let something happen just before a step of the change."""
    place: Any = transaction.Stage if step == "add" else transaction
    inner = getattr(place, step)

    def met(*args: Any, **options: Any) -> Any:
        happens()
        return inner(*args, **options)

    monkeypatch.setattr(place, step, met)


@pytest.mark.parametrize("step", ["add", "write_journal"], ids=["staging", "the commit"])
@pytest.mark.parametrize("arrives", [files, deep])
def test_C11_files_that_arrive_in_a_folder_that_goes_as_a_whole_are_kept(
    behind: Workspace, monkeypatch: pytest.MonkeyPatch, arrives: Callable[[Workspace], None], step: str
) -> None:
    with monkeypatch.context() as patch:
        during(patch, step, lambda: arrives(behind))
        done = behind.run("sync", "--link-mode", "copy", code=7)
    behind.check_told(done, "another process changed")
    assert "files were added to or removed from package directories" in done.stderr
    assert "run the command again" in done.stderr
    assert behind.installed() == {"ns": "1.0"}
    assert (behind.site / "google" / "ns.py").read_text() == "1.0"
    behind.run("sync")
    assert (behind.site / "google" / "ns.py").read_text() == "2.0"
    assert [path.read_text() for path in behind.site.rglob("theirs.py")] == ["theirs"]


def test_C11_a_distribution_that_is_installed_during_the_staging_is_told(
    behind: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        during(patch, "add", lambda: distribution(behind))
        done = behind.run("sync", code=7)
    behind.check_told(done, "another process changed theirs")
    behind.run("sync")
    assert behind.installed() == {"ns": "2.0", "theirs": "1.0"}


def test_bytecode_that_a_running_program_writes_meanwhile_goes_with_its_module(
    behind: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def imported() -> None:
        cache: Path = behind.site / "google" / "__pycache__"
        cache.mkdir()
        (cache / "ns.cpython-311.pyc").write_bytes(b"compiled")

    during(monkeypatch, "add", imported)
    behind.run("sync")
    assert [path.name for path in (behind.site / "google").iterdir()] == ["ns.py"]
