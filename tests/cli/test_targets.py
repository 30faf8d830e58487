"""Environments of every kind as the target of `lock` and `sync`: any Python, any layout, moved, linked, read-only."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.invariants import Workspace, site_of, tree

pytestmark = pytest.mark.skipif(
    os.name == "nt", reason="looks for interpreters and scripts as POSIX has them"
)

NAMES = (*(f"python3.{minor}" for minor in range(9, 15)), "pypy3")
"""Whichever are there are tried, beside the Python that runs the tests."""

THING = {
    "thing/__init__.py": "import sys\ndef main():\n    print(sys.prefix)\n",
    "thing/template.py": "print 'for Python 2'\n",
    "thing-1.0.0.data/scripts/thing-tool": "#!python\nimport sys; print(sys.prefix)\n",
    "thing-1.0.0.data/scripts/thing.sh": "#!/bin/sh\necho shell\n",
    "thing-1.0.0.data/data/share/thing/notes.txt": "notes",
    "thing-1.0.0.data/headers/thing.h": "int x;",
    "thing-1.0.0.data/purelib/thing_pure.py": "",
    "thing-1.0.0.data/platlib/thing_plat.py": "",
}


@pytest.fixture(scope="module")
def _things(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(root=tmp_path_factory.mktemp("things"))
    workspace.publish(
        workspace.wheel("thing", files=THING, entry_points={"thing": "thing:main"}),
        workspace.wheel(
            "platty", files={"platty.py": "", "platty-1.0.0.data/purelib/plain.py": ""}, purelib=False
        ),
    )
    workspace.write_manifest("thing", "platty")
    workspace.run("lock")
    return workspace


@pytest.fixture
def things(_things: Workspace, tmp_path: Path) -> Workspace:
    """A locked project without an environment: a wheel with all there is, and one for platlib."""
    return _things.copy(tmp_path / "w")


@pytest.fixture(params=("this", *NAMES))
def python(request: pytest.FixtureRequest) -> Path:
    """A Python that works; a version manager may have names on PATH behind which there is none."""
    name = request.param
    found = sys.executable if name == "this" else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on PATH")
    base = "import sys; print(getattr(sys, '_base_executable', None) or sys.executable)"
    asked = subprocess.run([found, "-I", "-c", base], capture_output=True, text=True, check=False)
    if asked.returncode:
        pytest.skip(f"{name} does not run: {asked.stderr.strip()}")
    return Path(asked.stdout.strip())


def venv_of(python: str | Path, folder: Path, *options: str) -> Path:
    """Make a virtual environment without pip; return its python."""
    subprocess.run([python, "-I", "-m", "venv", "--without-pip", *options, folder], check=True)
    return folder / "bin" / "python"


def said_by(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def works(folder: Path) -> bool:
    """Whether everything of both wheels can be imported and the scripts start this environment's own Python."""
    modules = "import thing, thing_pure, thing_plat, platty, plain"
    scripts = {said_by(folder / "bin" / name) for name in ("thing", "thing-tool")}
    said_by(folder / "bin" / "python", "-I", "-c", modules)
    return scripts == {str(folder)} and said_by(folder / "bin" / "thing.sh") == "shell"


def test_any_python_is_locked_for_synced_and_left_as_it_was(python: Path, things: Workspace) -> None:
    folder = things.root / "environment"
    own = venv_of(python, folder)
    bare = tree(folder)
    things.run("lock", "--python", own)
    things.run("sync", "--python", own, "--compile")
    assert works(folder)
    assert (folder / "share" / "thing" / "notes.txt").read_text() == "notes"
    compiled = {path.name.partition(".")[0] for path in site_of(folder).rglob("*.pyc")}
    assert compiled >= {"__init__", "thing_pure", "thing_plat", "platty", "plain"}
    assert "template" not in compiled
    things.run("sync", "--python", own, "--check", "--verify")
    things.write_manifest()
    things.run("lock", "--python", own)
    things.run("sync", "--python", own)
    shutil.rmtree(folder / ".pipper")
    after = tree(folder)
    changed = {path for path in bare.keys() | after.keys() if bare.get(path) != after.get(path)}
    assert changed <= {"include"}  # an empty folder of old versions, which goes with the headers in it


@pytest.mark.parametrize("name", ["a folder", 'it\'s "quoted" $HOME', "ünï", "long" * 40])
@pytest.mark.parametrize("option", ["--symlinks", "--copies", "--system-site-packages"])
def test_scripts_start_whatever_the_environment_is_called(name: str, option: str, things: Workspace) -> None:
    folder = things.root / name
    things.run("sync", "--python", venv_of(sys.executable, folder, option))
    assert works(folder)


def test_two_environments_of_one_python_are_two(things: Workspace) -> None:
    folders = [things.root / "one", things.root / "two"]
    for folder in folders:
        things.run("sync", "--python", venv_of(sys.executable, folder))
    assert all(map(works, folders))


def test_an_environment_made_anew_by_another_tool_under_the_same_path_is_filled(things: Workspace) -> None:
    things.run("sync")
    shutil.rmtree(things.venv)
    venv_of(sys.executable, things.venv)
    assert "Installed 2 packages in" in things.run("sync").stderr
    assert works(things.venv)


