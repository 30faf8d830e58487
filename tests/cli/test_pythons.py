"""Which Python a project's environment is made with, and that no other interpreter is changed."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.invariants import Workspace, tree

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the interpreters of these tests are scripts")
PATH = "/usr/bin:/bin"
OWN = f"{sys.version_info.major}.{sys.version_info.minor}"


def fake_python(folder: Path, name: str, version: str) -> Path:
    """A base interpreter of another version: the running one, whose probe and venvs say that version."""
    folder.mkdir(parents=True, exist_ok=True)
    python, prefix = folder / name, folder.parent
    major, minor, _ = version.split(".")
    sitecustomize = prefix / "say.py"
    sitecustomize.write_text(
        "import json, runpy, sys, io, contextlib\n"
        "out = io.StringIO()\n"
        "with contextlib.redirect_stdout(out):\n"
        "    runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "text = out.getvalue()\n"
        f"facts = json.loads(text.splitlines()[-1])\n"
        f"facts['version'] = [{major}, {minor}, {version.split('.')[2]}]\n"
        f"facts['markers'] |= {{'python_version': '{major}.{minor}', 'python_full_version': '{version}'}}\n"
        f"facts['executable'] = facts['base_executable'] = {str(python)!r}\n"
        f"facts['prefix'] = facts['base_prefix'] = {str(prefix)!r}\n"
        f"facts['paths'] = {{key: {str(prefix)!r} + '/lib/' + key for key in facts['paths']}}\n"
        f"facts['stdlib'] = {str(prefix / 'lib')!r}\n"  # that of a distribution is managed by it
        "print(json.dumps(facts))\n"
    )
    base = Path(sys.base_prefix) / "bin" / f"python{OWN}"
    python.write_text(
        "#!/bin/sh\n"
        f'for last in "$@"; do :; done\ncase "$last" in\n*probe.py) exec {base} -I -B {sitecustomize} "$last" ;;\n'
        f'*) exec {base} "$@" ;;\nesac\n'
    )
    python.chmod(0o755)
    return python


def version_of(workspace: Workspace) -> str:
    found = re.search(r"^home = (.*)$", (workspace.venv / "pyvenv.cfg").read_text(), re.MULTILINE)
    assert found
    return found[1]


@pytest.fixture
def project(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A project without an environment, and a repository with a wheel for any Python."""
    monkeypatch.setenv("PATH", PATH)
    empty.publish(empty.wheel("alpha"))
    empty.write_manifest("alpha")
    return empty


def with_requires(project: Workspace, requires: str) -> None:
    project.manifest.write_text(f'requires-python = "{requires}"\n{project.manifest.read_text()}')


