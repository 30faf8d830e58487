"""Members: libraries that are being written, installed from their folders, locked with what they require."""

import contextlib
import json
import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.sdists import make_backend
from tests.wheelhouse import make_wheel


@pytest.fixture
def index() -> Iterator[IndexDouble]:
    with IndexDouble() as double:
        yield double


class Yard:
    """A workspace with a project in `app`, members beside and below it, and an index with what they build with."""

    def __init__(self, workspace: Workspace, index: IndexDouble) -> None:
        self.workspace = workspace
        self.index = index
        self.files = workspace.root / "files"
        index.add(make_backend(self.files))
        index.add(make_wheel(self.files, "six", "1.0"))
        index.add(make_wheel(self.files, "seven", "1.0"))

    def ask(self, *requirements: str, more: str = "") -> None:
        """Write `pipper.toml`."""
        listed = "".join(f"    {each!r},\n" for each in requirements)
        self.workspace.app.mkdir(parents=True, exist_ok=True)
        self.workspace.manifest.write_text(
            f"dependencies = [\n{listed}]\n\n[index]\nurl = '{self.index.url}'\n{more}"
        )

    def project(self, more: str = "", *, name: str = "app", requires: str = "", tables: str = "") -> None:
        """Write the project itself as a package: a `pyproject.toml`, and a module."""
        self.member(
            ".",
            name,
            requires=requires,
            more=f"{tables}\n[tool.pipper.index]\nurl = '{self.index.url}'\n[tool.pipper]\n{more}"
            if more
            else f"{tables}\n[tool.pipper.index]\nurl = '{self.index.url}'\n",
        )

    def member(
        self,
        folder: str,
        name: str,
        *,
        version: str = "1.0",
        requires: str = "",
        more: str = "",
        backend: str = "tiny_backend",
    ) -> Path:
        """Write a project into a folder, relative to `app`, and return the folder."""
        place = (self.workspace.app / folder).resolve()
        place.mkdir(parents=True, exist_ok=True)
        (place / "pyproject.toml").write_text(
            f"[build-system]\nrequires = ['tiny-build']\nbuild-backend = '{backend}'\n\n"
            f"[project]\nname = '{name}'\nversion = '{version}'\ndependencies = [{requires}]\n{more}"
        )
        (place / f"{name.replace('-', '_')}.py").write_text("VALUE = 1\n")
        return place

    @property
    def lock(self) -> dict[str, Any]:
        return tomllib.loads(self.workspace.lock.read_text())

    def package(self, name: str) -> dict[str, Any]:
        (found,) = (each for each in self.lock["packages"] if each["name"] == name)
        return found

    @contextlib.contextmanager
    def nobody_is_asked_for(self, *names: str) -> Iterator[None]:
        yield
        asked = [str(each) for each in self.index.seen]
        assert [each for each in asked for name in names if name in each] == []


@pytest.fixture
def yard(empty: Workspace, index: IndexDouble) -> Yard:
    return Yard(empty, index)


LAB = "[sources]\nlab = { path = '../lab' }\n"


def test_a_member_is_locked_by_its_folder_with_what_it_requires(yard: Yard) -> None:
    yard.member("../lab", "lab", requires="'six'")
    yard.ask("lab>=1", more=LAB)
    yard.workspace.run("lock")
    assert yard.package("lab") == {
        "name": "lab",
        "version": "1.0",
        "source": "path",
        "path": "../lab",
        "editable": True,
        "dependencies": ["six"],
    }
    for environment in yard.lock["environments"]:
        assert environment["packages"] == ["lab @ ../lab", "six==1.0"]
    assert yard.lock["inputs"]["members"] == {
        "lab": {"path": "../lab", "editable": True, "version": "1.0", "requirements": ["six"]}
    }
    yard.workspace.run("lock", "--check")


def test_T04_the_name_of_a_member_is_never_asked_of_the_index(yard: Yard) -> None:
    yard.index.add(make_wheel(yard.files, "lab", "99.0"))
    yard.index.add(make_wheel(yard.files, "core", "99.0"))
    yard.member("../core", "core", more="[project.optional-dependencies]\nfast = ['lab']\n")
    yard.member(
        "../lab",
        "lab",
        requires="'core[fast]', 'six'",
        more="[tool.pipper.sources]\ncore = { path = '../core' }\n",
    )
    more = "[dependency-groups]\ndev = ['lab', 'core>0']\n[optional-dependencies]\nx = ['core[fast]']\n"
    yard.ask("lab", more=more + LAB)
    text = yard.workspace.manifest.read_text()
    yard.workspace.manifest.write_text("constraints = ['core<50']\noverrides = ['lab>0']\n" + text)
    with yard.nobody_is_asked_for("lab", "core"):
        yard.workspace.run("lock")
        yard.workspace.run("outdated")
        yard.workspace.run("tree")
    assert yard.package("core")["path"] == "../core"


def installed_value(yard: Yard, module: str, *more: str) -> str:
    """Return `VALUE` of a module as the environment's Python sees it."""
    python = yard.workspace.venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    code = f"import {module}; print({module}.VALUE)"
    return subprocess.run(
        [python, *more, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_member_is_installed_editable_and_an_edit_needs_no_sync(yard: Yard) -> None:
    lab = yard.member("../lab", "lab", requires="'six'")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    done = yard.workspace.run("sync")
    assert " + lab 1.0" in done.stderr
    assert yard.workspace.installed() == {"lab": "1.0", "six": "1.0"}
    assert installed_value(yard, "lab") == "1"
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    (lab / "lab.py").write_text("VALUE = 22\n")
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    assert installed_value(yard, "lab") == "22"
    yard.workspace.run("sync", "--check", "--verify")
    info = yard.workspace.site / "lab-1.0.dist-info"
    assert json.loads((info / "direct_url.json").read_text()) == {
        "url": lab.as_uri(),
        "dir_info": {"editable": True},
    }
    assert "lab-1.0.dist-info/direct_url.json,sha256=" in (info / "RECORD").read_text()
