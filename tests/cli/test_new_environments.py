"""A new environment is put together beside its place and renamed in: until then there is none, and then a whole one."""

import os
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipper.apply import beside as beside_folders
from pipper.apply import new_environment
from pipper.build.source_tree import copy_tree
from pipper.core.reporter import Reporter
from pipper.ops.sync import steps, sync_run
from pipper.python.environment import Environment
from tests.invariants import Workspace, tree

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot rename a folder that is in use")


@pytest.fixture
def missing(workspace: Workspace) -> Workspace:
    """A project with a lock, and no environment."""
    workspace.publish(workspace.wheel("omega", entry_points={"omega": "omega:main"}))
    workspace.write_manifest("omega")
    workspace.run("lock")
    shutil.rmtree(workspace.venv)
    return workspace


def beside(workspace: Workspace) -> list[Path]:
    """The folders beside the place of the environment."""
    return list(workspace.app.glob(".venv-*"))


def test_nothing_is_in_its_place_before_all_of_it_is(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    move_in = new_environment.NewEnvironment.move_in

    def watched(new: new_environment.NewEnvironment) -> None:
        seen.append((missing.venv.exists(), [tree(folder) for folder in beside(missing)]))
        move_in(new)
        seen.append((missing.venv.exists(), beside(missing)))

    monkeypatch.setattr(new_environment.NewEnvironment, "move_in", watched)
    missing.run("sync")
    [(early, [whole]), late] = seen
    assert not early
    assert {"bin/python", "bin/omega", "pyvenv.cfg"} <= whole.keys()
    assert any(path.endswith("omega-1.0.0.dist-info/RECORD") for path in whole)
    assert late == (True, [])


def test_no_file_of_it_says_where_it_was_put_together(missing: Workspace) -> None:
    missing.run("sync")
    assert not [path for path in missing.venv.rglob("*") if "-new-" in path.name]
    for path in (file for file in missing.venv.rglob("*") if file.is_file()):
        assert b".venv-new-" not in path.read_bytes(), path
    activated = subprocess.run(
        ["sh", "-c", '. .venv/bin/activate; echo "$VIRTUAL_ENV $PS1"; command -v omega'],
        cwd=missing.app,
        env={"PATH": os.environ["PATH"], "PS1": "$"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert activated.stdout.splitlines() == [f"{missing.venv} (.venv) $", f"{missing.venv}/bin/omega"]


def test_it_is_what_venv_makes_in_the_place_but_for_the_packages(missing: Workspace) -> None:
    missing.run("sync")
    other = missing.root / "other" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", other], check=True)
    made, usual = tree(missing.venv), tree(other)
    assert usual.keys() - made.keys() <= {".gitignore"}
    for path in ("bin/activate", "bin/activate.csh", "bin/activate.fish", "bin/Activate.ps1"):
        assert made[path][0] == usual[path][0]
        text = (other / path).read_text()
        assert (missing.venv / path).read_text() == text.replace(str(other), str(missing.venv)), path


def test_a_folder_that_is_there_already_is_filled_in_its_place(missing: Workspace) -> None:
    """As one that is mounted, or a link that the user made."""
    missing.venv.mkdir()
    inode = missing.venv.stat().st_ino
    missing.run("sync")
    assert missing.venv.stat().st_ino == inode
    assert missing.installed() == {"omega": "1.0.0"}
    assert missing.run("sync").stderr.startswith("Nothing to do")


def make_another(workspace: Workspace) -> None:
    """Make an environment as another tool does, with something of the user's in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", workspace.venv], check=True)
    (workspace.venv / "mine.txt").write_text("mine")


@pytest.mark.parametrize("how", ["full", "interrupted"])
def test_an_environment_that_another_tool_made_meanwhile_stays_if_the_first_sync_fails(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    renewed = sync_run.SyncRun.renewed

    def overtaken(run: sync_run.SyncRun) -> sync_run.SyncRun:
        if not missing.venv.exists():
            make_another(missing)
        return renewed(run)

    def failing(*args: object) -> None:
        raise OSError(28, "No space left on device", "journal.json") if how == "full" else KeyboardInterrupt

    monkeypatch.setattr(sync_run.SyncRun, "renewed", overtaken)
    monkeypatch.setattr("pipper.apply.transaction.write_journal", failing)
    missing.run("sync", code=8 if how == "full" else 130)
    assert (missing.venv / "mine.txt").read_text() == "mine"
    assert (missing.venv / "pyvenv.cfg").exists()
    assert (missing.venv / "bin" / "python").exists()
    assert not list(missing.venv.rglob("*.dist-info"))


def test_what_another_program_puts_into_an_environment_stays_if_the_rest_of_it_goes(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing.venv.mkdir()  # so it is filled in its place

    def failing(*args: object) -> None:
        (missing.venv / "mine.txt").write_text("mine")
        (missing.venv / "bin" / "mine").write_text("mine")
        no_space(missing.venv)

    monkeypatch.setattr("pipper.apply.transaction.write_journal", failing)
    missing.run("sync", code=8)
    assert sorted(path for path in tree(missing.venv)) == ["bin", "bin/mine", "mine.txt"]


@pytest.mark.parametrize("dependencies", [("omega",), ()], ids=["a package", "nothing"])
def test_what_another_sync_completed_while_a_failed_one_waited_to_clean_up_stays(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch, dependencies: tuple[str, ...]
) -> None:
    missing.write_manifest(*dependencies)
    missing.run("lock")
    missing.venv.mkdir()  # so it is filled in its place
    lock = new_environment.environment_lock

    def waited(environment: Environment, reporter: Reporter) -> AbstractContextManager[None]:
        missing.process("sync")
        return lock(environment, reporter)

    def interrupted(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(steps, "_sync_existing", interrupted)
        patch.setattr(new_environment, "environment_lock", waited)
        missing.run("sync", code=130)
    assert (missing.venv / "bin" / "python").exists()
    assert "Nothing to do" in missing.run("sync").stderr


def test_a_new_target_directory_is_made_so_too(missing: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    move_in = new_environment.NewEnvironment.move_in
    monkeypatch.setattr(
        new_environment.NewEnvironment, "move_in", lambda new: (seen.append(new.place.root), move_in(new))
    )
    missing.run("sync", "-t", "deep/out")
    assert seen == [missing.app / "deep" / "out"]
    assert missing.installed(missing.app / "deep" / "out") == {"omega": "1.0.0"}
    assert [each.name for each in (missing.app / "deep").iterdir()] == ["out"]


def test_what_came_to_the_place_meanwhile_stays_and_is_synced(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_in = new_environment.NewEnvironment.move_in

    def overtaken(new: new_environment.NewEnvironment) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", missing.venv], check=True)
        (missing.venv / "mine.txt").write_text("mine")
        move_in(new)

    monkeypatch.setattr(new_environment.NewEnvironment, "move_in", overtaken)
    done = missing.run("sync")
    assert done.stderr.count("Creating ") == 1
    assert (missing.venv / "mine.txt").read_text() == "mine"
    assert missing.installed() == {"omega": "1.0.0"}
    assert beside(missing) == []


@pytest.mark.parametrize("arguments", [("sync",), ("add", "omega")], ids=["sync", "add"])
def test_a_failure_leaves_nothing_and_names_the_place_that_the_user_knows(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    if arguments[0] == "add":
        missing.write_manifest()
        missing.run("lock")
    before = missing.state()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device", f"{beside(missing)[0]}/.pipper/journal.json")

    monkeypatch.setattr("pipper.apply.transaction.write_journal", full)
    done = missing.run(*arguments, code=8)
    assert f"cannot write {missing.venv}/.pipper/journal.json" in done.stderr
    assert "-new-" not in done.stderr
    missing.compare(before)
    assert not missing.venv.exists()
    assert beside(missing) == []


def test_an_edit_that_fails_after_the_environment_came_in_takes_it_out_again(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing.write_manifest()
    missing.run("lock")
    before = missing.state()

    def refused(*args: object) -> None:
        assert missing.venv.exists()
        raise OSError(5, "Input/output error", str(missing.manifest))

    monkeypatch.setattr("pipper.apply.mover.write_durable", refused)
    missing.run("add", "omega", code=8)
    missing.compare(before)
    assert not missing.venv.exists()
    assert beside(missing) == []


def test_an_older_lock_is_not_synced_where_a_newer_one_came_during_the_fetch(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = {path: path.read_bytes() for path in (missing.manifest, missing.lock)}
    missing.publish(missing.wheel("sigma"))
    missing.write_manifest("sigma")
    missing.run("lock")
    newer = {path: path.read_bytes() for path in older}
    for path, content in older.items():
        path.write_bytes(content)
    fetch = sync_run.SyncRun.fetch

    def changed(run: steps.SyncRun, *args: object) -> object:
        for path, content in newer.items():
            path.write_bytes(content)
        return fetch(run, *args)  # type: ignore[arg-type] # as it is called

    monkeypatch.setattr(sync_run.SyncRun, "fetch", changed)
    missing.run("sync")
    assert missing.installed() == {"sigma": "1.0.0"}


def no_space(path: Path, *others: object) -> None:
    raise OSError(28, "No space left on device", str(path))


def test_what_can_neither_be_finished_nor_undone_is_finished_by_the_next_command(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing.write_manifest()
    missing.run("lock")

    def busy(new: new_environment.NewEnvironment) -> None:
        raise OSError(16, "Device or resource busy", str(new.place.root))

    with monkeypatch.context() as patch:
        patch.setattr("pipper.apply.mover.write_durable", no_space)
        patch.setattr(new_environment.NewEnvironment, "move_back", busy)
        done = missing.run("add", "omega", code=8)
    assert "neither finished nor undone" in done.stderr
    assert "omega" not in missing.manifest.read_text()
    assert "Finishing the interrupted change" in missing.run("sync").stderr
    assert "omega" in missing.manifest.read_text()
    assert missing.installed() == {"omega": "1.0.0"}


def test_a_folder_that_another_command_took_for_a_leftover_is_not_worked_in(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = beside_folders.fcntl.flock

    def late(descriptor: int, how: int) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(beside_folders.fcntl, "flock", flock)
            beside_folders.remove_leftovers(str(missing.venv))
        flock(descriptor, how)

    monkeypatch.setattr(beside_folders.fcntl, "flock", late)
    missing.run("sync")
    assert missing.installed() == {"omega": "1.0.0"}
    assert (missing.venv / "bin" / "python").exists()
    assert beside(missing) == []


def test_an_environment_that_was_taken_back_while_a_sync_waited_for_it_is_not_filled(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing.run("sync")
    missing.publish(missing.wheel("sigma"))
    missing.write_manifest("omega", "sigma")
    missing.run("lock")
    lock = steps.environment_lock

    def waited(environment: Environment, reporter: Reporter) -> AbstractContextManager[None]:
        shutil.rmtree(environment.root)
        return lock(environment, reporter)

    with monkeypatch.context() as patch:
        patch.setattr(steps, "environment_lock", waited)
        done = missing.run("sync", code=7)
    assert "was removed" in done.stderr
    assert not list(missing.venv.rglob("*.dist-info"))
    missing.run("sync")
    assert missing.installed() == {"omega": "1.0.0", "sigma": "1.0.0"}


def test_a_sync_that_was_overtaken_does_not_spoil_the_recipe(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_in = new_environment.NewEnvironment.move_in
    with monkeypatch.context() as patch:

        def overtaken(new: new_environment.NewEnvironment) -> None:
            patch.setattr(new_environment.NewEnvironment, "move_in", move_in)
            missing.bare("sync")
            move_in(new)

        patch.setattr(new_environment.NewEnvironment, "move_in", overtaken)
        missing.bare("sync")
    shutil.rmtree(missing.venv)
    assert "Installed 1 package" in missing.bare("sync").stderr


def test_a_placer_that_cannot_work_names_the_place(
    missing: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipper.apply.placing._reflink", lambda job: False)
    done = missing.run("sync", "--link-mode", "reflink", code=8)
    assert f"to `{missing.venv}/" in done.stderr
    assert "-new-" not in done.stderr
    assert not missing.venv.exists()


def test_what_is_left_beside_an_environment_that_is_there_goes_with_its_next_change(
    missing: Workspace,
) -> None:
    missing.run("sync")
    (missing.app / ".venv-new-0123456789abcdef" / "bin").mkdir(parents=True)
    missing.run("sync", "--reinstall", "omega")
    assert beside(missing) == []


def test_what_is_beside_another_environment_is_left_alone(missing: Workspace) -> None:
    other = missing.app / ".venv-new-other-new-0123456789abcdef"
    other.mkdir()
    missing.run("sync")
    assert beside(missing) == [other]


def test_no_build_takes_a_folder_beside_for_files_of_the_project(tmp_path: Path) -> None:
    for name in ("own", ".venv-new-0123456789abcdef", "own-new-parts"):
        (tmp_path / "project" / name).mkdir(parents=True)
    copy_tree(tmp_path / "project", tmp_path / "copy")
    assert sorted(each.name for each in (tmp_path / "copy").iterdir()) == ["own", "own-new-parts"]
