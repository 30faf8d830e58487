"""`pipper run`: the program runs in the project's environment, synced before, and its exit code is pipper's."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from pipper.errors import UsageError
from pipper.ops.sync.freshness import KEEPS_OTHERS
from pipper.ops.sync.request import SyncRequest
from pipper.python.activation import run_in
from tests.invariants import Workspace

SAY_PREFIX = "import sys; print(sys.prefix)"


def test_a_program_of_the_environment_runs_after_a_sync(workspace: Workspace) -> None:
    shutil.rmtree(workspace.venv)
    done = workspace.process("run", "alpha")
    assert done.stdout == "alpha runs\n"
    assert f"Installed 3 packages in {workspace.venv}" in done.stderr


def test_with_nothing_to_sync_pipper_says_nothing(workspace: Workspace) -> None:
    workspace.run("sync")
    for words in (("alpha",), ("--", "alpha")):
        done = workspace.process("run", *words)
        assert (done.stdout, done.stderr) == ("alpha runs\n", "")


def test_with_nothing_to_sync_only_what_finds_that_out_is_imported(workspace: Workspace) -> None:
    workspace.run("sync")
    env = {"PYTHONPROFILEIMPORTTIME": "1"}
    told = workspace.process("run", "true", env=env).stderr
    assert "pipper.python.activation" in told
    for module in ("click", "msgspec", "packaging", "tomllib", "pathlib", "json"):
        assert not any(line.split("|")[-1].strip() == module for line in told.splitlines()), module


@pytest.mark.parametrize("state", ["fresh", "stale stamp"])
def test_the_exit_code_and_the_arguments_are_the_programs(workspace: Workspace, state: str) -> None:
    workspace.run("sync")
    if state != "fresh":
        (workspace.venv / ".pipper" / "stamp").unlink()
    code = "import sys; print(sys.argv[1:]); sys.exit(7)"
    done = workspace.process("run", "python", "-c", code, "-q", "--extra", "x y", "--", "-v", code=7)
    assert done.stdout == "['-q', '--extra', 'x y', '--', '-v']\n"


def test_the_program_sees_an_activated_environment(workspace: Workspace) -> None:
    code = "import os, shutil; print(os.environ['VIRTUAL_ENV'], shutil.which('alpha'), 'PYTHONHOME' in os.environ)"
    done = workspace.process("run", "python", "-c", code, env={"VIRTUAL_ENV": "/elsewhere"})
    assert done.stdout.split() == [str(workspace.venv), str(workspace.venv / "bin" / "alpha"), "False"]


def test_a_python_file_runs_with_the_python_of_the_environment(workspace: Workspace) -> None:
    (workspace.app / "show.py").write_text(SAY_PREFIX)
    assert workspace.process("run", "show.py").stdout.strip() == str(workspace.venv)


def test_a_group_or_an_extra_that_an_earlier_sync_chose_stays(workspace: Workspace) -> None:
    workspace.write_manifest("alpha", more="[dependency-groups]\ndev = ['delta']\ndocs = ['gamma']\n")
    workspace.run("lock")
    workspace.run("sync", "--group", "docs")
    for _ in range(2):
        workspace.process("run", "alpha")
        assert workspace.installed().keys() == {"alpha", "beta", "delta", "gamma"}
    assert " - gamma 1.0.0" in workspace.run("sync").stderr
    workspace.process("run", "--group", "docs", "--no-dev", "alpha")
    assert workspace.installed().keys() == {"alpha", "beta", "delta", "gamma"}


def test_without_a_sync_the_environment_stays_as_it_is(workspace: Workspace) -> None:
    workspace.write_manifest("alpha", "gamma")
    assert "out of date" in workspace.process("run", "alpha", code=2).stderr
    assert workspace.process("run", "--no-sync", "alpha").stdout == "alpha runs\n"
    assert "gamma" not in workspace.installed()
    shutil.rmtree(workspace.venv)
    assert "hint: run `pipper sync`" in workspace.process("run", "--no-sync", "alpha", code=8).stderr


@pytest.mark.parametrize("name", ["missing.py", "tools/missing", "./missing.py"])
def test_a_file_that_is_missing_is_told_with_its_place_and_no_package_is_named(
    workspace: Workspace, name: str
) -> None:
    workspace.run("sync")
    done = workspace.process("run", name, code=2)
    assert done.stderr.startswith(f"error: there is no file `{workspace.app / name}`\n")
    assert "pipper add" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows reads no first line")
def test_a_script_whose_interpreter_is_missing_is_told(workspace: Workspace) -> None:
    workspace.run("sync")
    script = workspace.app / "start"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    done = workspace.process("run", "./start", code=2)
    assert "the interpreter that its first line names does not exist" in done.stderr


@pytest.mark.parametrize("state", ["fresh", "stale stamp"])
def test_a_program_that_is_missing_or_cannot_run_is_an_error_of_pipper(
    workspace: Workspace, state: str
) -> None:
    workspace.run("sync")
    if state != "fresh":
        (workspace.venv / ".pipper" / "stamp").unlink()
    done = workspace.process("run", "nowhere", code=2)
    assert done.stderr.startswith("error: there is no program `nowhere`\n")
    (workspace.app / "data").write_text("no program")
    assert workspace.process("run", "./data", code=8).stderr.startswith("error: cannot run `./data`\n")


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_program_that_cannot_run_leaves_pipper_its_signals(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGPIPE), signal.getsignal(signal.SIGXFSZ)
    with pytest.raises(UsageError):
        run_in(str(tmp_path), ["nowhere-at-all"])
    assert (signal.getsignal(signal.SIGPIPE), signal.getsignal(signal.SIGXFSZ)) == before


def test_outside_a_project_and_without_a_program_the_error_says_what_is_missing(empty: Workspace) -> None:
    assert "no project" in empty.process("run", "true", code=2).stderr
    assert "Missing argument 'CMD [ARGS]...'" in empty.process("run", code=2).stderr


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_signals_reach_the_program_and_are_handled_as_usual(workspace: Workspace) -> None:
    workspace.run("sync")
    # A shell that inherits an ignored SIGPIPE cannot be ended by it.
    done = workspace.process("run", "sh", "-c", "kill -PIPE $$; echo still here", code=-signal.SIGPIPE)
    assert done.stdout == ""
    running = workspace.begin("run", "python", "-c", "print('on', flush=True); import time; time.sleep(600)")
    assert running.stdout
    assert running.stdout.readline() == "on\n"
    running.send_signal(signal.SIGTERM)
    assert running.wait() == -signal.SIGTERM


def test_a_run_without_options_and_the_sync_of_it_have_one_stamp() -> None:
    assert SyncRequest(keeps_others=True).stamped_options == KEEPS_OTHERS


@pytest.mark.parametrize("where", ["env", "absolute"])
def test_the_variable_names_another_environment_for_the_project(
    workspace: Workspace, tmp_path: Path, where: str
) -> None:
    shutil.rmtree(workspace.venv)
    folder = workspace.app / "env" if where == "env" else tmp_path / "env"
    env = {"PIPPER_ENVIRONMENT": "env" if where == "env" else str(folder)}
    done = workspace.process("run", "python", "-c", SAY_PREFIX, env=env)
    assert done.stdout.strip() == str(folder)
    assert workspace.process("sync", env=env).stderr.startswith("Nothing to do")
    assert "alpha" in workspace.run("list", env=env).stdout
    workspace.run("add", "gamma", env=env)
    assert workspace.process("run", "python", "-c", "import gamma", env=env).stderr == ""
    assert not workspace.venv.exists()
