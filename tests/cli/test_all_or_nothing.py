"""A command that installs files by path or URL and fails leaves nothing behind, not even a copy of the file (T14)."""

import http.server
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipper.system.files import write_document
from pipper.wheels.bundle import write_bundle
from tests.invariants import Workspace, tree
from tests.loopback import QuietHandler, served

Fail = Callable[[Workspace, pytest.MonkeyPatch], tuple[Path, int, str]]


def at_the_gate(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, int, str]:
    path = workspace.wheel("evil")
    path.write_bytes(path.read_bytes()[:-30])
    return path, 4, "evil-1.0.0-py3-none-any.whl"


def at_the_solve(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, int, str]:
    return workspace.wheel("evil", requires=["beta>=9"]), 3, "evil"


def at_the_fetch(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, int, str]:
    for wheel in workspace.repository.glob("gamma/*/*.whl"):
        wheel.unlink()
    return workspace.wheel("evil", requires=["gamma"]), 4, "gamma"


def at_the_staging(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, int, str]:
    return workspace.wheel("evil", files={"beta/__init__.py": "evil = 1\n"}), 4, "beta/__init__.py"


def at_the_moves(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, int, str]:
    monkeypatch.setattr("pipper.apply.mover.Mover.bring_in", _raise(OSError(28, "No space left on device")))
    return workspace.wheel("evil"), 8, "cannot write"


def by_an_interrupt_of_the_solve(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, int, str]:
    monkeypatch.setattr("pipper.ops.edit.edit.make_lock", _raise(KeyboardInterrupt()))
    return workspace.wheel("evil"), 130, ""


def by_an_interrupt_of_the_import(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, int, str]:
    monkeypatch.setattr("pipper.repository.publisher.Publisher.write_page", _raise(KeyboardInterrupt()))
    return workspace.wheel("evil"), 130, ""


def by_an_interrupt_of_the_moves(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, int, str]:
    monkeypatch.setattr("pipper.apply.mover.Mover.bring_in", _raise(KeyboardInterrupt()))
    return workspace.wheel("evil"), 130, ""


def _raise(error: BaseException) -> Callable[..., object]:
    def work(*_: object, **__: object) -> object:
        raise error

    return work


WAYS: list[Fail] = [
    at_the_gate,
    at_the_solve,
    at_the_fetch,
    at_the_staging,
    at_the_moves,
    by_an_interrupt_of_the_solve,
    by_an_interrupt_of_the_import,
    by_an_interrupt_of_the_moves,
]


def state(workspace: Workspace) -> dict[str, object]:
    """Everything but the cache, and the notes of stores, which say what was hashed when."""
    found = tree(workspace.root, without=("cache", "tmp", "wheels", "home/.pipper"))
    return {path: seen for path, seen in found.items() if ".pipper-store" not in path}


