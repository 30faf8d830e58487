"""Workspaces and folders of uv, Poetry, PDM and Hatch become members, and their names are asked of nobody."""

import tomllib

import pytest

from tests.cli.test_members import Yard, index
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.wheelhouse import make_wheel

__all__ = ["index"]  # a fixture of `yard`


@pytest.fixture
def yard(empty: Workspace, index: IndexDouble) -> Yard:
    found = Yard(empty, index)
    for name in ("core", "lab", "sub"):
        found.index.add(make_wheel(found.files, name, "99.0"))
    found.member("packages/core", "core", requires="'six'")
    found.member("../lab", "lab", requires="'core'", more="[tool.uv.sources]\ncore = { workspace = true }\n")
    return found


UV = """[project]
name = 'app'
version = '1.0'
dependencies = ['core', 'lab', 'gone', 'seven']
[tool.uv.workspace]
members = ['packages/*']
[tool.uv.sources]
core = { workspace = true }
lab = { path = '../lab', editable = true }
gone = { path = '../gone' }
"""
POETRY = """[tool.poetry]
name = 'app'
[tool.poetry.dependencies]
core = { path = 'packages/core', develop = true }
lab = { path = '../lab', develop = true }
gone = { path = '../gone' }
seven = '*'
"""
PDM = """[project]
name = 'app'
version = '1.0'
dependencies = [
    'lab @ file:///${PROJECT_ROOT}/../lab', 'seven', 'core @ {root:uri}/packages/core', 'gone @ {root:uri}/gone'
]
"""


@pytest.mark.parametrize("text", [UV, POETRY, PDM], ids=["uv", "poetry", "pdm"])
def test_T04_folders_of_other_tools_become_members_and_what_is_not_there_is_named(
    yard: Yard, text: str
) -> None:
    (yard.workspace.app / "pyproject.toml").write_text(text)
    done = yard.workspace.run("init", "--from", "pyproject.toml")
    assert "`gone` from" in done.stderr + yard.workspace.manifest.read_text()
    manifest = yard.workspace.manifest
    manifest.write_text(f"{manifest.read_text()}\n[index]\nurl = '{yard.index.url}'\n")
    with yard.nobody_is_asked_for("core", "lab", "gone"):
        yard.workspace.run("lock")
    assert {each["name"]: each["source"] for each in yard.lock["packages"]} == {
        "core": "path",
        "lab": "path",
        "seven": "index",
        "six": "index",
    }
    found = tomllib.loads(manifest.read_text())
    assert found["sources"]["lab"]["path"] == "../lab"


def test_T04_folders_are_found_from_where_the_manifest_is_written(yard: Yard) -> None:
    other = yard.workspace.root / "other"
    other.mkdir()
    (other / "pyproject.toml").write_text(
        "[project]\nname = 'app'\ndependencies = ['lab']\n[tool.uv.sources]\nlab = { path = '../lab' }\n"
    )
    yard.workspace.run("init", "--from", "../other")
    found = tomllib.loads(yard.workspace.manifest.read_text())
    assert found["sources"] == {"lab": {"path": "../lab", "editable": False}}


@pytest.mark.parametrize(
    ("line", "requirement", "editable"),
    [
        ("-e ../lab", "lab", True),
        ("--editable=../lab#egg=lab", "lab", True),
        ("-e file:../lab", "lab", True),
        ("../lab", "lab", False),
        ('../lab/ ; python_version > "3"', 'lab ; python_version > "3"', False),
        ("-e ../lab[fast]", "lab[fast]", True),
        ('-e "../lab"', "lab", True),
    ],
)
def test_a_folder_in_a_requirements_file_becomes_a_member(
    line: str, requirement: str, editable: bool, yard: Yard
) -> None:
    for name in ("requirements.txt", "requirements/dev.txt"):
        file = yard.workspace.app / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{line}\nseven\n")
        done = yard.workspace.run("init", "--from", name)
        assert "not converted" not in done.stderr
        found = tomllib.loads(yard.workspace.manifest.read_text())
        assert found["dependencies"] == [requirement, "seven"]
        assert found["sources"]["lab"] == {"path": "../lab"} | ({} if editable else {"editable": False})
        yard.workspace.manifest.unlink()


def test_a_folder_in_a_requirements_file_is_locked_and_nobody_is_asked_for_its_name(yard: Yard) -> None:
    (yard.workspace.app / "requirements.txt").write_text("-e ../lab\npackages/core\nseven\n")
    yard.workspace.run("init", "--from", "requirements.txt")
    manifest = yard.workspace.manifest
    manifest.write_text(f"{manifest.read_text()}\n[index]\nurl = '{yard.index.url}'\n")
    with yard.nobody_is_asked_for("core", "lab"):
        yard.workspace.run("lock")
    sources = {each["name"]: each["source"] for each in yard.lock["packages"]}
    assert sources == {"core": "path", "lab": "path", "seven": "index", "six": "index"}


def test_the_project_itself_in_its_requirements_file_is_said(yard: Yard) -> None:
    (yard.workspace.app / "pyproject.toml").write_text("[project]\nname = 'app'\ndependencies = ['seven']\n")
    (yard.workspace.app / "requirements.txt").write_text("-e .\n")
    done = yard.workspace.run("init", "--from", "requirements.txt")
    assert (
        "the project of this directory: `pipper init --from FILE` converts its pyproject.toml" in done.stderr
    )
