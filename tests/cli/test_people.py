"""What users of other tools type, and what they expect to read."""

import json
import re
import shlex

import click
import pytest

from pipper.cli import synonyms
from pipper.cli.app import COMMANDS, app
from pipper.cli.paint import coloured
from tests.commands import run_here
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.stock import on_terminal

TYPED = {
    "show alpha": "pipper info NAME",
    "freeze": "pipper export -f requirements",
    "update": "pipper lock -U && pipper sync",
    "build": "pipper bundle DIR",
    "sync --frozen": "never changes the lock",
    "sync --locked": "fails if the lock is out of date",
    "install -e .": "pipper add --editable DIR",
    "install --pre alpha": "prereleases = true",
    "list --outdated": "pipper outdated",
    "cache purge": "pipper cache clean",
    "serve": "pipper repository serve",
    "uninstall -y alpha": "never asks",
    "lock --locked": "pipper lock --check",
    "lock --frozen": "pipper lock --check",
    "lock --no-update": "keeps the locked versions",
    "sync --dev": "installs the group dev",
    "sync --upgrade": "pipper lock -U && pipper sync",
    "tree --reverse": "--invert NAME",
    "add --optional x alpha": "[optional-dependencies]",
    "add --extra x alpha": "[optional-dependencies]",
    "add --offline alpha": "pipper lock --offline",
    "add -D alpha": "--dev",
    "install -U alpha": "-u",
    "audit --fix": "pipper lock -U",
    "run -m pytest": "pipper run python -m MODULE",
    "run --with alpha python": "pipper add NAME",
    "export --with dev": "--group G",
    "repository ls": "hint: pipper repository list",
    "repository rm acme": "hint: pipper repository remove NAME",
    "repo list": "hint: pipper repository list",
}


@pytest.mark.parametrize(("line", "hint"), TYPED.items())
def test_U_what_other_tools_understand_is_answered_with_what_does_it(
    line: str, hint: str, empty: Workspace
) -> None:
    done = empty.run(*shlex.split(line), code=2)
    assert hint in done.stderr.splitlines()[-1]
    assert done.stderr.startswith("error: No such ")


def test_U_install_of_a_requirements_file_names_the_conversion(empty: Workspace) -> None:
    empty.app.mkdir(parents=True, exist_ok=True)
    (empty.app / "requirements.txt").write_text("alpha\n")
    done = empty.run("install", "-r", "requirements.txt", code=2)
    assert "hint: pipper init --from requirements.txt" in done.stderr


@pytest.mark.parametrize(
    ("line", "hint"),
    {"lock -U alpha": "pipper lock -P NAME", "add alpha --group": "pipper add --help"}.items(),
)
def test_U_a_line_with_a_word_too_many_or_too_few_is_answered_for_its_command(
    line: str, hint: str, empty: Workspace
) -> None:
    assert hint in empty.run(*shlex.split(line), code=2).stderr.splitlines()[-1]


def test_U_a_requirement_of_another_tool_is_answered_with_the_command_that_does_it(empty: Workspace) -> None:
    empty.app.mkdir(parents=True, exist_ok=True)
    (empty.app / "pipper.toml").write_text("index = false\n")
    for typed, meant in (("foo@1.0", "`pipper add foo==1.0`"), ("foo^1", "`pipper add 'foo>=1,<2'`")):
        for command in ("add", "install", "download"):
            assert meant in empty.run(command, typed, code=2).stderr.splitlines()[-1]
    for typed in (
        "git+https://h.example/x.git",
        "foo @ git+ssh://git@h.example/x",
        "https://h.example/x.git",
    ):
        told = empty.run("add", typed, code=2).stderr.splitlines()[-1]
        assert told.startswith("hint: clone it, then run `pipper add --editable DIR`; or `pipper publish`")
    assert (empty.app / "pipper.toml").read_text() == "index = false\n"


