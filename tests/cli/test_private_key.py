"""`private` in a manifest: names and patterns that no index is asked for, also where the project is out of sight."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Completed, run_here
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.wheelhouse import make_wheel

NAMES = ("acme-models", "acme-lab", "corp-plan", "corp-y", "public")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexDouble]:
    with IndexDouble() as double:
        for name in NAMES:
            double.add(make_wheel(tmp_path / "files", name, "99.0"))
        yield double


@pytest.fixture
def shelf(empty: Workspace) -> Workspace:
    """A project with `private`, whose repository has `acme-models` alone."""
    empty.publish(empty.wheel("acme-models"))
    empty.app.mkdir(parents=True, exist_ok=True)
    declare(empty, "public")
    return empty


def run(
    shelf: Workspace, index: IndexDouble, *words: str | Path, code: int = 0, cwd: Path | None = None
) -> Completed:
    """Run a command; the index is the one that the user's variables name."""
    done = run_here(*words, cwd=cwd or shelf.app, env={**shelf.environment, "PIPPER_INDEX_URL": index.url})
    assert "Traceback" not in done.stderr
    assert done.code == code, done.stderr
    return done


def declare(shelf: Workspace, *names: str, private: str = '["Acme_*"]', more: str = "") -> None:
    """Write the manifest of the project."""
    shelf.manifest.write_text(
        f"private = {private}\ndependencies = {list(names)}\n[repositories]\nacme = '{shelf.url}'\n{more}"
    )


@pytest.mark.parametrize(
    "command", ["add", "install", "install -t new", "download -d out", "authorize", "info", "lock --no-write"]
)
def test_T04_no_command_asks_an_index_for_a_private_name(
    shelf: Workspace, index: IndexDouble, command: str
) -> None:
    if command == "lock --no-write":
        declare(shelf, "acme-lab", "public")
        done = run(shelf, index, "lock", code=3)
    else:
        done = run(shelf, index, *command.split(), "acme-lab", code=3)
    assert "no source has `acme-lab`" in done.stderr or "no source has a package `acme-lab`" in done.stderr
    assert "no index is asked, because `private` has `acme-*`" in done.stderr
    assert index.names() <= {"public"}


def test_a_private_name_comes_from_any_repository(shelf: Workspace, index: IndexDouble) -> None:
    declare(shelf, "acme-models", "public")
    run(shelf, index, "lock")
    packages = tomllib.loads(shelf.lock.read_text())["packages"]
    assert {each["name"]: each["source"] for each in packages} == {"acme-models": "acme", "public": "index"}
    assert index.names() == {"public"}


@pytest.mark.parametrize(
    ("private", "sources", "code"),
    [
        ('["acme-*"]', 'acme-lab = "index"', 0),
        ('["acme-*"]', '"acme-l*" = "index"', 0),
        ('["acme-*"]', '"*" = "index"', 3),
        ('["acme-lab"]', '"acme-*" = "index"', 3),
        ('["acme-lab"]', 'acme-lab = "index"', 0),
        ('["acme-lab"]', '"acme-*" = "more"', 3),
        ('["acme-*"]', 'acme-lab = "more"', 0),
    ],
)
def test_sources_gives_a_private_name_to_an_index_if_it_is_as_exact(
    shelf: Workspace, index: IndexDouble, private: str, sources: str, code: int
) -> None:
    declare(
        shelf,
        "acme-lab",
        private=private,
        more=f"[indexes]\nmore = '{index.url}'\n[sources]\n{sources}\n",
    )
    run(shelf, index, "lock", code=code)
    assert index.names() == ({"acme-lab"} if code == 0 else set())


def test_a_lock_made_before_a_name_became_private_is_out_of_date(
    shelf: Workspace, index: IndexDouble
) -> None:
    declare(shelf, "acme-lab", private='["corp-*"]')
    run(shelf, index, "lock")
    run(shelf, index, "lock", "--check")
    declare(shelf, "acme-lab")
    assert (
        "private is [acme-*] in the manifest and [corp-*] in the lock"
        in run(shelf, index, "lock", "--check", code=1).stdout
    )
    index.seen.clear()
    run(shelf, index, "lock", code=3)
    assert index.seen == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('private = "acme-*"', "expected an array, found a string"),
        ("private = [1]", "private[0]: expected a string, found a number"),
        ('private = [""]', "private[0]: an empty name"),
        ("private = ['" + "*a" * 300 + "']", "a pattern of 600 characters"),
        ("privat = []", "did you mean `private`?"),
    ],
)
def test_what_is_not_an_array_of_names_is_refused(
    shelf: Workspace, index: IndexDouble, text: str, expected: str
) -> None:
    shelf.manifest.write_text(text + "\n")
    assert expected in run(shelf, index, "lock", code=2).stderr


