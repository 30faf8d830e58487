"""A monorepo of six packages with six kinds of builds, by the backends of a real registry."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.commands import clean_environment, run_pipper
from tests.e2e.test_sources_of_a_registry import EXTENSION, python_of
from tests.invariants import site_of

pytestmark = pytest.mark.registry

FILES = {
    "pyproject.toml": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "mono-app"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["mono-setup", "mono-flit[more]"]
[project.scripts]
mono = "mono_app:main"
[dependency-groups]
dev = ["pytest"]
[tool.pipper.workspace]
members = ["packages/*"]
""",
    "mono_app/__init__.py": "import mono_flit\ndef main():\n    print(mono_flit.VALUE)\n",
    "tests/test_value.py": "import mono_flit\ndef test_value():\n    assert mono_flit.VALUE == 1\n",
    "packages/hatch/pyproject.toml": """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "mono-hatch"
dynamic = ["version"]
dependencies = ["iniconfig"]
[tool.hatch.version]
path = "mono_hatch/__init__.py"
[tool.pipper]
[dependency-groups]
dev = ["mono-poetry>=0.3"]
""",
    "packages/hatch/mono_hatch/__init__.py": "__version__ = '2.5'\n",
    "packages/setup/setup.py": "from setuptools import setup\n"
    "setup(name='mono-setup', version='0.9', py_modules=['mono_setup'], install_requires=['mono-hatch>=2'])\n",
    "packages/setup/mono_setup.py": "import mono_hatch\n",
    "packages/flit/pyproject.toml": """\
[build-system]
requires = ["flit_core>=3.2,<4"]
build-backend = "flit_core.buildapi"
[project]
name = "mono-flit"
version = "1.1"
description = "Flit"
[project.optional-dependencies]
more = ["mono-fast"]
""",
    "packages/flit/mono_flit.py": '"""Flit."""\nVALUE = 1\n',
    "packages/poetry/pyproject.toml": """\
[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
[tool.poetry]
name = "mono-poetry"
version = "0.3.1"
description = ""
authors = []
[tool.poetry.dependencies]
python = ">=3.9"
mono-flit = "^1"
""",
    "packages/poetry/mono_poetry/__init__.py": "import mono_flit\n",
    "packages/fast/pyproject.toml": """\
[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"
[project]
name = "mono-fast"
version = "3.0"
""",
    "packages/fast/setup.py": "from setuptools import Extension, setup\n"
    "setup(ext_modules=[Extension('speedy', ['speedy.c'])], py_modules=[])\n",
    "packages/fast/speedy.c": EXTENSION,
}
MODULES = ("mono_app", "mono_hatch", "mono_setup", "mono_flit", "mono_poetry", "speedy")
NAMES = ("mono-app", "mono-fast", "mono-flit", "mono-hatch", "mono-poetry", "mono-setup")


@pytest.fixture
def mono(tmp_path: Path) -> Path:
    root = tmp_path / "mono"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_monorepo_of_six_kinds_of_builds_is_locked_once_and_edited_without_a_sync(mono: Path) -> None:
    home = clean_environment(mono, registry=True)
    env = {"PIPPER_CACHE_DIR": home["PIPPER_CACHE_DIR"]}
    run_pipper("lock", cwd=mono, registry=True)
    first = (mono / "pipper.lock").read_bytes()
    for folder in ("hatch", "setup", "poetry"):
        (mono / "pipper.lock").unlink()
        run_pipper("lock", cwd=mono / "packages" / folder, registry=True, env=env)
        assert (mono / "pipper.lock").read_bytes() == first
    lock = tomllib.loads(first.decode())
    members = {each["name"]: each for each in lock["packages"] if each["source"] == "path"}
    assert tuple(members) == NAMES
    assert {name for name in NAMES if "version" not in members[name]} == {
        "mono-hatch",
        "mono-poetry",
        "mono-setup",
    }
    assert members["mono-setup"]["dependencies"] == ["mono-hatch"]
    assert members["mono-poetry"]["dependencies"] == ["mono-flit"]
    run_pipper("sync", cwd=mono, registry=True)
    python = python_of(mono)
    subprocess.run([python, "-c", f"import {', '.join(MODULES)}"], check=True, cwd=mono.parent)
    assert (mono / ".venv" / "bin" / "mono").exists()
    checked = [sys.executable, "-m", "pip", "--python", str(python), "check"]
    done = subprocess.run(checked, env=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    run_pipper("lock", "--check", cwd=mono)
    assert "Nothing to do" in run_pipper("sync", cwd=mono).stderr
    assert pytest_in(mono, home).returncode == 0
    (mono / "packages" / "flit" / "mono_flit.py").write_text('"""Flit."""\nVALUE = 2\n')
    failed = pytest_in(mono, home)
    assert failed.returncode == 1
    assert "assert 2 == 1" in failed.stdout
    assert "Building" not in failed.stderr


def pytest_in(mono: Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run the tests of the monorepo in its environment, without a network."""
    command = [sys.executable, "-m", "pipper", "run", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    offline = {**env, "PIP_NO_INDEX": "1", "PIPPER_INDEX_URL": "http://127.0.0.1:9/"}
    return subprocess.run(command, cwd=mono, env=offline, capture_output=True, text=True, check=False)


def test_only_the_member_that_changed_is_built_again_and_all_go_when_they_are_gone(mono: Path) -> None:
    run_pipper("lock", cwd=mono, registry=True)
    run_pipper("sync", "--no-dev", cwd=mono, registry=True)
    flit = mono / "packages" / "flit" / "pyproject.toml"
    flit.write_text(flit.read_text().replace("1.1", "1.2"))
    done = run_pipper("lock", "--check", cwd=mono, ok=False)
    assert (done.code, "mono-flit" in done.stdout) == (1, True)
    run_pipper("lock", cwd=mono, registry=True)
    done = run_pipper("sync", "--no-dev", cwd=mono, registry=True)
    assert [line for line in done.stderr.splitlines() if line.startswith("Building")] == [
        "Building mono-flit (packages/flit)"
    ]
    shutil.rmtree(mono / "packages" / "poetry")
    hatch = mono / "packages" / "hatch" / "pyproject.toml"
    hatch.write_text(hatch.read_text().replace('"mono-poetry>=0.3"', ""))
    run_pipper("lock", cwd=mono, registry=True)
    done = run_pipper("sync", "--no-dev", cwd=mono, registry=True)
    assert " - mono-poetry 0.3.1" in done.stderr
    assert not list(site_of(mono / ".venv").glob("mono_poetry*"))
    run_pipper("sync", "--no-dev", "--no-editable", cwd=mono, registry=True)
    installed = json.loads(run_pipper("list", "--json", cwd=mono).stdout)
    assert installed
    shutil.move(mono / "packages", mono / "gone")
    python = python_of(mono)
    subprocess.run([python, "-c", "import mono_flit, mono_hatch, speedy"], check=True, cwd=os.sep)