@pytest.mark.parametrize("step", ["[index] of the manifest", "PIPPER_INDEX_URL", "[indexes] of the manifest"])
def test_U_an_index_in_a_folder_that_is_not_there_is_no_misspelling(step: str, empty: Workspace) -> None:
    gone = empty.root / "gone" / "simple"
    tables = {
        "[index] of the manifest": f'[index]\nurl = "{gone.as_uri()}"\n',
        "[indexes] of the manifest": f'[indexes]\nother = "{gone.as_uri()}"\n[sources]\nfoo = "other"\n',
    }
    empty.app.mkdir(parents=True, exist_ok=True)
    (empty.app / "pipper.toml").write_text('dependencies = ["foo"]\n' + tables.get(step, ""))
    environment = {**empty.environment, **({} if step in tables else {"PIPPER_INDEX_URL": gone.as_uri()})}
    done = run_here("lock", cwd=empty.app, env=environment)
    assert (done.code, done.stderr) == (
        2,
        f"error: the index is the directory `{gone}`, which does not exist\n"
        f"  {step} names it\n"
        f"hint: restore or mount it, or correct the URL in {step}\n",
    )


def test_U_a_path_as_the_url_of_the_index_is_answered_with_how_a_folder_is_written(empty: Workspace) -> None:
    empty.app.mkdir(parents=True, exist_ok=True)
    (empty.app / "pipper.toml").write_text('dependencies = ["foo"]\n[index]\nurl = "./simple"\n')
    assert "hint: write a directory as in `file:///srv/simple`" in empty.run("lock", code=2).stderr


def test_U_an_unknown_option_is_not_taken_for_the_opposite_of_one(empty: Workspace) -> None:
    for option in ("--build", "--project-x", "--editable-x"):
        assert "--no-" not in empty.run("sync", option, code=2).stderr.splitlines()[0]
    assert "'--no-build'" in empty.run("sync", "--no-buil", code=2).stderr, "what is near is still named"


@pytest.mark.parametrize(
    ("line", "hint"),
    {
        "install alpha -r requirements.txt": "pipper init --from requirements.txt",
        "install -r requirements/dev.in": "pipper init --from requirements/dev.in",
        "install alpha -r tools.txt": "pipper init --from tools.txt",
        "lock -r gone.in": "for a file of requirements: pipper init --from gone.in",
        "info alpha -r ../R": "-r takes a name; give a directory or a URL with -b, as in: -b ../R",
        "info alpha -r s3://acme/py": "give a directory or a URL with -b, as in: -b s3://acme/py",
        "repository add lab -b ../R": "/R`, or write it into [repositories] of the manifest",
        "repository add lab -b file:///R": "give it to a command with `-b file:///R`",
        "repository remove nope": "`pipper repository list` shows all names",
        "repository copy --all --from ./R --to backup": "the directory of that name is ./backup",
        "yank alpha:9 -b ./R": "run `pipper info alpha -b file://",
        "repository prune alpha:9 -b ./R": "run `pipper repository packages --versions alpha -b file://",
        "export": "give -f pylock, -f requirements or -f cyclonedx, or -o",
    }.items(),
)
def test_a_repository_named_in_another_way_is_answered_with_the_way_that_works(
    line: str, hint: str, empty: Workspace
) -> None:
    (empty.app / "backup").mkdir(parents=True)
    (empty.app / "tools.txt").touch()
    if line.startswith("lock"):
        empty.write_manifest()
    empty.run("publish", empty.wheel("alpha"), "-b", "./R")
    done = empty.run(*shlex.split(line), code=2)
    assert hint in done.stderr.splitlines()[-1], done.stderr
    assert "repository add requirements" not in done.stderr