TABLES = {
    "uv, a path": ("[tool.uv.sources]\ncorp-y = { path = '../p' }\n", ["corp-y"]),
    "PDM, a pattern": (
        "[[tool.pdm.source]]\nname = 'corp'\nurl = 'https://index.example.com/s'\ninclude_packages = ['corp-*']\n",
        ["corp-*"],
    ),
    "a member": ("[tool.pipper.workspace]\nmembers = ['packages/*']\n", ["corp-y"]),
    "private": ("[tool.pipper]\nprivate = ['corp-*']\n", ["corp-*"]),
}


@pytest.mark.parametrize("how", TABLES)
def test_T01_an_environment_keeps_what_is_held_back_where_the_project_is_out_of_sight(
    shelf: Workspace, index: IndexDouble, how: str
) -> None:
    tables, private = TABLES[how]
    shelf.manifest.unlink()
    member = shelf.app / "packages" / "y"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text("[project]\nname = 'corp-y'\nversion = '1'\n")
    (shelf.app / "pyproject.toml").write_text(
        f"[project]\nname = 'app'\nversion = '1'\n{tables}[tool.pipper.repositories]\nacme = '{shelf.url}'\n"
    )
    outside = shelf.root / "outside"
    run(shelf, index, "install", "-t", outside, "public")
    written = tomllib.loads((outside / ".pipper" / "pipper.toml").read_text())
    assert written["private"] == ["app", *private]
    index.seen.clear()
    for name in ("corp-y", "app"):
        done = run(shelf, index, "install", "-t", outside, name, cwd=shelf.root, code=3)
        assert f"no source has `{name}`" in done.stderr
    assert index.names() <= {"public"}


@pytest.mark.parametrize("rule", ['[sources]\n"corp-*" = "acme"\n', "private"])
def test_T01_what_the_project_says_now_counts_for_an_environment_that_was_told_less_before(
    shelf: Workspace, index: IndexDouble, rule: str
) -> None:
    """The environment has `corp-y = "index"` from a time when the project said so."""
    declare(shelf, "public", more='[sources]\ncorp-y = "index"\n')
    run(shelf, index, "install", "-t", "out", "public")
    assert 'corp-y = "index"' in (shelf.app / "out" / ".pipper" / "pipper.toml").read_text()
    declare(
        shelf,
        "public",
        private='["corp-*"]' if rule == "private" else "[]",
        more="" if rule == "private" else rule,
    )
    index.seen.clear()
    for line in ("install -t out corp-y", "info -t out corp-y"):
        run(shelf, index, *line.split(), code=3)
    assert index.names() <= {"public"}


@pytest.mark.parametrize("owner", ["the project", "packages/b"])
def test_T04_a_member_cannot_send_what_another_one_keeps_private_to_an_index(
    shelf: Workspace, index: IndexDouble, owner: str
) -> None:
    shelf.manifest.unlink()
    private = "[tool.pipper]\nprivate = ['corp-*']\n"
    (shelf.app / "pyproject.toml").write_text(
        f"[project]\nname = 'app'\nversion = '1'\n{private if owner == 'the project' else ''}"
        f"[tool.pipper.workspace]\nmembers = ['packages/*']\n[tool.pipper.repositories]\nacme = '{shelf.url}'\n"
    )
    for name, more in (
        ("a", "[tool.pipper.sources]\ncorp-y = 'index'\n"),
        ("b", private if owner != "the project" else ""),
    ):
        folder = shelf.app / "packages" / name
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text(
            f"[project]\nname = '{name}'\nversion = '1'\ndependencies = ['corp-y']\n{more}"
        )
    done = run(shelf, index, "lock", code=2)
    assert f"`private` of {owner} has `corp-*`" in done.stderr
    assert index.names() == set()


def test_T04_the_name_of_a_workspace_folder_that_is_not_a_package_is_not_asked_of_an_index(
    shelf: Workspace, index: IndexDouble
) -> None:
    shelf.manifest.unlink()
    for name, requires in (("corp-y", "[]"), ("corp-plan", "['corp-y']")):
        folder = shelf.app / "packages" / name
        folder.mkdir(parents=True)
        (folder / "pyproject.toml").write_text(
            f"[project]\nname = '{name}'\nversion = '1'\ndependencies = {requires}\n"
        )
    (shelf.app / "pyproject.toml").write_text(
        "[project]\nname = 'app'\nversion = '1'\n[tool.pipper.workspace]\nmembers = ['packages/*']\n"
        f"[tool.pipper.repositories]\nacme = '{shelf.url}'\n"
    )
    done = run(shelf, index, "lock", code=2)
    assert (
        "`corp-y` comes from a directory without [build-system] in the workspace (`packages/corp-y`)"
        in done.stderr
    )
    assert "add [build-system] to packages/corp-y/pyproject.toml" in done.stderr
    assert index.names() == set()
    shelf.publish(shelf.wheel("corp-y"))
    run(shelf, index, "lock")