def test_an_environment_is_the_same_through_a_link(things: Workspace) -> None:
    things.run("sync")
    before = tree(things.venv)
    (things.root / "link").symlink_to(things.venv)
    (things.root / "project").symlink_to(things.app)
    for options in ([], ["--check", "--verify"]):
        done = things.run("sync", "--python", things.root / "link" / "bin" / "python", *options)
        assert "Nothing to do" in done.stderr
        assert "Nothing to do" in things.run("sync", *options, cwd=things.root / "project").stderr
    after = tree(things.venv)
    assert {path: seen for path, seen in after.items() if not path.startswith(".pipper/")} == {
        path: seen for path, seen in before.items() if not path.startswith(".pipper/")
    }


def test_what_was_synced_through_a_link_stays_right_without_it(things: Workspace) -> None:
    folder, link = things.root / "environment", things.root / "link"
    own = venv_of(sys.executable, folder)
    link.symlink_to(folder)
    things.run("sync", "--python", link / "bin" / "python")
    things.run("sync", "--python", own, "--check")
    link.unlink()
    assert f"start {link}/bin/python" in things.run("sync", "--python", own, "--check", code=1).stdout
    things.run("sync", "--python", own)
    assert works(folder)


@pytest.mark.parametrize("kind", ["moved", "copied"])
def test_scripts_of_a_project_elsewhere_are_told_and_mended(kind: str, things: Workspace) -> None:
    things.run("sync")
    old, new = things.venv, things.root / "elsewhere" / ".venv"
    shutil.copytree(things.app, new.parent, symlinks=True)
    if kind == "moved":
        shutil.rmtree(old)
    before = tree(new)
    told = things.run("sync", "--check", cwd=new.parent, code=1).stdout
    assert f" ! thing: {new}/bin: start {old}/bin/python, not the Python of this environment\n" == told
    assert tree(new) == before
    done = things.run("sync", cwd=new.parent)
    assert " ~ thing 1.0.0 (damaged)\nReplaced 1 package in" in done.stderr
    assert works(new)
    assert kind == "moved" or works(old)
    things.run("sync", "--check", "--verify", cwd=new.parent)


def test_a_target_directory_may_be_moved(things: Workspace) -> None:
    things.run("sync", "-t", "out")
    (things.app / "out").rename(things.app / "moved")
    assert "Nothing to do" in things.run("sync", "-t", "moved").stderr
    things.run("sync", "-t", "moved", "--check", "--verify")


def test_an_environment_that_lost_its_python_is_told_with_the_mend(things: Workspace) -> None:
    things.run("sync")
    for link in (things.venv / "bin").glob("python*"):
        link.unlink()
    (things.venv / "bin" / "python").symlink_to("/nowhere/python3")
    done = things.refused("sync", code=8, subject="has no Python any more")
    assert f"hint: remove `{things.venv}` and run the command again: pipper recreates it" in done.stderr
    shutil.rmtree(things.venv)
    things.run("sync")
    assert works(things.venv)


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """To whoever asks, nothing can be written: what root never hears of a file's mode."""
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and allowed(path, mode))


@pytest.mark.usefixtures("read_only")
def test_in_a_read_only_environment_nothing_to_do_is_done(workspace: Workspace) -> None:
    shutil.rmtree(workspace.venv / ".pipper", ignore_errors=True)
    before = workspace.state()
    for options in ([], ["--json"], ["--check"], ["--dry-run"]):
        assert "Nothing to do" in workspace.run("sync", *options).stderr
    workspace.compare(before)


@pytest.mark.usefixtures("read_only")
@pytest.mark.parametrize("options", [("--no-dev",), ("--no-dev", "--dry-run"), ("--compile",)])
def test_a_read_only_environment_is_refused_before_anything_is_fetched(
    options: tuple[str, ...], workspace: Workspace
) -> None:
    shutil.rmtree(workspace.repository)
    done = workspace.refused("sync", *options, code=8, subject="cannot be written to")
    assert "hint: change its permissions, or " in done.stderr
    assert not (workspace.root / "cache" / "files").exists()


def test_a_python_managed_by_the_system_is_refused_but_for_a_target(things: Workspace) -> None:
    managed = things.root / "managed"
    managed.mkdir()
    (managed / "EXTERNALLY-MANAGED").write_text(
        "[externally-managed]\nError=Use the packages of this system\n"
    )
    probe = Path(__file__).parents[2] / "pipper" / "python" / "probe.py"
    python = things.root / "python"
    code = (
        f"import json, sys; sys.path.insert(0, {str(probe.parent)!r}); import probe; f = probe.facts();"
        f"f.update(stdlib={str(managed)!r}, prefix=f['base_prefix'], executable={str(python)!r});"
        "print(json.dumps(f))"
    )
    (things.root / "say.py").write_text(code)
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -B '{things.root}/say.py'\n")
    python.chmod(0o755)
    done = things.refused(
        "sync", "--python", python, "--system", code=8, subject="is managed by the system (PEP 668)"
    )
    assert "Use the packages of this system" in done.stderr
    assert "-t DIR" in done.stderr
    things.refused(
        "install", "--user", "--python", python, "thing", "-b", things.url, code=8, subject="(PEP 668)"
    )
    things.run("sync", "--python", python, "-t", "out")
    assert sorted(things.installed(things.app / "out")) == ["platty", "thing"]
