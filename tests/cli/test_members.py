"""Members: libraries that are being written, installed from their folders, locked with what they require."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipper.ops.sync import steps
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.sdists import make_backend
from tests.wheelhouse import make_wheel
from tests.workshop import second_python


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


def test_a_member_is_built_again_only_when_its_build_files_changed(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    (lab / "lab.py").write_text("VALUE = 2\n")
    assert "Building" not in yard.workspace.run("sync", "--reinstall", "six", code=2).stderr
    (lab / "setup.cfg").write_text("[metadata]\n")
    done = yard.workspace.run("sync")
    assert "Building lab (../lab)" in done.stderr
    assert " ~ lab 1.0 (built again)" in done.stderr
    done = yard.workspace.run("sync", "--reinstall", "lab")
    assert " ~ lab 1.0 (reinstalled)" in done.stderr
    assert "Building lab (../lab)" in done.stderr, "for what the state of its files does not show"
    assert "Building" not in yard.workspace.run("sync", "--reinstall", "lab", "--no-build").stderr
    yard.member("../lab", "lab", version="2.0")
    done = yard.workspace.run("lock", "--check", code=1)
    assert "the member `lab` (../lab) has version `2.0`, in the lock it is `1.0`" in done.stdout
    assert "out of date" in yard.workspace.run("sync", code=2).stderr
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert yard.workspace.installed() == {"lab": "2.0"}


READS_VERSION = """
def _project():
    found = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    (line,) = (each for each in Path("lab.py").read_text().splitlines() if each.startswith("__version__"))
    return {**found, "version": line.split("'")[1]}
