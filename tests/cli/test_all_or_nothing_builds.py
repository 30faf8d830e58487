"""An edit that builds a member is whole or not at all, whatever happens while the backend runs (T14)."""

import os
import signal
from pathlib import Path

import pytest

from pipper.system.files import write_durable
from tests.cli.test_members import Yard, index, yard
from tests.crash.driver import in_fork
from tests.invariants import tree
from tests.sdists import make_backend

__all__ = ["index", "yard"]  # fixtures

MINE = "# mine\n"
DIES = """
import os, signal
def {hook}(*a, **k):
    os.kill(os.getppid(), signal.SIGKILL)
    raise SystemExit('killed')
"""


@pytest.fixture(params=["the project itself", "a member in a workspace"])
def edited(request: pytest.FixtureRequest, yard: Yard) -> Path:
    """The manifest that `add` edits in the folder of it; everything is installed as it says."""
    app = yard.workspace.app
    if request.param == "the project itself":
        yard.project()
    else:
        yard.ask(more="[workspace]\nmembers = ['packages/*']\n")
        app = yard.member("packages/lab", "lab")
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    return app / "pyproject.toml"


def _appending(manifest: Path, then: str) -> str:
    """Code of a backend that adds a line to a manifest once, in the place of its user."""
    return (
        f"_real, _place = build_editable, Path({str(manifest)!r})\n"
        "def build_editable(*a, **k):\n"
        f"    if {MINE!r} not in _place.read_text():\n"
        f"        _place.write_text(_place.read_text() + {MINE!r})\n"
        f"    {then}\n"
    )


def _state(yard: Yard) -> dict[str, object]:
    return dict(tree(yard.workspace.app, without=("__pycache__",)))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
@pytest.mark.parametrize("hook", ["build_editable", "build_wheel"])
def test_T14_a_kill_while_the_backend_runs_changes_nothing(edited: Path, yard: Yard, hook: str) -> None:
    yard.index.add(make_backend(yard.files, "1.1", more=DIES.format(hook=hook)))
    before = _state(yard)
    yard.workspace.process("add", "six", code=-signal.SIGKILL, cwd=edited.parent)
    assert _state(yard) == before
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    yard.index.add(make_backend(yard.files, "1.2"))
    yard.workspace.run("add", "six", cwd=edited.parent)
    assert yard.workspace.installed()["six"] == "1.0"
    assert "Nothing to do" in yard.workspace.run("sync").stderr


def test_T14_what_the_user_writes_into_the_manifest_while_the_build_fails_stays(
    edited: Path, yard: Yard
) -> None:
    yard.index.add(
        make_backend(yard.files, "1.1", more=_appending(edited, "raise SystemExit('no build today')"))
    )
    lock, text = yard.workspace.lock.read_bytes(), edited.read_text()
    done = yard.workspace.run("add", "six", code=8, cwd=edited.parent)
    assert "no build today" in done.stderr
    assert edited.read_text() == text + MINE
    assert yard.workspace.lock.read_bytes() == lock


def test_T14_what_the_user_writes_into_the_manifest_during_an_edit_is_not_overwritten(
    edited: Path, yard: Yard
) -> None:
    yard.index.add(make_backend(yard.files, "1.1", more=_appending(edited, "return _real(*a, **k)")))
    lock, text = yard.workspace.lock.read_bytes(), edited.read_text()
    done = yard.workspace.run("add", "six", code=7, cwd=edited.parent)
    assert "was edited during the command" in done.stderr
    assert edited.read_text() == text + MINE
    assert yard.workspace.lock.read_bytes() == lock
    assert "six" not in yard.workspace.installed()
    yard.workspace.run("add", "six", cwd=edited.parent)
    assert MINE in edited.read_text()
    assert yard.workspace.installed()["six"] == "1.0"


def test_T14_a_member_that_is_edited_is_installed_with_what_it_requires_then(
    edited: Path, yard: Yard
) -> None:
    yard.workspace.run("add", "six>=1", cwd=edited.parent)
    (info,) = [
        each for each in yard.workspace.site.glob("*-1.0.dist-info") if each.name[:3] in ("app", "lab")
    ]
    assert "Requires-Dist: six>=1\n" in (info / "METADATA").read_text()
    yard.workspace.run("sync", "--check", "--verify")
    yard.workspace.run("remove", "six", cwd=edited.parent)
    assert "Requires-Dist" not in (info / "METADATA").read_text()
    assert "Nothing to do" in yard.workspace.run("sync").stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the command runs in a fork that is killed")
@pytest.mark.parametrize("documents", [0, 1, 2])
def test_T14_an_edit_that_is_killed_after_its_commit_is_finished_by_the_next_sync(
    edited: Path, yard: Yard, documents: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def write(path: Path, content: bytes) -> None:
        if len(written) == documents:
            os._exit(9)
        written.append(path)
        write_durable(path, content)

    def stop(*_: object) -> None:
        os._exit(9)

    with monkeypatch.context() as patch:
        patch.setattr("pipper.apply.mover.write_durable", write)
        patch.setattr("pipper.apply.mover.Mover.take_out_infos", stop)
        assert in_fork(lambda: yard.workspace.run("add", "six", cwd=edited.parent).code) == 9 << 8
    assert ("six" in edited.read_text()) is (documents > 0)
    assert "Finishing the interrupted change" in yard.workspace.run("sync").stderr
    assert "six" in edited.read_text()
    assert yard.workspace.installed()["six"] == "1.0"
    yard.workspace.run("lock", "--check")
    assert "Nothing to do" in yard.workspace.run("sync").stderr


def test_T14_a_member_that_is_not_editable_is_not_built_again_after_its_edit(yard: Yard) -> None:
    lab = yard.member("packages/lab", "lab")
    path = "lab = { path = 'packages/lab', editable = false }"
    yard.ask(more=f"[workspace]\nmembers = ['packages/*']\n[sources]\n{path}\n")
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    yard.workspace.run("add", "six", cwd=lab)
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    (info,) = yard.workspace.site.glob("lab-1.0.dist-info")
    assert "Requires-Dist: six\n" in (info / "METADATA").read_text()
    (lab / "pyproject.toml").write_text((lab / "pyproject.toml").read_text() + "# other\n")
    assert "Building lab" in yard.workspace.run("sync").stderr
