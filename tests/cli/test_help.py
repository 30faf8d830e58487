"""Help and completion: what a new user sees first."""

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from pipper.cli.app import app
from tests.commands import run_pipper, run_pipper_apart
from tests.invariants import Workspace

COMMANDS = app.list_commands(click.Context(app))
SECTIONS = ["Options", "Repository options", "Output options", "Examples"]


def contexts() -> Iterator[click.Context]:
    """A context of every command and subcommand, as a run makes it."""
    context = click.Context(app, info_name="pipper", **app.context_settings)
    waiting = [(context, app.get_command(context, name), name) for name in COMMANDS]
    for parent, command, name in waiting:
        assert command is not None
        below = click.Context(command, parent=parent, info_name=name)
        yield below
        if isinstance(command, click.Group):
            waiting += [(below, command.get_command(below, each), each) for each in command.commands]


def parts(*names: str) -> Iterator[tuple[str, ...]]:
    """A command, and the commands below it."""
    yield names
    context = click.Context(app)
    found = app.get_command(context, names[0])
    if isinstance(found, click.Group):
        yield from ((*names, below) for below in found.list_commands(context))


def completions(words: str, cwd: Path, environment: Mapping[str, str] | None = None) -> list[str]:
    """What a shell offers for the last word of a line."""
    split = words.split(" ")
    env = {
        **(environment or {}),
        "_PIPPER_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(split) - 1),
    }
    told = run_pipper(cwd=cwd, env=env)
    assert told.stderr == ""
    return [line.split(",", 1)[1] for line in told.stdout.splitlines() if line]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A locked project with groups, extras and a named repository of the machine."""
    workspace = Workspace(root=tmp_path_factory.mktemp("completed"))
    workspace.publish(workspace.wheel("alpha", requires=["beta"]), *map(workspace.wheel, ("beta", "gamma")))
    extras = "[optional-dependencies]\nfast = ['gamma']\n"
    groups = "[dependency-groups]\ndev = ['beta']\ndocs = ['gamma>=1']\n"
    workspace.write_manifest("alpha", more=extras + groups)
    workspace.run("lock")
    workspace.run("repository", "add", "prod", "-b", "bucket", "-p", "work")
    return workspace


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_an_example_of_its_own(name: str, empty: Workspace) -> None:
    for command in parts(name):
        told = empty.run(*command, "--help").stdout
        examples = re.search(r"^Examples?:\n((?:  .+\n)+)$", told, re.MULTILINE)
        assert examples, told
        for line in examples[1].splitlines():
            assert f"  pipper {name}" in line, line


@pytest.mark.parametrize("context", list(contexts()), ids=lambda context: context.command_path)
def test_the_examples_of_a_command_are_lines_that_it_accepts(
    context: click.Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("pipper.json", "requirements.txt"):
        (tmp_path / name).touch()
    prefix = context.command_path.split()
    for line in (context.command.epilog or "").strip().splitlines()[1:]:
        words = shlex.split(line.partition("&&")[0], comments=True)
        assert words[: len(prefix)] == prefix
        if isinstance(context.command, click.Group):
            assert words[len(prefix)] in context.command.commands
        else:
            context.command.parse_args(context, words[len(prefix) :])


@pytest.mark.parametrize("context", list(contexts()), ids=lambda context: context.command_path)
def test_help_fits_80_columns_and_keeps_its_order(context: click.Context) -> None:
    told = context.get_help()
    assert max(map(len, told.splitlines())) <= 80
    titles = [line.removesuffix(":") for line in told.splitlines() if re.fullmatch(r"[A-Z][a-z ]+:", line)]
    titles = [{"Example": "Examples"}.get(title, title) for title in titles if title != "Commands"]
    assert titles == [title for title in SECTIONS if title in titles]
    assert titles[-1] == "Examples"
    for option in context.command.params:
        if option.name in ("quiet", "verbose", "as_json"):
            assert told.index(f"\n  {option.opts[0]}") > told.index("Output options:")


@pytest.mark.parametrize("context", list(contexts()), ids=lambda context: context.command_path)
def test_a_variable_that_the_help_shows_sets_its_option(
    context: click.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = set(re.findall(r"\[env: (PIPPER_[A-Z_]+)[];]", context.get_help()))
    for option in context.command.params:
        if not isinstance(option, click.Option) or option.hidden or option.name == "credentials":
            continue
        name = option.envvar or f"{context.auto_envvar_prefix}_{str(option.name).upper()}"
        assert isinstance(name, str)
        assert name in shown, "a variable beside each option but -c"
        monkeypatch.setenv(name, "1")
        value, source = option.consume_value(context, {})
        assert source is click.core.ParameterSource.ENVIRONMENT
        assert value
        shown.remove(name)
    assert shown == set()


@pytest.mark.parametrize("words", [[], ["repository"], ["cache"]])
def test_the_list_of_commands_cuts_no_summary(words: list[str], empty: Workspace) -> None:
    told = empty.run(*words, "--help").stdout
    assert "..." not in told.replace("[ARGS]...", "")
    assert max(map(len, told.splitlines())) <= 80
    for name in COMMANDS if not words else [each[1] for each in parts(*words) if len(each) > 1]:
        assert re.search(rf"^  {name} +[A-Z].+\.$", told, re.MULTILINE), name


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


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("pipper sync --group ", ["dev", "docs"]),
        ("pipper sync --only-group do", ["docs"]),
        ("pipper add x -g ", ["dev", "docs"]),
        ("pipper download --extra ", ["fast"]),
        ("pipper remove ", ["alpha", "beta", "gamma"]),
        ("pipper lock -P b", ["beta"]),
        ("pipper tree --invert ", ["alpha", "beta", "gamma"]),
        ("pipper info al", ["alpha"]),
        ("pipper publish -b ", ["acme", "prod"]),
        ("pipper lock -r ", ["acme", "prod"]),
        ("pipper repository copy --from a", ["acme"]),
        ("pipper repository remove ", ["prod"]),
    ],
)
def test_U_names_of_the_project_are_completed(words: str, offered: list[str], project: Workspace) -> None:
    """FIELD U: completion knows no package, group, extra or alias."""
    assert completions(words, project.app, project.environment) == offered


@pytest.mark.parametrize("manifest", ["dependencies = [", "[repositories]\nacme = 1\n", ""])
def test_completion_in_a_project_that_cannot_be_read_offers_nothing(manifest: str, tmp_path: Path) -> None:
    (tmp_path / "pipper.toml").write_text(manifest)
    assert completions("pipper sync --group ", tmp_path) == []


def test_names_of_packages_are_completed_from_the_lock_and_from_the_repository(workspace: Workspace) -> None:
    def offered(words: str, **env: str) -> list[str]:
        split = words.split(" ")
        asked = {"_PIPPER_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(split) - 1)}
        told = workspace.run(env={**asked, **env})
        assert told.stderr == ""
        return [line.split(",", 1)[1] for line in told.stdout.splitlines() if line]

    workspace.publish(workspace.wheel("delta-force"))
    assert offered("pipper why ") == ["alpha", "beta", "delta"]
    assert offered("pipper tree --invert de") == ["delta"]
    assert offered("pipper lock -P b") == ["beta"]
    assert offered("pipper add de") == ["delta", "delta-force"]
    assert offered("pipper add delta de") == ["delta-force"]
    assert offered("pipper yank Delta_f") == ["delta-force"]
    assert offered("pipper repository packages a", PIPPER_BUCKET=workspace.repository.as_uri()) == ["alpha"]
    assert offered("pipper repository packages a", PIPPER_BUCKET="file:///nowhere") == []
    workspace.lock.write_text("damaged")
    assert offered("pipper why ") == []


def test_what_a_shell_would_run_is_not_completed(workspace: Workspace) -> None:
    for name in ("$(touch pwn)", "`id`", "a;b", "-rf", "good-name"):
        (workspace.repository / name).mkdir()
        (workspace.repository / name / "index.json").write_text("{}")
    offered = completions("pipper add ", workspace.app, workspace.environment)
    assert "good-name" in offered
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", each) for each in offered)


def test_no_bucket_that_only_a_manifest_names_is_asked_by_a_key_press(remote: Workspace) -> None:
    assert remote.server
    asked = len(remote.server.seen)
    env = {"_PIPPER_COMPLETE": "bash_complete", "COMP_WORDS": "pipper add a", "COMP_CWORD": "2"}
    assert remote.run(env=env).stdout.strip() == ""
    assert len(remote.server.seen) == asked
    assert "alpha" in remote.run(env={**env, "PIPPER_BUCKET": remote.url}).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_its_script(shell: str, tmp_path: Path) -> None:
    script = run_pipper(cwd=tmp_path, env={"_PIPPER_COMPLETE": f"{shell}_source"}).stdout
    assert f"{shell}_complete" in script
    program = shutil.which(shell)
    if program:
        (tmp_path / "script").write_text(script)
        subprocess.run([program, "-n", tmp_path / "script"], check=True)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["show", "foo"], "pipper info NAME"),
        (["update"], "pipper lock -U"),
        (["sync", "--frozen"], "never changes the lock"),
        (["install", "-r", "requirements.txt"], "pipper init --from requirements.txt"),
    ],
)
def test_a_command_or_option_of_another_tool_points_to_pippers_own(
    words: list[str], hint: str, empty: Workspace
) -> None:
    empty.app.mkdir(parents=True)
    (empty.app / "requirements.txt").touch()
    done = empty.run(*words, code=2)
    assert hint in done.stderr.splitlines()[-1]
    assert "Did you mean" not in done.stderr