"""


def test_a_member_whose_version_is_computed_from_a_module_is_built_again_when_that_changed(
    yard: Yard,
) -> None:
    yard.index.add(make_backend(yard.files, "2.0", more=READS_VERSION))
    lab = yard.member("../lab", "lab", more="[tool.hatch.version]\npath = 'lab.py'\n")
    manifest = lab / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace("version = '1.0'", "dynamic = ['version']"))
    (lab / "lab.py").write_text("__version__ = '1.0'\nVALUE = 1\n")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert yard.workspace.installed() == {"lab": "1.0"}
    (lab / "lab.py").write_text("__version__ = '1.0'\nVALUE = 2\n")
    assert "Building" not in yard.workspace.run("sync").stderr
    (lab / "lab.py").write_text("__version__ = '1.1'\nVALUE = 2\n")
    assert "Building lab (../lab)" in yard.workspace.run("sync").stderr
    assert yard.workspace.installed() == {"lab": "1.1"}
    assert "Nothing to do" in yard.workspace.run("sync").stderr


def test_a_member_that_is_not_editable_is_built_again_when_any_file_changed(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    yard.ask("lab", more="[sources]\nlab = { path = '../lab', editable = false }\n")
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    (lab / "lab.py").write_text("VALUE = 333\n")
    assert installed_value(yard, "lab") == "1"
    assert "Building lab" in yard.workspace.run("sync").stderr
    assert installed_value(yard, "lab") == "333"
    (lab / "more.py").write_text("VALUE = 4\n")
    yard.workspace.run("sync")
    assert installed_value(yard, "more") == "4"
    (lab / "more.py").unlink()
    yard.workspace.run("sync")
    assert not (yard.workspace.site / "more.py").exists()
    assert "Nothing to do" in yard.workspace.run("sync").stderr


APART = "[sources]\nlab = { path = '../lab', editable = false }\n"


def test_a_new_package_in_a_folder_that_holds_no_file_itself_is_noticed(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    for name in ("first", "second"):
        if name == "second":
            assert "Nothing to do" in yard.workspace.run("sync").stderr
        (lab / "src" / name).mkdir(parents=True)
        (lab / "src" / name / "__init__.py").write_text("")
        if name == "first":
            yard.ask("lab", more=APART)
            yard.workspace.run("lock")
            yard.workspace.run("sync")
    assert "Building lab" in yard.workspace.run("sync").stderr
    assert (yard.workspace.site / "src" / "second" / "__init__.py").exists()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_link_in_a_member_leads_to_is_built_and_counts_as_its_own(yard: Yard, kind: str) -> None:
    lab = yard.member("../lab", "lab")
    shared = yard.workspace.root / "shared"
    shared.mkdir()
    (shared / "more.py").write_text("VALUE = 1\n")
    if kind == "file":
        (lab / "acme").mkdir()
        (lab / "acme" / "more.py").symlink_to("../../shared/more.py")
    else:
        (lab / "acme").symlink_to("../shared")
    yard.ask("lab", more=APART)
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    (shared / "more.py").write_text("VALUE = 22\n")
    assert "Building lab" in yard.workspace.run("sync").stderr
    assert (yard.workspace.site / "acme" / "more.py").read_text() == "VALUE = 22\n"
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    if kind == "folder":
        (shared / "new.py").write_text("")
        yard.workspace.run("sync")
        assert (yard.workspace.site / "acme" / "new.py").exists()


@pytest.mark.parametrize("tagged", [True, False], ids=["tagged", "with other files"])
def test_a_cache_in_the_project_is_no_part_of_what_is_built(yard: Yard, tagged: bool) -> None:
    cache = yard.workspace.app / ".pipper-cache"
    if not tagged:
        cache.mkdir(mode=0o700, parents=True)
        (cache / ".gitignore").write_text("*\n")
    env = {"PIPPER_CACHE_DIR": str(cache)}
    yard.project()
    yard.workspace.run("lock", env=env)
    done = yard.workspace.run("sync", "--no-editable", env=env)
    assert done.stderr.count("Building app") == 1
    assert (cache / "CACHEDIR.TAG").exists() == tagged
    yard.member(
        "lab", "lab"
    )  # a build of another member writes to the cache while the project's own is built
    yard.project("workspace.members = ['lab']\n")
    yard.workspace.run("lock", env=env)
    done = yard.workspace.run("sync", "--no-editable", env=env)
    assert done.stderr.count("Building app") == 1
    assert "building it again" not in done.stderr
    assert "Nothing to do" in yard.workspace.run("sync", "--no-editable", env=env).stderr


def test_a_link_in_a_member_that_leads_to_itself_is_left_out_of_what_is_built(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    (lab / "loop").symlink_to("loop")
    yard.ask("lab", more=APART)
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert installed_value(yard, "lab") == "1"
    assert "Nothing to do" in yard.workspace.run("sync").stderr


def test_a_link_in_a_member_that_leads_to_nothing_counts_once_it_does(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    (lab / "later.py").symlink_to("../later/later.py")
    yard.ask("lab", more=APART)
    yard.workspace.run("lock")
    for _ in range(2):
        done = yard.workspace.run("sync")
    assert "Nothing to do" in done.stderr
    (yard.workspace.root / "later").mkdir()
    (yard.workspace.root / "later" / "later.py").write_text("VALUE = 3\n")
    yard.workspace.run("sync")
    assert installed_value(yard, "later") == "3"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such mode")
def test_a_file_of_a_member_that_becomes_a_program_is_noticed(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    yard.ask("lab", more=APART)
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    (lab / "lab.py").chmod(0o640)
    assert "Building" not in yard.workspace.run("sync").stderr
    (lab / "lab.py").chmod(0o755)
    assert "Building lab" in yard.workspace.run("sync").stderr


def switching_backend(yard: Yard, lab: Path, what: str) -> Path:
    """A backend that does `what` to the manifest of the member as long as the file exists that is returned."""
    switch = yard.files / "switch"
    code = (
        "import os\n_build = build_editable\n\n"
        "def build_editable(*args, **options):\n"
        f"    manifest, switch = Path({str(lab / 'pyproject.toml')!r}), Path({str(switch)!r})\n"
        "    if switch.exists():\n"
        f"        text = manifest.read_text()\n        {what}\n"
        "    return _build(*args, **options)\n"
    )
    yard.index.add(make_backend(yard.files, "2.0", more=code))
    return switch


def test_a_member_that_another_branch_replaces_during_its_build_is_built_again(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    main = (lab / "pyproject.toml").read_text()
    feature = main + "[project.scripts]\nfeature = 'lab:main'\n"
    switch = switching_backend(yard, lab, f"switch.unlink(); manifest.write_text({feature!r})")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    switch.touch()
    done = yard.workspace.run("sync")
    assert "lab (../lab) changed while it was built: building it again" in done.stderr
    script = yard.workspace.venv / ("Scripts/feature.exe" if os.name == "nt" else "bin/feature")
    assert script.exists()
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    (lab / "pyproject.toml").write_text(main)
    yard.workspace.run("sync")
    assert not script.exists(), "what was built of the one state is not kept for the other"


def test_a_member_that_changes_with_each_build_is_told_and_installed_of_no_state(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    main = (lab / "pyproject.toml").read_text()
    switch = switching_backend(yard, lab, "manifest.write_text(text + '# more\\n')")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    switch.touch()
    done = yard.workspace.run("sync", code=7)
    assert "error: lab (../lab) changed while it was built" in done.stderr
    assert not yard.workspace.venv.exists()
    switch.unlink()
    (lab / "pyproject.toml").write_text(main)
    assert "Building lab" in yard.workspace.run("sync").stderr


def test_a_build_that_the_lock_contradicts_is_not_kept(yard: Yard) -> None:
    odd = yard.files / "odd"
    more = (
        "\ndef _project():\n"
        "    found = tomllib.loads(Path('pyproject.toml').read_text(encoding='utf-8'))['project']\n"
        f"    return {{**found, 'dependencies': ['seven']}} if Path({str(odd)!r}).exists() else found\n"
    )
    yard.index.add(make_backend(yard.files, "2.0", more=more))
    yard.member("../lab", "lab")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    odd.touch()
    assert "requires seven" in yard.workspace.run("sync", code=2).stderr
    odd.unlink()
    assert "Building lab" in yard.workspace.run("sync").stderr
    assert yard.workspace.installed() == {"lab": "1.0"}


def test_a_member_that_changes_after_its_build_is_built_by_the_next_sync(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = yard.member("../lab", "lab")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    stamp = steps.write_stamp

    def meddled(*args: Any) -> None:
        (lab / "setup.cfg").write_text("[metadata]\n")
        stamp(*args)

    with monkeypatch.context() as patched:
        patched.setattr(steps, "write_stamp", meddled)
        yard.workspace.run("sync")
    assert "Building lab" in yard.workspace.run("sync").stderr
    assert "Nothing to do" in yard.workspace.run("sync").stderr


def test_a_folder_that_a_link_leads_to_now_is_a_member(yard: Yard) -> None:
    yard.member("libs/lab", "lab")
    (yard.workspace.app / "libs" / "new").symlink_to("../vendor")
    yard.ask("lab", more="[workspace]\nmembers = ['libs/*']\n")
    yard.workspace.run("lock")
    for _ in range(2):
        yard.workspace.run("sync")
    yard.member("vendor", "new")
    assert "out of date" in yard.workspace.run("sync", code=2).stderr


def test_an_environment_that_two_checkouts_share_has_the_members_of_the_last_one(yard: Yard) -> None:
    yard.member("lab", "lab")
    yard.ask("lab", more="[sources]\nlab = { path = 'lab' }\n")
    yard.workspace.run("lock")
    copy = yard.workspace.root / "copy"
    shutil.copytree(yard.workspace.app, copy)
    (copy / "lab" / "lab.py").write_text("VALUE = 2\n")
    shared = {"PIPPER_ENVIRONMENT": str(yard.workspace.venv)}
    for folder, value in ((yard.workspace.app, "1"), (copy, "2"), (yard.workspace.app, "1")):
        yard.workspace.run("sync", env=shared, cwd=folder)
        assert installed_value(yard, "lab") == value


def test_lock_check_says_which_member_changed_and_how(yard: Yard) -> None:
    yard.member("../lab", "lab", requires="'six'")
    yard.member("../core", "core")
    more = "lab = { path = '../lab' }\ncore = { path = '../core' }\n"
    yard.ask("lab", "core", more=f"[sources]\n{more}")
    yard.workspace.run("lock")
    first = yard.workspace.lock.read_bytes()
    yard.member("../lab", "lab", requires="'six', 'seven>=1'")
    done = yard.workspace.run("lock", "--check", code=1)
    assert "the member `lab` (../lab) requires `seven>=1`, and the lock does not know that" in done.stdout
    yard.member("../lab", "lab", requires="'six'")
    yard.workspace.run("lock", "--check")
    yard.ask("lab", more="[sources]\nlab = { path = '../lab' }\n")
    done = yard.workspace.run("lock", "--check", code=1)
    assert "core" in done.stdout
    yard.workspace.run("lock")
    yard.ask("lab", "core", more=f"[sources]\n{more}")
    yard.workspace.run("lock")
    assert yard.workspace.lock.read_bytes() == first


def test_the_project_itself_is_installed_unless_it_says_otherwise(yard: Yard) -> None:
    yard.project(requires="'six'", tables="[project.scripts]\nhello = 'app:main'\n")
    yard.workspace.run("lock")
    assert yard.package("app")["path"] == "."
    yard.workspace.run("sync")
    assert yard.workspace.installed() == {"app": "1.0", "six": "1.0"}
    assert installed_value(yard, "app") == "1"
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    yard.workspace.run("sync", "--no-project")
    assert yard.workspace.installed() == {"six": "1.0"}
    yard.workspace.run("sync", "--no-editable")
    assert (yard.workspace.site / "app.py").exists()
    yard.project("package = false\n", requires="'six'")
    yard.workspace.run("lock")
    assert [each["name"] for each in yard.lock["packages"]] == ["six"]
    yard.workspace.run("sync")
    assert yard.workspace.installed() == {"six": "1.0"}


def workspace_of_three(yard: Yard) -> None:
    """A workspace in `app`: the application itself, `core`, `lab`, and a folder that is no package."""
    yard.project(
        requires="'lab'",
        tables="[dependency-groups]\ndev = ['seven']\n[tool.pipper.workspace]\nmembers = ['packages/*', 'tools']\n",
    )
    yard.member(
        "packages/lab",
        "lab",
        requires="'core>=1', 'six'",
        more="[tool.pipper]\n[dependency-groups]\ndocs = ['seven']\n",
    )
    yard.member(
        "packages/core", "core", requires="'lab'", more="[project.optional-dependencies]\nfast = ['seven']\n"
    )
    tools = yard.workspace.app / "tools"
    tools.mkdir()
    (tools / "pipper.toml").write_text("dependencies = ['six']\n")


def test_a_workspace_has_one_lock_with_the_same_bytes_from_any_folder(yard: Yard) -> None:
    workspace_of_three(yard)
    app = yard.workspace.app
    yard.workspace.run("lock")
    first = yard.workspace.lock.read_bytes()
    for folder in ("packages/lab", "packages/core", "tools"):
        yard.workspace.lock.unlink()
        yard.workspace.run("lock", cwd=app / folder)
        assert yard.workspace.lock.read_bytes() == first
        assert not (app / folder / "pipper.lock").exists()
    assert [each["name"] for each in yard.lock["packages"]] == ["app", "core", "lab", "seven", "six"]
    environment = yard.lock["environments"][0]
    assert environment["packages"] == ["app @ .", "core @ packages/core", "lab @ packages/lab", "six==1.0"]
    assert environment["groups"] == {"dev": ["seven==1.0"], "docs": ["seven==1.0"]}
    assert environment["extras"] == {"fast": ["seven==1.0"]}
    yard.workspace.run("sync", cwd=app / "packages" / "lab")
    assert yard.workspace.installed() == {
        "app": "1.0",
        "core": "1.0",
        "lab": "1.0",
        "seven": "1.0",
        "six": "1.0",
    }
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    assert "Nothing to do" in yard.workspace.run("sync", cwd=app / "tools").stderr
    done = yard.workspace.run("remove", "core", code=2)
    assert "it is a member of the project, in `packages/core`" in done.stderr
    assert 'add `"packages/core"` to `exclude` of [workspace]' in done.stderr
    new = yard.member("packages/new", "new")
    assert "`new`" in yard.workspace.run("sync", code=2).stderr
    shutil.rmtree(new)
    shutil.rmtree(app / "packages" / "core")
    assert "core" in yard.workspace.run("lock", "--check", code=1).stdout


def test_what_a_workspace_excludes_is_a_project_of_its_own(yard: Yard) -> None:
    yard.member("packages/lab", "lab")
    old = yard.member("packages/old", "old")
    yard.ask(more="[workspace]\nmembers = ['packages/*']\n")
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert yard.workspace.installed() == {"lab": "1.0", "old": "1.0"}
    yard.ask(more="[workspace]\nmembers = ['packages/*']\nexclude = ['packages/old']\n")
    assert "out of date" in yard.workspace.run("sync", code=2).stderr
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert yard.workspace.installed() == {"lab": "1.0"}
    (old / "pipper.toml").write_text("index = false\n")
    yard.workspace.run("lock", cwd=old)
    assert (old / "pipper.lock").exists()


def test_add_writes_the_folder_of_a_member_and_remove_takes_it_away(yard: Yard) -> None:
    lab = yard.member("../lab", "Lab", requires="'six'")
    yard.ask()
    before = yard.workspace.manifest.read_text()
    yard.workspace.run("add", "--editable", "../lab")
    found = tomllib.loads(yard.workspace.manifest.read_text())
    assert (found["dependencies"], found["sources"]) == (["lab"], {"lab": {"path": "../lab"}})
    assert installed_value(yard, "Lab") == "1"
    yard.workspace.run("remove", "lab")
    assert tomllib.loads(yard.workspace.manifest.read_text()) == tomllib.loads(before)
    assert yard.workspace.installed() == {}
    yard.workspace.run("add", "--path", lab, "--dev")
    found = tomllib.loads(yard.workspace.manifest.read_text())
    assert found["sources"] == {"lab": {"path": "../lab", "editable": False}}
    yard.workspace.run("add", "lab")
    yard.workspace.run("remove", "lab", "--dev")
    assert "sources" in tomllib.loads(yard.workspace.manifest.read_text())
    assert "add --editable ../lab" in yard.workspace.run("add", "../lab", code=2).stderr
    assert "setup.py" in yard.workspace.run("add", "--path", "..", code=2).stderr


@pytest.mark.parametrize(
    ("tables", "code", "said"),
    [
        (
            "[sources]\nlab = { path = '../gone' }\n",
            2,
            "pipper.toml: sources.lab: there is no directory `../gone`",
        ),
        ("[sources]\nlab = { path = '../files' }\n", 2, "not a Python project"),
        ("[sources]\nlab = { path = '/lab' }\n", 2, "sources.lab.path: `/lab` is not a relative path"),
        ("[sources]\nlab = { folder = '../lab' }\n", 2, "unknown key"),
        ("[sources]\n'lab-*' = { path = '../lab' }\n", 2, "a pattern cannot have a path"),
        ("[sources]\nother = { path = '../lab' }\n", 2, "the project in `../lab` is `lab`"),
        ("[sources]\nlab = { path = '../twice' }\n", 2, "has two manifests"),
        ("[workspace]\nmembers = ['../lab']\n", 2, "workspace.members[0]: `../lab` is outside the project"),
        ("[workspace]\nmembers = ['gone']\n", 2, "there is no directory `gone`"),
        ("[workspace]\nmembers = ['a**']\n", 2, "workspace.members[0]: `a**` is not a pattern"),
        ("[workspace]\nmembers = 'all'\n", 2, "workspace.members: expected an array"),
        ("[workspace]\nmembers = ['link']\n", 8, "leads out of"),
        ("[workspace]\nmembers = ['one', 'two']\n", 2, "two members have the name `same`: `one` and `two`"),
        ("[workspace]\nmembers = ['nameless']\n", 2, "`nameless` does not say its name"),
        (
            "[workspace]\nmembers = ['pinned']\n",
            2,
            "takes `acme-*` from `acme`, which the project does not have",
        ),
    ],
)
def test_a_member_that_cannot_be_used_is_named_with_its_place(
    yard: Yard, tables: str, code: int, said: str
) -> None:
    app = yard.workspace.app
    yard.member("../lab", "lab")
    twice = yard.member("../twice", "lab", more="[tool.pipper]\n")
    (twice / "pipper.toml").write_text("")
    yard.member("one", "same")
    yard.member("two", "same")
    yard.member("pinned", "pinned", more="[tool.pipper.sources]\n'acme-*' = 'acme'\n")
    (app / "nameless").mkdir()
    (app / "nameless" / "setup.py").write_text("from setuptools import setup\nsetup(name=f'{1}')\n")
    (app / "link").symlink_to("../lab")
    yard.ask(more=tables)
    done = yard.workspace.refused("lock", code=code, subject="")
    assert said in " ".join(done.stderr.split())


def test_a_build_that_gives_another_project_changes_nothing(yard: Yard) -> None:
    yard.member("../lab", "lab")
    yard.index.add(
        make_backend(
            yard.files, "1.1", more="_p = _project\ndef _project():\n    return {**_p(), 'version': '7'}\n"
        )
    )
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    done = yard.workspace.refused("sync", code=4, subject="lab (../lab)")
    assert "another version than its pyproject.toml says" in done.stderr
    assert not yard.workspace.venv.exists()


def test_a_backend_without_editable_builds_is_told_with_the_mend(yard: Yard) -> None:
    yard.index.add(make_backend(yard.files, "1.1", more="del build_editable\n"))
    yard.member("../lab", "lab")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    done = yard.workspace.refused("sync", code=2, subject="lab (../lab)")
    assert "`editable = false`" in done.stderr
    yard.ask("lab", more="[sources]\nlab = { path = '../lab', editable = false }\n")
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert installed_value(yard, "lab") == "1"


def test_R05_requirements_that_a_backend_computes_are_asked_of_it(yard: Yard) -> None:
    code = (
        "_p = _project\ndef _project():\n    found = _p()\n    found.setdefault('version', '3.1')\n"
        "    return {**found, 'dependencies': Path('requirements.txt').read_text().split()}\n"
    )
    yard.index.add(make_backend(yard.files, "1.1", more=code))
    lab = yard.member("../lab", "lab")
    text = (lab / "pyproject.toml").read_text()
    text = text.replace("version = '1.0'\ndependencies = []\n", "dynamic = ['version', 'dependencies']\n")
    (lab / "pyproject.toml").write_text(text)
    (lab / "requirements.txt").write_text("six\n")
    yard.ask("lab>=3", more=LAB)
    yard.workspace.run("lock")
    assert "version" not in yard.package("lab")
    (lab_said, _) = json.loads(yard.workspace.run("lock", "--json").stdout)["packages"]
    assert lab_said == {"name": "lab", "version": None, "source": "path"}
    assert yard.package("lab")["dependencies"] == ["six"]
    yard.workspace.run("sync")
    assert yard.workspace.installed() == {"lab": "3.1", "six": "1.0"}
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    assert " ~ lab 3.1 (reinstalled)" in yard.workspace.run("sync", "--reinstall", "lab").stderr
    (lab / "requirements.txt").write_text("seven\n")
    done = yard.workspace.run("lock", "--check", code=1)
    assert "the member `lab` (../lab) has other build files than when it was locked" in done.stdout
    yard.workspace.run("lock")
    assert yard.package("lab")["dependencies"] == ["seven"]


def test_T04_a_member_that_is_forgotten_or_around_is_not_asked_of_the_index(yard: Yard) -> None:
    yard.index.add(make_wheel(yard.files, "lab", "99.0"))
    yard.member("../lab", "lab")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    with yard.nobody_is_asked_for("lab"):
        done = yard.workspace.run("install", "lab", "-t", "out", code=2)
        assert "a member of the enclosing project" in done.stderr
        copied = ("--from", "index", "--to", yard.workspace.url)
        assert "it is a member" in yard.workspace.run("repository", "copy", "lab", *copied, code=3).stderr
        yard.workspace.run("download", "lab", "-d", "out", code=2)
        yard.workspace.run("info", "lab", code=2)
        yard.ask("lab")
        yard.workspace.run("lock", code=3)


def test_a_build_that_requires_a_member_is_refused_by_name(yard: Yard) -> None:
    yard.member("../lab", "tiny-build")
    yard.member("../core", "core")
    yard.ask("core", more="[sources]\ncore = { path = '../core' }\ntiny-build = { path = '../lab' }\n")
    yard.workspace.run("lock")
    done = yard.workspace.refused("sync", code=2, subject="tiny-build")
    assert "the build of core (../core) requires `tiny-build`, which is a member" in done.stderr


def test_the_lock_of_another_project_builds_nothing_here(yard: Yard) -> None:
    yard.member("../lab", "lab")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    other = yard.workspace.app / "other.lock"
    yard.workspace.lock.rename(other)
    yard.ask()
    done = yard.workspace.refused("sync", "--lock", "other.lock", code=2, subject="lab")
    assert "which the project here does not have" in done.stderr


def test_members_appear_in_tree_why_list_and_json_by_their_folder(yard: Yard) -> None:
    yard.member("../lab", "lab", requires="'six'")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    assert "lab (../lab)" in yard.workspace.run("tree").stdout
    assert "lab (../lab) -> six 1.0" in yard.workspace.run("why", "six").stdout
    assert "`lab` is a member" in yard.workspace.run("info", "lab", code=2).stderr
    (action, _) = json.loads(yard.workspace.run("sync", "--dry-run", "--json").stdout)["actions"]
    assert (action["source"], action["sha256"]) == ("path", None)
    document = json.loads(yard.workspace.run("tree", "--json").stdout)
    assert {
        "name": "lab",
        "version": None,
        "source": "path",
        "dependencies": ["six"],
        "required_by": [],
    } in document["packages"]


def test_a_member_that_was_built_before_needs_neither_a_build_nor_a_network(yard: Yard) -> None:
    yard.member("../lab", "lab", requires="'six'")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    done = yard.workspace.refused("sync", "--no-build", code=2, subject="lab (../lab)")
    assert "must be built, but --no-build is set" in done.stderr
    yard.workspace.run("sync")
    first = (yard.workspace.site / "lab-1.0.dist-info" / "RECORD").read_bytes()
    shutil.rmtree(yard.workspace.venv)
    seen = len(yard.index.seen)
    assert "Building" not in yard.workspace.run("sync", "--no-build", "--offline").stderr
    assert len(yard.index.seen) == seen
    assert (yard.workspace.site / "lab-1.0.dist-info" / "RECORD").read_bytes() == first


def test_add_writes_the_folder_below_tool_pipper_of_a_pyproject(yard: Yard) -> None:
    yard.project()
    yard.member("../lab", "lab", requires="'six'")
    yard.workspace.run("add", "--editable", "../lab", cwd=yard.workspace.app)
    found = tomllib.loads((yard.workspace.app / "pyproject.toml").read_text())
    assert found["project"]["dependencies"] == ["lab"]
    assert found["tool"]["pipper"]["sources"] == {"lab": {"path": "../lab"}}
    assert yard.workspace.installed() == {"app": "1.0", "lab": "1.0", "six": "1.0"}
    yard.workspace.run("remove", "lab")
    found = tomllib.loads((yard.workspace.app / "pyproject.toml").read_text())
    assert "sources" not in found["tool"]["pipper"]
    assert yard.workspace.installed() == {"app": "1.0"}
    assert "Nothing to do" in yard.workspace.run("sync").stderr


def test_an_edit_of_a_project_whose_build_fails_leaves_everything_as_it_was(yard: Yard) -> None:
    yard.project()
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    code = "def build_editable(*a, **k):\n    raise SystemExit('no build today')\n"
    yard.index.add(make_backend(yard.files, "1.1", more=code))
    done = yard.workspace.refused("add", "six", code=8, subject="app (.)")
    assert "no build today" in done.stderr
    assert yard.workspace.installed() == {"app": "1.0"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("part", [".", "pyproject.toml", "setup.py"])
def test_T08_a_member_of_another_user_is_refused(yard: Yard, part: str) -> None:
    lab = yard.member("../lab", "lab")
    (lab / "setup.py").write_text("")
    os.chown(lab / part, 12345, -1)
    yard.ask("lab", more=LAB)
    done = yard.workspace.refused("lock", code=8, subject="belongs to another user")
    assert "PIPPER_TRUSTED_FOLDERS" in done.stderr


def test_T08_the_workspace_of_another_user_above_takes_no_project_in(yard: Yard) -> None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can give files away")
    yard.ask()
    above = yard.workspace.root / "pipper.toml"
    above.write_text("[workspace]\nmembers = ['other/*']\n")
    os.chown(above, 12345, -1)
    yard.workspace.run("lock")
    above.write_text("[workspace]\nmembers = ['*']\n")
    yard.workspace.run("lock", "--check")
    assert yard.workspace.lock.is_file()
    os.chown(above, 0, -1)
    assert "there is no pipper.lock" in yard.workspace.run("lock", "--check", code=1).stdout


def test_the_own_name_on_the_command_line_means_a_published_version(yard: Yard) -> None:
    yard.index.add(make_wheel(yard.files, "app", "0.1"))
    yard.project()
    yard.workspace.run("lock")
    yard.workspace.run("download", "app", "-d", "out")
    assert [path.name for path in (yard.workspace.app / "out").iterdir()] == ["app-0.1-py3-none-any.whl"]


def test_a_backend_of_a_member_gets_no_secrets(yard: Yard) -> None:
    note = yard.workspace.root / "seen"
    code = (
        f"import os\n_e = build_editable\ndef build_editable(*a, **k):\n"
        f"    open({str(note)!r}, 'w').write(repr(sorted(os.environ.items())))\n    return _e(*a, **k)\n"
    )
    yard.index.add(make_backend(yard.files, "1.1", more=code))
    yard.member("../lab", "lab")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert "AWS_" not in note.read_text()
    assert "PIPPER_" not in note.read_text()


def test_add_and_remove_in_the_folder_of_a_member_edit_that_member(yard: Yard) -> None:
    workspace_of_three(yard)
    app = yard.workspace.app
    core = app / "packages" / "core"
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    root, before = (app / "pyproject.toml").read_bytes(), (core / "pyproject.toml").read_text()
    yard.workspace.run("add", "seven>=1", cwd=core)
    assert tomllib.loads((core / "pyproject.toml").read_text())["project"]["dependencies"] == [
        "lab",
        "seven>=1",
    ]
    assert (app / "pyproject.toml").read_bytes() == root
    assert yard.package("core")["dependencies"] == ["lab", "seven"]
    yard.workspace.run("lock", "--check")
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    yard.workspace.run("remove", "seven", cwd=core)
    assert tomllib.loads((core / "pyproject.toml").read_text()) == tomllib.loads(before)
    yard.workspace.run("add", "seven", "-g", "test", "--dry-run", cwd=core)
    yard.workspace.run("add", "seven", "-g", "test", "--no-sync", cwd=app / "tools")
    assert tomllib.loads((app / "tools" / "pipper.toml").read_text())["dependency-groups"] == {
        "test": ["seven"]
    }
    assert yard.lock["environments"][0]["groups"]["test"] == ["seven==1.0"]
    text = (core / "pyproject.toml").read_text()
    yard.workspace.run("add", "no-such-thing", cwd=core, code=3)
    code = "def build_editable(*a, **k):\n    raise SystemExit('no build today')\n"
    yard.index.add(make_backend(yard.files, "1.1", more=code))
    yard.workspace.run("add", "seven", cwd=core, code=8)
    assert (core / "pyproject.toml").read_text() == text
    (core / "pyproject.toml").write_text(
        text.replace("[project]", "[tool.poetry]").partition("dependencies")[0]
    )
    assert "no manifest that pipper can edit" in yard.workspace.run("add", "six", cwd=core, code=2).stderr


def test_a_backend_in_the_folder_of_a_member_counts_as_a_build_file(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    (lab / "tools").mkdir()
    own = lab / "tools" / "own_backend.py"
    own.write_text("from tiny_backend import *\nfrom tiny_backend import build_editable, build_wheel\n")
    text = (
        (lab / "pyproject.toml")
        .read_text()
        .replace("'tiny_backend'", "'own_backend'\nbackend-path = ['tools', '/gone']")
    )
    (lab / "pyproject.toml").write_text(text.replace(", '/gone'", ""))
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    own.write_text(own.read_text() + "# changed\n")
    assert "Building lab" in yard.workspace.run("sync").stderr
    assert "Nothing to do" in yard.workspace.run("sync").stderr
    (lab / "tools" / "more.py").write_text("")
    assert "Building lab" in yard.workspace.run("sync").stderr
    (lab / "pyproject.toml").write_text(text)
    assert yard.workspace.run("sync", code=2).stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="it needs pipes")
@pytest.mark.parametrize("place", ["../outside", "link"])
def test_B03_a_backend_outside_the_folder_of_a_member_is_not_read(yard: Yard, place: str) -> None:
    lab = yard.member("../lab", "lab")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    (yard.workspace.root / "outside").mkdir()
    os.mkfifo(yard.workspace.root / "outside" / "endless.py")
    (lab / "link").symlink_to(yard.workspace.root / "outside")
    text = (lab / "pyproject.toml").read_text()
    (lab / "pyproject.toml").write_text(
        text.replace("'tiny_backend'", f"'tiny_backend'\nbackend-path = ['{place}']")
    )
    assert "lab" in yard.workspace.run("sync", "--check", code=1).stdout


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        ("return 'lab-1.0-py3-none-any.whl'", 4, "there is no such file"),
        ("open(f'{a[0]}/more', 'w'); return _e(*a, **k)", 4, "wrote `more` too"),
        ("_project()['name']; return _write(a[0], {'other.py': b''}, '9')", 4, "another version"),
        ("import time; time.sleep(600)", 8, "did not finish in 1s"),
        ("raise SystemExit('broken here')", 8, "broken here"),
    ],
)
def test_a_bad_build_of_a_member_is_told_and_changes_nothing(
    yard: Yard, code: str, exit_code: int, said: str
) -> None:
    more = f"_e = build_editable\ndef build_editable(*a, **k):\n    {code}\n"
    yard.index.add(make_backend(yard.files, "1.1", more=more))
    yard.member("../lab", "lab", requires="'six'")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    env = {"PIPPER_BUILD_TIMEOUT": "1s"} if exit_code == 8 and "sleep" in code else {}
    done = yard.workspace.refused("sync", code=exit_code, subject="lab (../lab)", env=env)
    assert said in done.stderr
    assert not yard.workspace.venv.exists()
    assert list((yard.workspace.root / "tmp").glob("pipper-*")) == []


LISTENING = """\
import os, sys
def heard(event, found):
    if event == "open":
        os.write(1, f"{found[0]}\\n".encode())
