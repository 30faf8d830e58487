"""`pipper list`: what an environment holds, for people, scripts and programs."""

import json
import sys
from pathlib import Path

import pytest

from tests.invariants import Workspace
from tests.stock import on_terminal, place


def test_a_pipe_gets_name_and_version_in_the_order_of_names(workspace: Workspace) -> None:
    before = workspace.state()
    assert workspace.run("list").stdout == "alpha 1.1.0\nbeta 1.0.0\ndelta 1.0.0\n"
    workspace.compare(before)


def test_json_tells_source_and_who_installed_it(workspace: Workspace) -> None:
    place(workspace.site, "foreign", "2.0", INSTALLER="other-tool\n")
    told = json.loads(workspace.run("list", "--json").stdout)
    assert told["environment"] == str(workspace.venv)
    assert [each["name"] for each in told["packages"]] == ["alpha", "beta", "delta", "foreign"]
    assert told["packages"][0] == {
        "name": "alpha",
        "version": "1.1.0",
        "source": "acme",
        "installer": "pipper",
        "managed": True,
    }
    assert told["packages"][3] == {
        "name": "foreign",
        "version": "2.0",
        "source": None,
        "installer": "other-tool",
        "managed": False,
    }


def test_a_plain_directory_is_listed(workspace: Workspace, tmp_path: Path) -> None:
    packages = place(tmp_path / "packages", "Foo_Bar", "1.0+local_1")
    assert workspace.run("list", "-t", packages, cwd=tmp_path).stdout == "foo-bar 1.0+local+1\n"


def test_a_directory_that_is_not_there_is_no_empty_one(workspace: Workspace) -> None:
    workspace.refused("list", "-t", "nowhere", code=2, subject="`nowhere` is not a directory")


def test_the_environment_of_another_interpreter_is_listed(workspace: Workspace) -> None:
    names = [
        line.split()[0] for line in workspace.run("list", "--python", sys.executable).stdout.splitlines()
    ]
    assert "pytest" in names
    assert "alpha" not in names


def test_an_environment_that_is_not_made_yet_holds_nothing_and_is_not_made(empty: Workspace) -> None:
    empty.write_manifest()
    done = empty.run("list")
    assert (done.stdout, done.stderr) == ("", f"No packages are installed in {empty.venv}\n")
    assert not empty.venv.exists()


def test_an_interrupted_change_is_told(workspace: Workspace) -> None:
    state = workspace.venv / ".pipper"
    state.mkdir(exist_ok=True)
    (state / "journal.json").write_text("{}")
    done = workspace.run("list")
    assert done.stdout.startswith("alpha ")
    assert "was interrupted" in done.stderr


def test_a_terminal_gets_a_table(workspace: Workspace) -> None:
    shown = on_terminal(workspace, "list", env={"TERM": "dumb"})
    lines = [line.split() for line in shown.lines]
    assert lines[0] == ["Name", "Version", "Source", "Installer"]
    assert lines[1] == ["alpha", "1.1.0", "acme", "pipper"]


def test_no_colour_is_used_where_it_is_not_wanted(workspace: Workspace) -> None:
    assert "\x1b[3" not in on_terminal(workspace, "list", env={"NO_COLOR": "1"}).text


@pytest.mark.skipif(sys.platform == "win32", reason="no such file names there")
def test_a_name_cannot_change_what_a_terminal_shows(workspace: Workspace, tmp_path: Path) -> None:
    packages = place(tmp_path / "packages", "evil", "1.0\x1b[2J")
    assert workspace.run("list", "-t", packages).stdout == "evil 1.0\\x1b[2J\n"
    assert "\x1b[2J" not in on_terminal(workspace, "list", "-t", str(packages)).text
