"""An environment that is made anew with another Python: the old one stays until the new one is there for good."""

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from pipper.apply import beside as beside_folders
from pipper.apply import mover, new_environment
from pipper.core.reporter import Reporter
from pipper.ops.sync import steps
from pipper.python.environment import Environment
from pipper.python.venv import UNFINISHED
from tests.invariants import Tree, Workspace, tree
from tests.workshop import second_python

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot rename a folder that is in use")
ASIDE = ".venv-old-0123456789abcdef"


@pytest.fixture
def old(workspace: Workspace) -> Workspace:
    """A project whose environment has something of another tool."""
    shutil.rmtree(workspace.venv)
    workspace.bare("sync")
    (workspace.venv / "mine.txt").write_text("mine")
    return workspace


@pytest.fixture
def python(old: Workspace) -> Path:
    """Another Python than that of the environment."""
    return second_python(old.root / "second")


def refusing(number: int, rename: Callable[[str, str], None], old: Workspace) -> Callable[[str, str], None]:
    """A rename that sets no folder aside, but fails with this number."""

    def renamed(source: str, destination: str) -> None:
        if source == str(old.venv) and "-old-" in destination:
            raise OSError(number, os.strerror(number), source, None, destination)
        rename(source, destination)

    return renamed


def beside(workspace: Workspace) -> list[str]:
    """What there is of environments."""
    return sorted(each.name for each in workspace.app.glob(".venv*"))


def but_for_stamp(venv: Path) -> Tree:
    """An environment without its stamp, which the next sync writes again."""
    return tree(venv, without=[".pipper/stamp"])


def is_old(workspace: Workspace) -> bool:
    """Whether the environment is the old one."""
    return (workspace.venv / "mine.txt").exists()


def no_space(*args: object) -> None:
    raise OSError(28, "No space left on device", str(args[0]))