sys.addaudithook(heard)
from pipper.cli import main
sys.argv = ["pipper", "sync"]
main()
"""


def test_a_sync_with_nothing_to_do_opens_no_file_of_a_member(yard: Yard) -> None:
    yard.member("../lab", "lab", requires="'six'")
    yard.member("packages/core", "core")
    more = "[sources]\nlab = { path = '../lab', editable = false }\n[workspace]\nmembers = ['packages/*']\n"
    yard.ask("lab", more=more)
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", LISTENING],
            cwd=yard.workspace.app,
            env=yard.workspace.environment,
            capture_output=True,
            text=True,
            check=True,
        )
    assert "Nothing to do" in done.stderr
    opened = [line for line in done.stdout.splitlines() if str(yard.workspace.root) in line]
    assert any(line.endswith("stamp") for line in opened)
    assert [line for line in opened if "lab" in line or "packages" in line] == []


def test_R05_a_project_whose_requirements_are_dynamic_is_locked_and_edited_where_they_are(yard: Yard) -> None:
    code = (
        "_p = _project\ndef _project():\n"
        "    return {**_p(), 'dependencies': Path('requirements.txt').read_text().split()}\n"
    )
    yard.index.add(make_backend(yard.files, "1.1", more=code))
    yard.project()
    manifest = yard.workspace.app / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace("dependencies = []", "dynamic = ['dependencies']"))
    (yard.workspace.app / "requirements.txt").write_text("six\n")
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert yard.workspace.installed() == {"app": "1.0", "six": "1.0"}
    done = yard.workspace.refused("add", "seven", code=2, subject="pyproject.toml: project.dynamic")
    assert "edit it there" in done.stderr
    (yard.workspace.app / "requirements.txt").write_text("six\nseven\n")
    assert "out of date" in yard.workspace.run("sync", code=2).stderr
    assert "other build files" in yard.workspace.run("lock", "--check", code=1).stdout
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    assert yard.workspace.installed() == {"app": "1.0", "seven": "1.0", "six": "1.0"}
    metadata = (yard.workspace.site / "app-1.0.dist-info" / "METADATA").read_text()
    assert "Requires-Dist: seven" in metadata
    assert "Nothing to do" in yard.workspace.run("sync").stderr


def test_a_project_whose_backend_cannot_be_had_is_told_that_it_need_not_be_installed(yard: Yard) -> None:
    yard.project(requires="'six'")
    manifest = yard.workspace.app / "pyproject.toml"
    manifest.write_text(manifest.read_text().replace("'tiny-build'", "'no-such-backend'"))
    yard.workspace.run("lock")
    done = yard.workspace.refused("sync", code=3, subject="no-such-backend")
    assert "`sync --no-project` leaves out the project itself" in done.stderr
    yard.workspace.run("sync", "--no-project")
    assert yard.workspace.installed() == {"six": "1.0"}


def test_in_a_plain_directory_a_member_is_installed_from_a_wheel(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    yard.workspace.run("sync", "-t", "out")
    out = yard.workspace.app / "out"
    assert (out / "lab.py").exists()
    assert not (out / "lab.pth").exists()
    (lab / "lab.py").write_text("VALUE = 4444\n")
    yard.workspace.run("sync", "-t", "out")
    assert (out / "lab.py").read_text() == "VALUE = 4444\n"


@pytest.mark.parametrize("is_static", [True, False])
def test_T04_a_member_that_requires_the_folder_of_another_one_gets_that_member(
    yard: Yard, is_static: bool
) -> None:
    core = yard.member("../core", "core", requires="'six'")
    lab = yard.member("../lab", "lab", requires=f"'core @ {core.as_uri()}'")
    if not is_static:
        text = (lab / "pyproject.toml").read_text()
        (lab / "pyproject.toml").write_text(text + "dynamic = ['requires-python']\n")
    yard.ask("lab", more=f"{LAB}core = {{ path = '../core' }}\n")
    with yard.nobody_is_asked_for("core", "lab"):
        yard.workspace.run("lock")
        yard.workspace.run("sync")
    assert yard.package("lab")["dependencies"] == ["core"]
    assert yard.workspace.installed() == {"core": "1.0", "lab": "1.0", "six": "1.0"}
    yard.ask("lab", more=LAB)
    done = yard.workspace.run("lock", code=3)
    assert "it requires `core` from a URL" in done.stderr


def test_a_member_with_a_name_that_is_not_valid_is_told_so(yard: Yard) -> None:
    yard.workspace.write_manifest()
    lab = yard.workspace.app / "lab"
    lab.mkdir()
    (lab / "pyproject.toml").write_text('[build-system]\nrequires = []\n[project]\nname = "Acme Lab"\n')
    told = yard.workspace.refused(
        "add", "--editable", "lab", code=2, subject="`Acme Lab` is not a valid name"
    )
    assert "lab/pyproject.toml: project.name" in told.stderr
    assert "[sources]" not in told.stderr


def test_a_version_that_a_backend_computes_has_to_be_one_that_is_required(yard: Yard) -> None:
    code = (
        "_p = _project\ndef _project():\n    found = _p()\n"
        "    stated = tomllib.loads(Path('pyproject.toml').read_text())\n"
        "    found.setdefault('version', stated['tool']['tiny']['version'])\n    return found\n"
    )
    yard.index.add(make_backend(yard.files, "1.1", more=code))
    lab = yard.member("../lab", "lab", more="[tool.tiny]\nversion = '2.0'\n") / "pyproject.toml"
    lab.write_text(lab.read_text().replace("version = '1.0'\n", "dynamic = ['version']\n"))
    yard.ask("lab>=2", more=LAB)
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    lab.write_text(lab.read_text().replace("2.0", "1.0"))
    told = yard.workspace.refused(
        "sync", code=2, subject="gave version 1.0, which the project does not allow"
    )
    assert "the project requires lab>=2" in told.stderr
    assert yard.workspace.installed() == {"lab": "2.0"}, "an error changes nothing"
    lab.write_text(lab.read_text().replace("1.0", "2.1"))
    yard.workspace.run("sync")
    assert "lab 2.1" in " ".join(yard.workspace.run("list").stdout.split())


def test_a_project_cannot_be_made_to_require_itself(yard: Yard) -> None:
    yard.project(tables="[project.optional-dependencies]\nmore = ['six']\n[dependency-groups]\nx = []\n")
    app = yard.workspace.app
    before = (app / "pyproject.toml").read_bytes()
    for asked in (("app",), ("App>=1", "-g", "x"), ("--editable", ".")):
        said = yard.workspace.run("add", *asked, code=2).stderr
        assert "`app` is this project itself" in said or "`App` is this project itself" in said
    assert (app / "pyproject.toml").read_bytes() == before
    yard.workspace.run("add", "app[more]", "-g", "x", "--no-sync")
    yard.project("[tool.pipper.workspace]\nmembers = ['packages/*']\n")
    web = yard.member("packages/web", "web")
    assert "`web` is this project itself" in yard.workspace.run("add", "web", cwd=web, code=2).stderr


def test_remove_of_the_project_itself_names_the_key_that_leaves_it_out(yard: Yard) -> None:
    yard.project()
    said = yard.workspace.run("remove", "app", code=2).stderr
    assert "it is the project itself" in said
    assert "package = false" in said


def test_remove_of_what_nothing_requires_names_where_it_stands(yard: Yard) -> None:
    yard.project(tables="[project.optional-dependencies]\nmore = ['six']\n")
    assert "it is in the extra `more`" in yard.workspace.run("remove", "six", code=2).stderr
    said = yard.workspace.run("remove", "eight", code=2).stderr
    assert "hint: `pipper tree` shows what is required" in said
    yard.ask("six", more="[optional-dependencies]\nmore = ['seven']\n[sources]\nlab = { path = '../gone' }\n")
    (yard.workspace.app / "pyproject.toml").unlink()
    assert "`eight` is not a requirement" in yard.workspace.run("remove", "eight", code=2).stderr
    assert "of [optional-dependencies]" not in said


def test_a_member_whose_folder_is_gone_can_be_removed(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    yard.ask("lab", "six", more=LAB + "[dependency-groups]\ndev = ['lab']\n")
    yard.workspace.run("lock")
    shutil.rmtree(lab)
    yard.workspace.run("remove", "lab", "--no-sync")
    text = yard.workspace.manifest.read_text()
    assert "lab" not in text
    assert yard.workspace.locked() == {"six": "1.0"}


def test_remove_says_where_a_member_is_still_required(yard: Yard) -> None:
    yard.member("../lab", "lab")
    yard.ask("lab", more=LAB + "[dependency-groups]\ndev = ['lab']\n")
    said = yard.workspace.run("remove", "lab", "--no-sync").stderr
    assert "`lab` is still required by the group `dev` of pipper.toml: run `pipper remove -g dev lab`" in said
    yard.workspace.run("remove", "-g", "dev", "lab", "--no-sync")
    assert "lab" not in yard.workspace.manifest.read_text()


def test_T05_a_project_that_is_reached_by_a_link_has_the_members_beside_its_real_folder(yard: Yard) -> None:
    lab = yard.member("../lab", "lab", requires="'six'")
    yard.ask("lab", more=LAB)
    yard.workspace.run("lock")
    before = yard.workspace.lock.read_bytes()
    links = yard.workspace.root / "links"
    shutil.copytree(lab, links / "lab")
    stranger = links / "lab" / "pyproject.toml"
    stranger.write_text(stranger.read_text().replace("six", "seven"))
    (links / "app").symlink_to(yard.workspace.app)
    for command in (["lock", "--check"], ["lock", "-U"], ["sync"], ["sync", "--check"]):
        yard.workspace.run(*command, "--project", links / "app", cwd=links)
    assert yard.workspace.lock.read_bytes() == before
    assert yard.workspace.installed() == {"lab": "1.0", "six": "1.0"}
    yard.member("../core", "core")
    yard.workspace.run("add", "--project", links / "app", "--editable", "../core", "--no-sync", cwd=links)
    assert tomllib.loads(yard.workspace.manifest.read_text())["sources"]["core"] == {"path": "../core"}


@pytest.mark.parametrize("where", ["app", "lab"])
def test_T05_a_path_that_a_link_leads_out_of_the_project_is_refused(where: str, yard: Yard) -> None:
    outside = yard.member("../../elsewhere/core", "core")
    lab = yard.member("../lab", "lab", more="[tool.pipper.sources]\ncore = { path = 'link' }\n")
    (lab / "link").symlink_to(outside)
    yard.ask("lab", more=LAB)
    if where == "app":
        (yard.workspace.app / "link").symlink_to(outside)
        yard.ask("core", more="[sources]\ncore = { path = 'link' }\n")
    done = yard.workspace.refused("lock", code=8, subject="through a symbolic link")
    assert "PIPPER_TRUSTED_FOLDERS" in done.stderr
    yard.workspace.run("lock", env={"PIPPER_TRUSTED_FOLDERS": str(yard.workspace.root)})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sources]\nlab = { path = 'LONG' }\n", "sources.lab.path: the path"),
        ("[sources]\nlab = { path = 'DEEP' }\n", "sources.lab.path: the path"),
        ("[workspace]\nmembers = ['LONG']\n", "workspace.members[0]: the path"),
        ("[workspace]\nmembers = ['DEEP']\n", "workspace.members[0]: the path"),
        ("[workspace]\nmembers = ['STARS']\n", "workspace.members[0]: the path"),
        ("[workspace]\nmembers = [MANY]\n", "workspace.members: more than 100 patterns"),
        ("[sources]\n'OPEN' = 'index'\n", "sources: a pattern of 200,000 characters"),
        ("[files]\n'OPEN' = 'first'\n", "files: a pattern of 200,000 characters"),
        ("[files]\nRULES", "more than 2000 patterns"),
        ("[sources]\nNAMES", "more than 5,000 entries"),
    ],
)
def test_B01_a_path_or_pattern_that_no_disk_has_is_refused_with_its_place(
    text: str, said: str, yard: Yard
) -> None:
    long = {
        "LONG": "x" * 5000,
        "DEEP": "a/" * 3000,
        "STARS": "*/" * 3000,
        "MANY": ", ".join(f"'{at}*'" for at in range(101)),
        "OPEN": "[" * 200_000,
        "NAMES": "".join(f"n{at} = 'index'\n" for at in range(5001)),
        "RULES": "".join(f"'{at}*' = 'first'\n" for at in range(2001)),
    }
    for word, meaning in long.items():
        text = text.replace(word, meaning)
    yard.ask(more=text)
    done = yard.workspace.refused("lock", code=2, subject=said)
    assert "is too long" in done.stderr or "more than" in done.stderr
    assert "hint: " in done.stderr


SETUP_FILES = {
    "a setup.py of 8 MB": ("setup.py", b"a = [" + b"1," * 4_000_000 + b"]\nsetup(name='lab')\n"),
    "a name that is a number": ("setup.py", b"setup(name=0x" + b"f" * 6000 + b")\n"),
    "a setup.cfg of blanks": ("setup.cfg", b"[metadata]\nname" + b" " * 25_000 + b"x\n"),
    "a setup.cfg of errors": ("setup.cfg", b"a\n" * 1_000_000),
}


@pytest.mark.parametrize("kind", SETUP_FILES)
def test_B03_setup_files_that_would_take_all_memory_do_not_say_the_name(kind: str, yard: Yard) -> None:
    lab = yard.workspace.root / "lab"
    lab.mkdir()
    (lab / "setup.py").write_bytes(b"")
    name, data = SETUP_FILES[kind]
    (lab / name).write_bytes(data)
    (lab / "pyproject.toml").write_text("[build-system]\nrequires = []\n")
    yard.workspace.app.mkdir(parents=True, exist_ok=True)
    yard.ask()
    done = yard.workspace.refused("add", "--editable", "../lab", code=2, subject="does not say its name")
    assert "[sources]" in done.stderr


def test_B03_files_of_requirements_without_end_are_refused(yard: Yard) -> None:
    lab = yard.member("../lab", "lab")
    (lab / "setup.py").write_text("")
    text = (lab / "pyproject.toml").read_text()
    (lab / "pyproject.toml").write_text(text.replace("[project]", "[project]\ndynamic = ['dependencies']"))
    for at in range(20):
        path = lab / f"requirements-{at}.txt"
        path.touch()
        os.truncate(path, 60 * 2**20)
    yard.ask("lab", more=LAB)
    done = yard.workspace.refused("lock", code=2, subject="larger than 16,777,216 bytes")
    assert "write the requirements under [project]" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="no environment is made anew there")
@pytest.mark.parametrize("way", ["sync", "add"])
def test_the_sources_of_a_member_do_not_go_with_the_environment_that_they_lie_in(
    yard: Yard, way: str
) -> None:
    """There pip puts the sources of a URL of version control, and people change them."""
    python = second_python(yard.workspace.root / "second")
    yard.ask()
    yard.workspace.run("lock")
    yard.workspace.run("sync")
    place = yard.member(".venv/src/mem", "mem")
    (place / "mine.py").write_text("mine")
    add = ("add", "--editable", ".venv/src/mem")
    if way == "sync":
        yard.workspace.run(*add)
        done = yard.workspace.run("sync", "--python", python, code=8)
    else:
        done = yard.workspace.run(*add, "--python", python, code=8)
    assert "the member `mem` is in it" in done.stderr
    assert f"`{place}` would be removed with it" in done.stderr
    assert (place / "mine.py").read_text() == "mine"