def test_the_hint_of_a_version_that_is_not_there_can_be_typed_as_it_is(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    for line in ("yank alpha:9", "repository prune alpha:9"):
        done = empty.run(*line.split(), "-b", empty.repository, code=2)
        (hint,) = re.findall(r"hint: run `pipper ([^`]+)`", done.stderr)
        assert "1.0.0" in empty.run(*shlex.split(hint)).stdout


def test_a_bucket_named_like_a_repository_in_this_directory_is_warned_of(empty: Workspace) -> None:
    empty.run("publish", empty.wheel("alpha"), "-b", "./acme")
    done = empty.run(
        "publish",
        empty.wheel("alpha"),
        "-b",
        "acme",
        "--endpoint-url",
        "http://127.0.0.1:1",
        "-c",
        "KEY",
        "SECRET",
        code=6,
    )
    assert (
        "warning: -b acme is the bucket s3://acme; for the directory of that name write -b ./acme"
        in done.stderr
    )


def test_every_command_that_a_synonym_names_exists() -> None:
    hints = (*synonyms._COMMANDS.values(), *synonyms._OPTIONS.values())
    hints += tuple(hint for here in synonyms._HERE.values() for hint in here.values())
    commands = [hint for hint in hints if not hint.startswith("leave it out: pipper ")]
    named = {words for hint in commands for words in re.findall(r"pipper ([a-z]+)( [a-z]+)?", hint)}
    assert len(named) > 20
    for first, second in named:
        assert first in COMMANDS, first
        if first in ("repository", "cache"):
            group = app.get_command(click.Context(app), first)
            assert isinstance(group, click.Group)
            assert second.strip() in group.commands, second


def test_no_command_of_pipper_is_taken_for_a_synonym() -> None:
    assert not synonyms._COMMANDS.keys() & COMMANDS.keys()


def test_U_changes_name_their_source(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("beta", "1.1.0"))
    assert " ~ beta 1.0.0 -> 1.1.0 (acme)\n" in workspace.run("lock", "-P", "beta").stderr
    assert " ~ beta 1.0.0 -> 1.1.0 (acme)\n" in workspace.run("sync").stderr
    assert " + gamma 1.0.0 (acme)\n" in workspace.run("add", "gamma").stderr


def test_U_the_summary_of_a_lock_counts_the_environments(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha", tag="py3-none-manylinux_2_17_x86_64", purelib=False))
    empty.write_manifest("alpha")
    told = empty.run("lock").stderr.splitlines()
    failed = len([line for line in told if line.startswith("warning: no solution for ")])
    assert failed
    assert re.fullmatch(rf"Locked 1 package for cp\S+ and {4 - failed} of 4 others", told[-1]), told


def test_U_an_edit_that_changes_only_documents_says_so(workspace: Workspace) -> None:
    """FIELD U: `add` says "Nothing to do" though manifest and lock changed."""
    done = workspace.run("add", "beta>=1")
    told = "No version changes in the lock, but the manifest asks for `beta>=1`, the lock does not"
    changed = "Changed pipper.toml and pipper.lock"
    assert done.stderr.splitlines() == [told, f"{changed}; {workspace.venv} matches already"]
    assert workspace.run("add", "beta>=1").stderr == f"Nothing to do: {workspace.venv} matches the lock\n"
    done = workspace.run("add", "beta>=0.5", "--no-sync")
    assert done.stderr.splitlines()[-1] == f"{changed}; run `pipper sync` to install"
    done = workspace.run("add", "beta>=0.1", "--dry-run")
    assert done.stderr.splitlines()[-1].startswith("Would change pipper.toml and pipper.lock; ")


def test_U_a_package_of_many_versions_shows_the_newest_ten(empty: Workspace) -> None:
    empty.publish(*(empty.wheel("alpha", f"1.{minor}.0") for minor in range(13)))
    line = empty.run("info", "alpha", "-b", empty.url).stdout.splitlines()[-2]
    assert line.split()[1:4] == ["1.12.0,", "1.11.0,", "1.10.0,"]
    assert line.endswith("1.3.0 and 3 more (--all)")
    line = empty.run("info", "alpha", "--all", "-b", empty.url).stdout.splitlines()[-2]
    assert line.endswith("1.1.0, 1.0.0")


def test_U_a_lock_that_is_offline_sends_no_request(remote: Workspace) -> None:
    """FIELD U: `lock --offline` asks the bucket."""
    assert remote.server
    asked = len(remote.server.seen)
    remote.run("lock", "--offline")
    done = remote.refused("lock", "--offline", "-U", code=6, subject="cannot be read offline")
    assert "-b ./DIR" in done.stderr
    assert len(remote.server.seen) == asked


def test_a_tree_is_drawn_as_a_picture(workspace: Workspace) -> None:
    told = workspace.run("tree", "alpha", "--format", "mermaid").stdout.splitlines()
    assert told == ["flowchart LR", '    n0["alpha 1.1.0"]', '    n1["beta 1.0.0"]', "    n0 --> n1"]
    told = workspace.run("tree", "--invert", "beta", "--format", "dot").stdout.splitlines()
    assert '    n0 [label="beta 1.0.0"]' in told
    assert "    n1 -> n0" in told
    assert (told[0], told[-1]) == ("digraph {", "}")
    workspace.refused(
        "tree", "--format", "dot", "--json", code=2, subject="--json and --format cannot be combined"
    )


def test_a_tree_of_a_depth_ends_there(workspace: Workspace) -> None:
    assert "beta" in workspace.run("tree").stdout
    told = workspace.run("tree", "--depth", "0").stdout
    assert "alpha" in told
    assert "beta" not in told
    document = json.loads(workspace.run("tree", "--depth", "0", "--json").stdout)
    assert [each["name"] for each in document["packages"]] == ["alpha", "delta"]
    workspace.run("tree", "--depth", "-1", code=2)


@pytest.mark.parametrize(
    ("line", "painted"),
    [
        ("error: no solution", "\x1b[31merror\x1b[0m: no solution"),
        ("hint: pipper lock", "\x1b[36mhint\x1b[0m: pipper lock"),
        (" + alpha 1.0 (acme)", "\x1b[32m +\x1b[0m alpha 1.0 (acme)"),
        (" - alpha 1.0", "\x1b[31m -\x1b[0m alpha 1.0"),
        ("behind: 1.0 is installed", "\x1b[33mbehind\x1b[0m: 1.0 is installed"),
        ("  versions  1.0 (yanked: bad)", "  versions  1.0 (\x1b[31myanked\x1b[0m: bad)"),
        ("Locked 3 packages", "Locked 3 packages"),
        ("an error: of another kind", "an error: of another kind"),
    ],
)
def test_U_colours_tell_the_kind_of_a_line(line: str, painted: str) -> None:
    assert coloured(line) == painted


def test_U_a_terminal_shows_colours_and_a_spinner_and_keeps_no_bar(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha", requires=["beta"]), empty.wheel("beta"))
    empty.write_manifest("alpha")
    shown = on_terminal(empty, "lock", columns=200)
    assert "Resolving" in shown.text
    assert "\x1b[32m +\x1b[0m alpha" in shown.text
    assert shown.lines[0] == " + alpha 1.0.0 (acme)"
    shown = on_terminal(empty, "sync", columns=200)
    assert "Installing" in shown.text
    assert shown.lines[1:3] == (" + alpha 1.0.0 (acme)", " + beta 1.0.0 (acme)")


def test_U_no_colour_where_nobody_wants_it(workspace: Workspace) -> None:
    assert "\x1b[" in on_terminal(workspace, "info", "none", code=3).text
    assert "\x1b[" not in on_terminal(workspace, "info", "none", env={"NO_COLOR": "1"}, code=3).text
    assert "\x1b[" not in on_terminal(workspace, "info", "none", env={"TERM": "dumb"}, code=3).text
    assert "\x1b[" not in workspace.run("info", "none", code=3).stderr


def test_U_a_file_that_is_installed_is_told_as_the_source_until_it_is_removed(workspace: Workspace) -> None:
    """FIELD U: `install ./x.whl` pins the name quietly, and `remove` leaves the alias."""
    before = workspace.manifest.read_text()
    done = workspace.run("add", workspace.wheel("omega"))
    assert "omega==1.0.0 is copied to .pipper/files, the source of omega from now on" in done.stderr
    assert " + omega 1.0.0 (files)" in done.stderr
    workspace.run("add", workspace.wheel("psi"))
    workspace.run("remove", "omega")
    assert 'psi = "files"' in workspace.manifest.read_text()
    workspace.run("remove", "psi")
    assert "files" not in workspace.manifest.read_text()
    assert before.replace("[sources]\n", "") == workspace.manifest.read_text().replace("[sources]\n", "")


def test_to_remove_all_that_a_manifest_says_empties_manifest_lock_and_environment(empty: Workspace) -> None:
    empty.app.mkdir(parents=True, exist_ok=True)
    empty.manifest.write_bytes(b"")
    with IndexDouble() as index:
        index.add(empty.wheel("alpha"))
        env = {"PIPPER_INDEX_URL": index.url}
        empty.run("add", "alpha", env=env)
        assert empty.installed() == {"alpha": "1.0.0"}
        empty.run("remove", "alpha", env=env)
        assert empty.manifest.read_bytes() == b""
        assert "alpha" not in empty.lock.read_text()
        assert empty.installed() == {}
        empty.run("sync", env=env)