def interrupted(*args: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def put_in_place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No folder beside can be had, as on a file system without locks: the new environment is made in its place."""
    with monkeypatch.context() as patch:
        patch.setattr(new_environment, "_beside", lambda place: None)
        yield


def test_the_old_environment_is_in_its_place_until_the_new_one_is_whole(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    move_in = new_environment.NewEnvironment.move_in

    def watched(new: new_environment.NewEnvironment) -> None:
        seen.append((is_old(old), (new.environment.root / "bin" / "python").exists()))
        move_in(new)
        seen.append((is_old(old), (old.venv / "bin" / "python").exists()))

    monkeypatch.setattr(new_environment.NewEnvironment, "move_in", watched)
    assert "Recreating" in old.run("sync", "--python", python).stderr
    assert seen == [(True, True), (False, True)]
    assert beside(old) == [".venv"]
    assert "Nothing to do" in old.run("sync", "--python", python).stderr


@pytest.mark.parametrize("way", ["sync", "recipe", "add", "run", "another Python"])
def test_an_environment_that_a_killed_command_set_aside_is_put_back_by_the_next_one(
    old: Workspace, python: Path, way: str
) -> None:
    old.venv.rename(old.app / ASIDE)
    match way:
        case "sync":
            done = old.run("sync")
        case "recipe":
            done = old.bare("sync")
        case "add":
            done = old.run("add", "gamma")
        case "run":
            done = old.process("run", "python", "-c", "print('ran')")
            assert done.stdout == "ran\n"
        case _:
            done = old.run("sync", "--python", python)
    assert f"Restoring {old.venv}: a command that was recreating it was interrupted" in done.stderr
    assert is_old(old) == (way != "another Python")
    assert beside(old) == [".venv"]
    assert old.run("sync", "--check").code == 0


def test_of_several_that_were_set_aside_the_last_one_is_put_back(old: Workspace) -> None:
    (old.app / ".venv-old-ffffffffffffffff" / "bin").mkdir(parents=True)
    old.venv.rename(old.app / ASIDE)
    old.run("sync", "--reinstall", "alpha")
    assert is_old(old)
    assert beside(old) == [".venv"]


def test_an_environment_behind_a_link_is_not_replaced_and_told_how_it_can_be(
    old: Workspace, python: Path
) -> None:
    elsewhere = old.app / "envs" / "a"
    elsewhere.parent.mkdir()
    old.venv.rename(elsewhere)
    old.venv.symlink_to("envs/a")
    before = tree(old.app)
    done = old.run("sync", "--python", python, code=8)
    assert f"cannot recreate `{old.venv}`: it is a link to `{elsewhere}`" in done.stderr
    assert f"remove the link, or everything in `{elsewhere}`, then" in done.stderr
    assert tree(old.app) == before
    shutil.rmtree(elsewhere)
    elsewhere.mkdir()
    old.run("sync", "--python", python)
    assert old.venv.is_symlink()
    assert (elsewhere / "bin" / "python").exists()
    assert beside(old) == [".venv"]


def test_a_link_beside_an_environment_is_neither_put_back_nor_removed(old: Workspace) -> None:
    """pipper leaves none there; a clone may have one."""
    old.venv.rename(old.app / "elsewhere")
    (old.app / ASIDE).symlink_to("elsewhere")
    assert "Creating" in old.run("sync").stderr
    assert not is_old(old)
    assert beside(old) == [".venv", ASIDE]
    assert (old.app / "elsewhere" / "mine.txt").exists()


@pytest.mark.parametrize(
    "arguments", [("sync", "--dry-run"), ("sync", "--check"), ("list",), ("sync", "-t", "out")]
)
def test_a_command_that_does_not_change_it_puts_nothing_back(
    old: Workspace, arguments: tuple[str, ...]
) -> None:
    old.venv.rename(old.app / ASIDE)
    old.run(*arguments, code=1 if "--check" in arguments else 0)
    assert beside(old) == [ASIDE]


def test_an_environment_with_which_another_command_works_is_left_aside(old: Workspace) -> None:
    old.venv.rename(old.app / ASIDE)
    descriptor = os.open(old.app / ASIDE, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    old.run("sync")
    assert not is_old(old)
    assert beside(old) == [".venv", ASIDE]
    os.close(descriptor)
    old.run("sync", "--reinstall", "alpha")
    assert beside(old) == [".venv"]


def test_the_folder_of_another_user_is_not_taken_for_an_environment_of_ones_own(
    old: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.venv.rename(old.app / ASIDE)
    own = os.geteuid()
    monkeypatch.setattr(beside_folders.os, "geteuid", lambda: own + 1)
    assert not beside_folders.put_back_left(str(old.venv))
    beside_folders.remove_leftovers(str(old.venv))
    assert beside(old) == [ASIDE]


def test_an_interrupt_while_the_old_environment_is_removed_leaves_none_of_it(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old.run("lock", "--python", python)
    with monkeypatch.context() as patch:
        patch.setattr(beside_folders, "_remove", interrupted)
        old.run("sync", "--python", python, code=130)
    assert not is_old(old)
    assert "Nothing to do" in old.run("sync", "--python", python).stderr
    assert beside(old) == [".venv"]


@pytest.mark.parametrize("command", [("sync",), ("run", "python", "-V")], ids=" ".join)
def test_what_a_kill_leaves_before_the_new_environment_is_whole_goes_with_the_next_command(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    old.run("sync")
    with monkeypatch.context() as patch:
        patch.setattr("pipper.apply.transaction.write_journal", no_space)
        patch.setattr(beside_folders.Beside, "discard", lambda folder: None)
        old.run("sync", "--python", python, code=8)
    assert len(beside(old)) == 2
    assert is_old(old)
    old.process(*command)
    assert is_old(old)
    assert beside(old) == [".venv"]
    assert "Nothing to do" in old.run("sync").stderr


def test_half_of_an_old_environment_is_never_put_back(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(beside_folders, "_remove", interrupted)
        old.run("sync", "--python", python, code=130)
    assert len(beside(old)) == 2
    shutil.rmtree(old.venv)
    assert "Restoring" not in old.run("sync").stderr
    assert beside(old) == [".venv"]


def test_an_environment_that_another_program_made_meanwhile_is_left_alone(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_in = new_environment.NewEnvironment.move_in

    def overtaken(new: new_environment.NewEnvironment) -> None:
        shutil.rmtree(old.venv)
        old.venv.mkdir()
        (old.venv / "theirs.txt").write_text("theirs")
        move_in(new)

    monkeypatch.setattr(new_environment.NewEnvironment, "move_in", overtaken)
    done = old.run("sync", "--python", python, code=7)
    assert "another program made" in done.stderr
    assert [each.name for each in old.venv.iterdir()] == ["theirs.txt"]
    assert beside(old) == [".venv"]


def test_an_environment_that_goes_meanwhile_is_made_all_the_same(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    move_in = new_environment.NewEnvironment.move_in

    def gone(new: new_environment.NewEnvironment) -> None:
        shutil.rmtree(old.venv)
        move_in(new)

    monkeypatch.setattr(new_environment.NewEnvironment, "move_in", gone)
    old.run("sync", "--python", python)
    assert beside(old) == [".venv"]
    assert old.installed()


@pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in its place"])
@pytest.mark.parametrize("how", ["full", "interrupted"])
def test_an_error_leaves_the_old_environment_as_it_was(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool, how: str
) -> None:
    before = but_for_stamp(old.venv)
    with monkeypatch.context() as patch:
        if in_place:
            patch.setattr(new_environment, "_beside", lambda place: None)
        patch.setattr("pipper.apply.transaction.write_journal", no_space if how == "full" else interrupted)
        old.run("sync", "--python", python, code=8 if how == "full" else 130)
    assert but_for_stamp(old.venv) == before
    assert beside(old) == [".venv"]


def test_an_environment_that_is_made_anew_in_its_place_replaces_the_old_one_too(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with put_in_place(monkeypatch):
        old.run("sync", "--python", python)
    assert not is_old(old)
    assert beside(old) == [".venv"]
    assert "Nothing to do" in old.run("sync", "--python", python).stderr


def test_what_was_set_aside_goes_when_the_one_in_its_place_is_complete(old: Workspace) -> None:
    """As after a kill of a command that made it in its place."""
    shutil.copytree(old.venv, old.app / ASIDE, symlinks=True)
    (old.venv / ".pipper" / "stamp").unlink()
    (old.venv / "mine.txt").unlink()
    (old.venv / UNFINISHED).touch()
    old.run("sync")
    assert not is_old(old)
    assert beside(old) == [".venv"]


def test_an_edit_that_fails_after_the_new_environment_came_in_brings_the_old_one_back(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = but_for_stamp(old.venv)

    def refused(*args: object) -> None:
        assert not is_old(old)
        raise OSError(5, "Input/output error", str(old.manifest))

    with monkeypatch.context() as patch:
        patch.setattr("pipper.apply.mover.write_durable", refused)
        old.run("add", "gamma", "--python", python, code=8)
    assert but_for_stamp(old.venv) == before
    assert "gamma" not in old.manifest.read_text()
    assert beside(old) == [".venv"]


def test_the_stamp_is_written_only_when_the_old_environment_is_gone(
    old: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next sync would have nothing to do, and leave it."""
    seen = []
    stamp = steps.write_stamp

    def stamped(*args: object) -> None:
        seen.append(beside(old))
        stamp(*args)  # type: ignore[arg-type] # as it is called

    monkeypatch.setattr(steps, "write_stamp", stamped)
    (old.app / ASIDE).mkdir()
    old.run("sync", "--exact")
    assert seen == [[".venv"]]


@pytest.mark.parametrize("command", [("sync", "--reinstall", "alpha"), ("add", "gamma")], ids=" ".join)
def test_an_environment_that_another_command_made_with_another_python_is_not_filled(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    lock = steps.environment_lock

    def overtaken(environment: Environment, reporter: Reporter) -> AbstractContextManager[None]:
        with monkeypatch.context() as patch:
            patch.setattr(steps, "environment_lock", lock)
            old.process("sync", "--python", python)
        return lock(environment, reporter)

    manifest = old.manifest.read_text()
    with monkeypatch.context() as patch:
        patch.setattr(steps, "environment_lock", overtaken)
        done = old.run(*command, code=7)
    assert "with another Python while this command ran" in done.stderr
    assert "run the command again" in done.stderr
    assert old.manifest.read_text() == manifest
    assert "gamma" not in old.installed()
    assert "Nothing to do" in old.run("sync", "--python", python).stderr


def test_of_two_first_syncs_with_two_pythons_the_later_one_is_told(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(old.venv)
    move_in = new_environment.NewEnvironment.move_in

    def overtaken(new: new_environment.NewEnvironment) -> None:
        old.process("sync", "--python", python)
        move_in(new)

    with monkeypatch.context() as patch:
        patch.setattr(new_environment.NewEnvironment, "move_in", overtaken)
        done = old.run("sync", code=7)
    assert "with another Python while this command ran" in done.stderr
    assert beside(old) == [".venv"]
    assert "Nothing to do" in old.run("sync", "--python", python).stderr


def test_the_new_environment_knows_its_lock_so_that_its_next_change_can_be_undone(
    old: Workspace, python: Path
) -> None:
    state = old.venv / ".pipper"
    before = (state / "applied.lock").read_bytes()
    old.run("sync", "--python", python)
    assert (state / "applied.lock").read_bytes() == before
    packages = old.installed()
    old.run("add", "gamma", "--python", python)
    assert old.installed() != packages
    old.run("sync", "--python", python, "--lock", state / "previous.lock")
    assert old.installed() == packages


def test_a_kill_after_the_new_environment_came_in_is_finished_without_a_warning(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(new: new_environment.NewEnvironment) -> None:
        raise OSError(16, "Device or resource busy", str(new.place.root))

    with monkeypatch.context() as patch:
        patch.setattr("pipper.apply.mover.write_durable", no_space)
        patch.setattr(new_environment.NewEnvironment, "move_back", busy)
        old.run("sync", "--python", python, code=8)
    done = old.run("sync", "--python", python)
    assert "Finishing the interrupted change" in done.stderr
    assert "edited since" not in done.stderr
    assert (old.venv / ".pipper" / "applied.lock").exists()


@pytest.mark.parametrize("written", ["nothing", "the manifest"])
def test_an_edit_that_was_interrupted_is_finished_before_its_environment_is_replaced(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch, written: str
) -> None:
    left = 0 if written == "nothing" else 1
    write = mover.write_durable

    def killed(path: Path, content: bytes) -> None:
        nonlocal left
        if not left:
            raise OSError(5, "Input/output error", str(path))
        left -= 1
        write(path, content)

    def refused(moves: mover.Mover) -> None:
        raise OSError(5, "Input/output error", "stage")

    with monkeypatch.context() as patch:
        patch.setattr(mover, "write_durable", killed)
        patch.setattr(mover.Mover, "undo", refused)
        assert "neither finished nor undone" in old.run("add", "gamma", code=8).stderr
    assert ("gamma" in old.manifest.read_text()) == (written != "nothing")
    assert "gamma" not in old.lock.read_text()
    done = old.run("sync", "--python", python)
    assert "Finishing the interrupted change" in done.stderr
    assert "Recreating" in done.stderr
    assert "gamma" in old.manifest.read_text()
    assert "gamma" in old.installed()
    assert old.run("sync", "--check", "--python", python).code == 0
    assert beside(old) == [".venv"]


@pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in its place"])
def test_an_environment_with_a_change_that_was_interrupted_meanwhile_is_not_replaced(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    lock = new_environment.environment_lock

    def late(environment: Environment, reporter: Reporter) -> AbstractContextManager[None]:
        (old.venv / ".pipper" / "journal.json").touch()
        return lock(environment, reporter)

    with monkeypatch.context() as patch:
        if in_place:
            patch.setattr(new_environment, "_beside", lambda place: None)
        patch.setattr(new_environment, "environment_lock", late)
        done = old.run("sync", "--python", python, code=7)
    assert "was interrupted while this command ran" in done.stderr
    assert is_old(old)
    assert beside(old) == [".venv"]


@pytest.mark.parametrize("end", ["/", "//", "/.", "/../env"])
@pytest.mark.parametrize("way", ["sync", "recipe"])
def test_an_environment_whose_path_has_no_name_at_its_end_is_put_back_too(
    old: Workspace, end: str, way: str
) -> None:
    old.venv.rename(old.app / "env-old-0123456789abcdef")
    env = {"PIPPER_ENVIRONMENT": f"env{end}"}
    done = old.process("sync", env=env) if way == "recipe" else old.run("sync", env=env)
    assert f"Restoring {old.app / 'env'}" in done.stderr
    assert (old.app / "env" / "mine.txt").exists()
    assert [each.name for each in old.app.glob("env*")] == ["env"]


@pytest.mark.parametrize("place", [".", "./", "..", "../app"])
def test_an_environment_that_has_the_project_in_it_is_not_replaced(
    old: Workspace, python: Path, place: str
) -> None:
    env = {"PIPPER_ENVIRONMENT": place}
    folder = (old.app / place).resolve()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    before = tree(old.app)
    done = old.run("sync", "--python", python, env=env, code=8)
    assert "the project is in it" in done.stderr
    assert tree(old.app) == before


@pytest.mark.parametrize("way", ["beside", "in its place", "a lower layer"])
def test_an_environment_that_a_group_shares_stays_with_its_group(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    groups = [each for each in os.getgroups() if each != os.getegid()]
    group = groups[0] if groups else 4321 if os.geteuid() == 0 else os.getegid()
    os.chown(old.venv, -1, group)
    old.venv.chmod(0o2775)
    with monkeypatch.context() as patch:
        if way == "in its place":
            patch.setattr(new_environment, "_beside", lambda place: None)
        if way == "a lower layer":
            patch.setattr(os, "rename", refusing(errno.EXDEV, os.rename, old))
            with patch.context() as failing:
                failing.setattr("pipper.apply.transaction.write_journal", no_space)
                old.run("sync", "--python", python, code=8)
            assert (stat.S_IMODE(old.venv.stat().st_mode), old.venv.stat().st_gid) == (0o2775, group)
        old.run("sync", "--python", python)
    assert not is_old(old)
    for folder in (old.venv, old.venv / "bin", old.site):
        assert (folder.stat().st_gid, bool(folder.stat().st_mode & stat.S_ISGID)) == (group, True)
    assert stat.S_IMODE(old.venv.stat().st_mode) == 0o2775


@pytest.mark.parametrize("what", ["cache", "repository", "-b", "lock", "Python", "workspace"])
def test_an_environment_with_something_in_it_that_is_used_is_not_replaced(
    old: Workspace, python: Path, what: str
) -> None:
    inside = old.venv / "src" / "it"
    inside.parent.mkdir()
    env, more = {}, []
    match what:
        case "cache":
            (old.root / "cache").rename(inside)
            env = {"PIPPER_CACHE_DIR": str(inside)}
        case "repository":
            old.repository.rename(inside)
            old.manifest.write_text(old.manifest.read_text().replace(old.url, inside.as_uri()))
            old.run("lock")
        case "-b":
            shutil.copytree(old.repository, inside)
            more = ["-b", inside.as_uri()]
        case "lock":
            shutil.copy(old.lock, inside)
            more = ["--lock", str(inside)]
        case "Python":
            python = second_python(inside)
        case _:
            inside.mkdir()
            (inside / "pyproject.toml").write_text("[project]\nname = 'it'\nversion = '1'\n")
            text = f"{old.manifest.read_text()}\n[workspace]\nmembers = ['.venv/src/*']\n"
            old.manifest.write_text(text)
            old.run("lock")
    before = tree(old.venv, without=["src/it"])
    done = old.run("sync", "--python", python, *more, env=env, code=8)
    assert f"cannot recreate `{old.venv}`: " in done.stderr
    assert f"`{inside}" in done.stderr
    assert inside.exists()
    assert tree(old.venv, without=["src/it"]) == before
    assert beside(old) == [".venv"]


@pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in its place"])
def test_an_environment_in_a_lower_layer_is_set_aside_file_by_file(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    before = but_for_stamp(old.venv)
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refusing(errno.EXDEV, os.rename, old))
        if in_place:
            patch.setattr(new_environment, "_beside", lambda place: None)
        with monkeypatch.context() as failing:
            failing.setattr("pipper.apply.transaction.write_journal", no_space)
            old.run("sync", "--python", python, code=8)
        assert but_for_stamp(old.venv) == before
        assert beside(old) == [".venv"]
        old.run("sync", "--python", python)
    assert not is_old(old)
    assert beside(old) == [".venv"]
    assert "Nothing to do" in old.run("sync", "--python", python).stderr


@pytest.mark.parametrize("is_killed", [False, True], ids=["fails", "is killed"])
@pytest.mark.parametrize("after", [0, 1, 2, 30])
def test_an_environment_that_was_set_aside_halfway_is_whole_again(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch, after: int, is_killed: bool
) -> None:
    left = after
    before = but_for_stamp(old.venv)
    rename = refusing(errno.EXDEV, os.rename, old)

    def stopped(source: str, destination: str) -> None:
        nonlocal left
        if source.startswith(f"{old.venv}/") and "-old-" in destination:
            if not left:
                raise OSError(28, "No space left on device", destination)
            left -= 1
            if os.path.isdir(source) and not os.path.islink(source):  # noqa: PTH112, PTH114 - as they come
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        rename(source, destination)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", stopped)
        if is_killed:
            patch.setattr(beside_folders.Aside, "_put_files_back", lambda aside: None)
            patch.setattr(beside_folders.Aside, "put_back", lambda aside: None)
        old.run("sync", "--python", python, code=8)
    if is_killed:
        old.run("sync")
        assert is_old(old) == (after == 0)  # what no `venv` makes goes first
    else:
        assert but_for_stamp(old.venv) == before
    assert beside(old) == [".venv"]
    assert old.run("sync", "--check").code == 0


@pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in its place"])
def test_an_environment_in_a_mounted_folder_is_not_replaced_and_told_how_it_can_be(
    old: Workspace, python: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    before = but_for_stamp(old.venv)
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", refusing(errno.EBUSY, os.rename, old))
        if in_place:
            patch.setattr(new_environment, "_beside", lambda place: None)
        done = old.run("sync", "--python", python, code=8)
    assert "it is mounted" in done.stderr
    assert f"remove everything in `{old.venv}`, then run the command again" in done.stderr
    assert but_for_stamp(old.venv) == before
    assert beside(old) == [".venv"]
