"""Help and completion: what a new user sees first."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipper.cli.app import app
from tests.commands import run_pipper, run_pipper_apart
from tests.invariants import Workspace

COMMANDS = app.list_commands(click.Context(app))


def parts(*names: str) -> Iterator[tuple[str, ...]]:
    """A command, and the commands below it."""
    yield names
    context = click.Context(app)
    found = app.get_command(context, names[0])
    if isinstance(found, click.Group):
        yield from ((*names, below) for below in found.list_commands(context))


def completions(words: str, cwd: Path) -> list[str]:
    """What a shell offers for the last word of a line."""
    split = words.split(" ")
    env = {"_PIPPER_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(split) - 1)}
    told = run_pipper(cwd=cwd, env=env)
    assert told.stderr == ""
    return [line.split(",", 1)[1] for line in told.stdout.splitlines() if line]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_an_example_of_its_own(name: str, empty: Workspace) -> None:
    for command in parts(name):
        told = empty.run(*command, "--help").stdout
        examples = re.search(r"^Examples?:\n((?:  .+\n)+)$", told, re.MULTILINE)
        assert examples, told
        for line in examples[1].splitlines():
            assert f"  pipper {name}" in line, line


@pytest.mark.parametrize(
    ("command", "new", "old"),
    [
        ("sync", "--prefix PREFIX", "--root-prefix"),
        ("install", "-u, --upgrade ", "--update"),
        ("install", "--dev ", "--devel"),
        ("publish", "--strict ", "--skip-fails"),
    ],
)
def test_spellings_of_0_11_stay_out_of_the_help(command: str, new: str, old: str, empty: Workspace) -> None:
    told = empty.run(command, "--help").stdout
    assert new in told
    assert old not in told


def test_the_old_spelling_of_the_prefix_is_understood(empty: Workspace) -> None:
    empty.write_manifest()
    done = empty.run(
        "info", "foo", "-b", "bucket", "--root-prefix", "elsewhere", "--endpoint-url", "nowhere", code=2
    )
    assert "nowhere" in done.stderr


def test_names_of_commands_are_completed_without_importing_them(tmp_path: Path) -> None:
    assert completions("pipper ", tmp_path) == COMMANDS
    assert completions("pipper p", tmp_path) == ["publish"]
    env = {"_PIPPER_COMPLETE": "bash_complete", "COMP_WORDS": "pipper p", "COMP_CWORD": "1"}
    told = run_pipper_apart(cwd=tmp_path, env=env, python_options=("-X", "importtime")).stderr
    assert "pipper.cli.app" in told
    assert "pipper.cli.commands.publish" not in told


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pipper sync --l", ["--lock", "--link-mode", "--limit"]),
        ("pipper sync --link-mode h", ["hardlink"]),
        ("pipper cache ", ["clean", "dir", "prune", "size"]),
        ("pipper cache prune --d", ["--days"]),
        ("pipper publish -c KEY", []),
        ("pipper publish -c KEY SECRET --end", ["--endpoint-url"]),
    ],
)
def test_a_line_that_is_not_finished_is_completed(words: str, offered: list[str], tmp_path: Path) -> None:
    assert completions(words, tmp_path) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_script(shell: str, tmp_path: Path) -> None:
    script = run_pipper(cwd=tmp_path, env={"_PIPPER_COMPLETE": f"{shell}_source"}).stdout
    assert f"{shell}_complete" in script
    program = shutil.which(shell)
    if program:
        (tmp_path / "script").write_text(script)
        subprocess.run([program, "-n", tmp_path / "script"], check=True)