def test_a_requires_python_that_another_interpreter_of_the_machine_meets_is_no_error(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.root / "pythons" / "bin"
    fake_python(folder, "python3.42", "3.42.1")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{PATH}")
    with_requires(project, ">=3.42")
    assert "cp342" in project.run("lock").stderr
    done = project.run("sync")
    assert f"Creating {project.venv} with Python 3.42.1" in done.stderr


def test_a_requires_python_that_no_interpreter_meets_is_told(project: Workspace) -> None:
    with_requires(project, ">=3.99")
    done = project.refused("lock", code=2, subject="the project requires Python >=3.99")
    assert "--python" in done.stderr


@pytest.mark.parametrize("asked", ["3.42", "python3.42", "3.42.1", "cpython@3.42", "path"])
def test_an_option_names_a_python_by_version_name_or_path(asked: str, project: Workspace) -> None:
    python = fake_python(project.root / "home/.pyenv/versions/3.42.1/bin", "python", "3.42.1")
    asked = str(python) if asked == "path" else asked
    project.run("lock", "--python", asked)
    before = tree(python.parent.parent)
    assert "with Python 3.42.1" in project.run("sync", "--python", asked).stderr
    assert tree(python.parent.parent) == before


@pytest.fixture
def running_venv(project: Workspace, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of an environment that runs pipper and is the first on PATH."""
    root = project.root / "tool"
    base = Path(sys.base_prefix) / "bin" / f"python{OWN}"
    subprocess.run([base, "-m", "venv", "--without-pip", root], check=True)
    monkeypatch.setattr(sys, "executable", str(root / "bin" / "python"))
    monkeypatch.setenv("PATH", f"{root / 'bin'}{os.pathsep}{PATH}")
    return root


@pytest.mark.parametrize("command", [("sync",), ("add", "beta")])
def test_a_version_names_no_environment_also_if_pipper_or_path_has_one_of_it(
    command: tuple[str, ...], running_venv: Path, project: Workspace
) -> None:
    project.publish(project.wheel("beta"))
    project.run("lock", "--python", OWN)
    before = tree(running_venv)
    done = project.run(*command, "--python", OWN)
    assert f"Creating {project.venv} with Python {OWN}" in done.stderr
    assert project.installed()["alpha"] == "1.0.0"
    assert "alpha" in project.run("list", "--python", OWN).stdout, "a query looks at the same environment"
    assert tree(running_venv) == before


@pytest.mark.usefixtures("running_venv")
def test_outside_of_a_project_a_version_names_no_environment(project: Workspace) -> None:
    elsewhere = project.root / "elsewhere"
    elsewhere.mkdir()
    url = f"file:{project.repository}"
    done = project.run("install", "alpha", "--python", OWN, "-b", url, "--dry-run", code=8, cwd=elsewhere)
    assert "is not in an environment" in done.stderr


def test_the_environment_is_made_anew_with_another_python_and_told(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run("lock")
    project.run("sync")
    (project.venv / "mine.txt").write_text("")
    python = fake_python(project.root / "pythons" / "bin", "python3.42", "3.42.1")
    told = project.refused("sync", "--python", python, code=2, subject="is not for this environment")
    assert f"run `pipper lock --python {python}`" in told.stderr
    project.run("lock", "--python", python)
    assert "+ alpha" in project.run("sync", "--python", python, "--dry-run").stdout
    assert (project.venv / "mine.txt").exists(), "looking changes nothing"
    done = project.run("sync", "--python", python)
    assert re.search(r"Recreating .* with Python 3\.42\.1: it had Python 3\.", done.stderr)
    assert not (project.venv / "mine.txt").exists()
    assert list(project.app.glob(".venv*")) == [project.venv]


def test_an_environment_that_cannot_be_made_anew_stays_as_it_was(project: Workspace) -> None:
    project.run("lock")
    project.run("sync")
    python = fake_python(project.root / "pythons" / "bin", "python3.42", "3.42.1")
    project.run("lock", "--python", python)
    broken = (
        python.read_text().replace("*) exec", "*venv*) exit 3 ;;\n*) exec").replace('"$last" in', '"$*" in')
    )
    python.write_text(broken)
    before = tree(project.venv, without=[".pipper/stamp"])
    project.run("sync", "--python", python, code=8)
    assert tree(project.venv, without=[".pipper/stamp"]) == before
    assert list(project.app.glob(".venv*")) == [project.venv]


def test_an_edit_that_is_committed_with_another_python_stays_although_the_command_is_interrupted(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.publish(project.wheel("beta"))
    project.run("lock")
    project.run("sync")
    python = fake_python(project.root / "pythons" / "bin", "python3.42", "3.42.1")
    project.run("lock", "--python", python)

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipper.ops.sync.steps._finished", interrupted)
        project.run("add", "beta", "--python", python, code=130)
    assert "beta" in project.manifest.read_text()
    assert list(project.app.glob(".venv*")) == [project.venv]
    assert project.installed() == {"alpha": "1.0.0", "beta": "1.0.0"}


def test_the_version_file_of_a_project_names_its_python(
    project: Workspace,
) -> None:
    fake_python(project.root / "home/.local/share/uv/python/cpython-3.42.1-linux/bin", "python3", "3.42.1")
    pin = project.app / ".python-version"
    pin.write_text("# ours\n3.42\n")
    project.run("lock")
    assert "with Python 3.42.1" in project.run("sync").stderr
    shutil.rmtree(project.venv)
    pin.write_text("3.99\n")
    told = project.refused("sync", code=8, subject="this machine has no Python 3.99")
    assert str(pin) in told.stderr
    pin.write_text("my-env\n")
    told = project.run("lock").stderr
    assert ".python-version is not used: it does not begin with a version" in told
    assert "my-env" not in told, "it may be a link to any file"
    pin.write_text("3.42\n")
    with_requires(project, "<3.42")
    project.refused("lock", code=2, subject="says 3.42, but the project requires Python <3.42")


def test_an_environment_whose_python_the_manifest_no_longer_admits_is_made_anew(
    project: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run("lock")
    project.run("sync")
    folder = project.root / "pythons" / "bin"
    fake_python(folder, "python3.42", "3.42.1")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{PATH}")
    with_requires(project, ">=3.42")
    project.run("lock")
    assert ".venv with Python 3.42.1: it had" in project.run("sync").stderr


COMMANDS = {
    "sync": ["sync"],
    "add": ["add", "alpha"],
    "remove": ["remove", "alpha"],
    "install": ["install", "alpha"],
    "uninstall": ["uninstall", "alpha"],
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())
@pytest.mark.parametrize("inside", [True, False], ids=["in a project", "outside"])
def test_no_interpreter_outside_the_project_is_written_to_by_any_command_without_system(
    command: list[str], inside: bool, project: Workspace
) -> None:
    python = fake_python(project.root / "base" / "bin", "python3.42", "3.42.1")
    project.run("lock", "--python", python)
    base = python.parent.parent
    before = tree(base)
    cwd = project.app
    if not inside:
        cwd = project.root / "elsewhere"
        cwd.mkdir()
        if command[0] in ("sync", "add", "remove"):
            command = ["sync", "--lock", str(project.lock)]
    more = [] if inside or command[0] == "sync" else ["-b", project.repository.as_uri()]
    done = project.run(*command, "--python", python, *more, cwd=cwd, code=0 if inside else 8)
    assert tree(base) == before
    if not inside:
        assert "is not in an environment" in done.stderr
        assert "--system" in done.stderr


def test_system_changes_the_packages_of_a_base_interpreter(project: Workspace) -> None:
    python = fake_python(project.root / "base" / "bin", "python3.42", "3.42.1")
    project.run("lock", "--python", python)
    project.run("sync", "--python", python, "--system")
    assert list((python.parent.parent).rglob("alpha-1.0.0.dist-info"))
    assert not project.venv.exists()


def test_without_project_and_environment_nothing_is_installed(empty: Workspace, tmp_path: Path) -> None:
    empty.publish(empty.wheel("alpha"))
    done = empty.run("install", "alpha", "-b", empty.repository.as_uri(), cwd=tmp_path, code=8)
    assert "no project and no environment to change" in done.stderr
    for mend in ("pipper init", "-t DIR", "--python EXE"):
        assert mend in done.stderr


def test_sync_makes_the_environment_anew_after_the_version_file_was_changed(project: Workspace) -> None:
    fake_python(project.root / "home/.pyenv/versions/3.42.1/bin", "python", "3.42.1")
    project.run("lock")
    project.run("sync")
    pin = project.app / ".python-version"
    pin.write_text("3.42\n")
    assert ".python-version says 3.42" in project.run("lock", "--check", code=1).stdout
    assert "cp342" in project.run("lock").stderr, "lock adds the Python at hand"
    project.run("lock", "--check")
    assert ".venv with Python 3.42.1: it had" in project.run("sync").stderr


def test_a_version_file_that_contradicts_the_manifest_is_told_although_the_environment_is_there(
    project: Workspace,
) -> None:
    fake_python(project.root / "home/.pyenv/versions/3.42.1/bin", "python", "3.42.1")
    with_requires(project, "<3.42")
    project.run("lock")
    project.run("sync")
    (project.app / ".python-version").write_text("3.42\n")
    for command in ("lock", "sync"):
        project.refused(command, code=2, subject="says 3.42, but the project requires Python <3.42")
    assert "alpha" in project.run("list").stdout, "what is installed can be seen all the same"


def declare(project: Workspace, python: str) -> None:
    declared = f'\n[[environments]]\npython = "{python}"\nplatform = "linux-{platform.machine()}"\n'
    project.manifest.write_text(project.manifest.read_text() + declared)


@pytest.mark.skipif(sys.platform != "linux", reason="the declared platform is Linux")
def test_the_environment_gets_a_python_that_the_declared_environments_name(project: Workspace) -> None:
    fake_python(project.root / "home/.pyenv/versions/3.42.1/bin", "python", "3.42.1")
    declare(project, "3.42")
    project.run("lock")
    assert f"Creating {project.venv} with Python 3.42.1" in project.run("sync").stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the declared platform is Linux")
def test_a_python_that_no_declared_environment_names_is_told_with_what_adds_it(project: Workspace) -> None:
    declare(project, "3.42")
    project.run("lock")
    told = project.refused("sync", code=2, subject="is not for this environment")
    assert "[[environments]] of the manifest name 3.42 " in told.stderr
    assert "add this one to [[environments]]" in told.stderr
    assert "pipper lock --python" not in told.stderr, "that would add nothing"


@pytest.mark.parametrize("command", ["sync", "tree"])
def test_a_python_that_the_project_excludes_is_not_told_to_be_locked(
    command: str, project: Workspace
) -> None:
    python = fake_python(project.root / "pythons" / "bin", "python3.42", "3.42.1")
    with_requires(project, "<3.42")
    project.run("lock")
    told = project.refused(command, "--python", python, code=2, subject="is not for this environment")
    assert "the project requires Python <3.42" in told.stderr
    assert "pipper lock --python" not in told.stderr, "that is refused"


@pytest.mark.parametrize("asked", ["2.7", ">=3.12"])
def test_a_version_that_no_python_can_have_is_not_taken_for_a_path(asked: str, project: Workspace) -> None:
    told = project.refused(
        "lock", "--python", asked, code=2, subject=f"`{asked}` is not a version of Python 3"
    )
    assert "write it as 3.12" in told.stderr


def test_an_environment_that_is_a_file_or_a_dangling_link_is_told_with_what_to_move(
    project: Workspace,
) -> None:
    project.run("lock")
    project.venv.write_text("")
    told = project.refused("sync", code=8, subject=f"`{project.venv}` is not a directory")
    assert "move it away" in told.stderr
    assert "work in a project" not in told.stderr
    project.venv.unlink()
    project.venv.symlink_to("gone")
    told = project.refused("sync", code=8, subject="is a link to a directory that does not exist")
    assert "remove the link" in told.stderr


def test_a_requires_python_that_is_new_is_not_compared_with_an_empty_one(project: Workspace) -> None:
    project.run("lock")
    with_requires(project, ">=3.9")
    told = project.run("lock", "--check", code=1).stdout
    assert "requires-python is `>=3.9` in the manifest and not set in the lock" in told


@pytest.mark.skipif(sys.platform != "linux", reason="the declared platform is Linux")
def test_a_patch_level_that_a_package_excludes_is_refused_with_the_reason(project: Workspace) -> None:
    project.publish(project.wheel("alpha", "2.0", requires_python=">=3.42.4"))
    declare(project, "3.42")
    project.run("lock")
    old = fake_python(project.root / "old" / "bin", "python3.42", "3.42.2")
    told = project.refused("sync", "--python", old, code=2, subject="is not for this environment")
    assert 'it is for machines where `python_full_version >= "3.42.4"`' in told.stderr
    assert "give [[environments]] its exact version" in told.stderr
    project.run("sync", "--python", fake_python(project.root / "new" / "bin", "python3.42", "3.42.5"))
    assert project.locked() == {"alpha": "2.0"}


def test_a_lock_of_a_later_patch_level_is_made_anew_for_an_earlier_one(project: Workspace) -> None:
    project.publish(project.wheel("alpha", "2.0", requires_python=">=3.42.4"))
    project.run("lock", "--python", fake_python(project.root / "new" / "bin", "python3.42", "3.42.5"))
    assert project.locked() == {"alpha": "2.0"}
    old = fake_python(project.root / "old" / "bin", "python3.42", "3.42.2")
    told = project.refused("sync", "--python", old, code=2, subject="is not for this environment")
    assert f"run `pipper lock --python {old}`" in told.stderr
    project.run("lock", "--python", old)
    project.run("sync", "--python", old)
    assert project.locked() == {"alpha": "1.0.0"}


@pytest.mark.skipif(sys.platform != "linux", reason="the declared platform is Linux")
def test_a_wheel_that_was_built_again_for_another_python_is_not_taken_by_this_one(project: Workspace) -> None:
    again = project.wheel(
        "beta", "1.0", build="1", requires_python=">=3.42", files={"beta.py": "again = True\n"}
    )
    project.publish(project.wheel("beta", "1.0", files={"beta.py": "again = False\n"}), again)
    project.write_manifest("beta")
    declare(project, OWN)
    declare(project, "3.42")
    project.run("lock")
    project.run("sync")
    assert (project.site / "beta.py").read_text() == "again = False\n"