def require_nothing(
    workspace: Workspace, *command: str | Path, code: int, subject: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(workspace)
    done = workspace.run(*command, code=code)
    assert subject in done.stderr
    assert state(workspace) == before
    assert list((workspace.root / "tmp").rglob("*")) == []
    monkeypatch.undo()


@pytest.mark.parametrize("fail", WAYS)
@pytest.mark.parametrize("earlier", [False, True], ids=["first file", "another file before"])
def test_T14_a_wheel_that_is_not_installed_is_not_kept(
    earlier: bool, fail: Fail, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    if earlier:
        workspace.run("install", workspace.wheel("good"))
    path, code, subject = fail(workspace, monkeypatch)
    require_nothing(workspace, "install", path, code=code, subject=subject, monkeypatch=monkeypatch)
    assert (workspace.app / ".pipper").exists() is earlier
    path.unlink()
    assert workspace.run("install", "evil", code=3).stderr
    if earlier:
        workspace.run("sync", "--check")
        shutil.rmtree(workspace.venv)
        workspace.run("sync")
        assert workspace.installed()["good"] == "1.0.0"


@pytest.mark.parametrize("fail", WAYS)
def test_T14_a_first_environment_and_a_target_do_not_stay_either(
    fail: Fail, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(workspace.venv)
    path, code, subject = fail(workspace, monkeypatch)
    require_nothing(workspace, "install", path, code=code, subject=subject, monkeypatch=monkeypatch)
    assert not workspace.venv.exists()


def test_T14_a_new_target_does_not_stay_either(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for fail in (at_the_solve, at_the_moves, by_an_interrupt_of_the_solve):
        path, code, subject = fail(workspace, monkeypatch)
        command = ("install", "-t", workspace.root / "new" / "target", path)
        require_nothing(workspace, *command, code=code, subject=subject, monkeypatch=monkeypatch)


def test_T14_a_first_sync_that_fails_leaves_no_environment(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(workspace.venv)
    for fail, code in ((OSError(28, "No space left on device"), 8), (KeyboardInterrupt(), 130)):
        monkeypatch.setattr("pipper.apply.mover.Mover.bring_in", _raise(fail))
        require_nothing(workspace, "sync", code=code, subject="", monkeypatch=monkeypatch)
    workspace.run("sync")


@pytest.mark.parametrize("kind", ["wheel", "bundle"])
def test_T14_other_bytes_for_a_version_leave_those_that_are_there(
    kind: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.run("install", workspace.wheel("good"))
    path = workspace.wheel("good", files={"good/__init__.py": "other = 1\n"}, requires=["beta>=9"])
    if kind == "bundle":
        path = write_bundle(path, filename=path.name, output=workspace.root / "wheels")
    require_nothing(workspace, "install", path, code=3, subject="beta", monkeypatch=monkeypatch)
    shutil.rmtree(workspace.venv)
    workspace.run("sync")
    assert workspace.installed()["good"] == "1.0.0"


def test_T14_of_several_files_none_is_kept_if_one_is_bad(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, other = workspace.wheel("good"), workspace.wheel("other")
    bad = at_the_gate(workspace, monkeypatch)[0]
    command = ("install", good, other, bad)
    require_nothing(workspace, *command, code=4, subject=bad.name, monkeypatch=monkeypatch)
    command = ("add", good, "nonexistent", other)
    require_nothing(workspace, *command, code=3, subject="nonexistent", monkeypatch=monkeypatch)


@pytest.fixture
def urls(workspace: Workspace) -> Iterator[str]:
    """The URL of a server that has the workspace's wheels."""

    class Handler(QuietHandler, http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(workspace.root / "wheels"))  # type: ignore[arg-type] # what the server passes

    with served(Handler) as server:
        yield server.url


@pytest.mark.parametrize("fail", [at_the_gate, at_the_solve, by_an_interrupt_of_the_solve])
def test_T14_nor_is_a_file_that_was_fetched(
    fail: Fail, workspace: Workspace, urls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, code, subject = fail(workspace, monkeypatch)
    require_nothing(
        workspace, "install", f"{urls}/{path.name}", code=code, subject=subject, monkeypatch=monkeypatch
    )


def test_T14_nor_are_files_of_a_list(
    workspace: Workspace, urls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = workspace.wheel("good")
    bad = at_the_gate(workspace, monkeypatch)[0]
    listed = [f"{urls}/{path.name}" for path in (good, bad)]
    (workspace.app / "pipper.json").write_text(json.dumps({"dependencies": listed}))
    command = ("install", "-i", "pipper.json")
    require_nothing(workspace, *command, code=4, subject=bad.name, monkeypatch=monkeypatch)


def test_T14_a_dry_run_keeps_no_file(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workspace.wheel("good")
    require_nothing(workspace, "install", "--dry-run", path, code=0, subject="", monkeypatch=monkeypatch)


def test_T14_without_a_sync_manifest_and_lock_are_written_together_or_not_at_all(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_locks(path: Path, data: bytes, *, private: bool = False) -> None:
        if path == workspace.lock and b"good" in data:
            raise KeyboardInterrupt
        write_document(path, data)

    monkeypatch.setattr("pipper.ops.edit.documents.write_document", refuse_locks)
    command = ("add", "--no-sync", workspace.wheel("good"))
    require_nothing(workspace, *command, code=130, subject="", monkeypatch=monkeypatch)


def test_T14_without_a_sync_what_the_user_writes_meanwhile_stays_too(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = workspace.manifest.read_bytes() + b"# mine\n"
    lock = workspace.lock.read_bytes()

    def edited(path: Path, data: bytes) -> None:
        if path == workspace.lock:
            workspace.manifest.write_bytes(mine)
            raise KeyboardInterrupt
        write_document(path, data)

    monkeypatch.setattr("pipper.ops.edit.documents.write_document", edited)
    workspace.run("add", "--no-sync", "gamma", code=130)
    assert (workspace.manifest.read_bytes(), workspace.lock.read_bytes()) == (mine, lock)


@pytest.mark.parametrize("command", [("add", "gamma"), ("remove", "alpha"), ("install", "-u", "alpha")])
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["disk", "interrupt"]
)
def test_T14_an_edit_that_fails_while_files_are_moved_is_undone(
    command: tuple[str, ...], error: BaseException, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    if command[-1] == "alpha" and command[0] == "install":
        workspace.publish(workspace.wheel("alpha", "2.0.0", requires=["gamma"]))
    monkeypatch.setattr("pipper.apply.mover.Mover.bring_in", _raise(error))
    code = 8 if isinstance(error, OSError) else 130
    require_nothing(workspace, *command, code=code, subject="", monkeypatch=monkeypatch)


def test_T14_a_file_that_is_committed_stays_whatever_follows(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipper.apply.environment_lock._tidy", _raise(KeyboardInterrupt()))
    workspace.run("install", workspace.wheel("good"), code=130)
    monkeypatch.undo()
    assert "good" in workspace.locked()
    shutil.rmtree(workspace.venv)
    shutil.rmtree(workspace.root / "cache")
    workspace.run("sync")
    assert workspace.installed()["good"] == "1.0.0"
