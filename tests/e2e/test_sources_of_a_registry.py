"""Packages that a real registry has as source only, and one of our own with a C extension, from lock to import."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.commands import clean_environment, run_pipper
from tests.invariants import site_of
from tests.sdists import make_sdist

pytestmark = pytest.mark.registry

NAMES = ("jieba", "langdetect", "promise", "unicodecsv")
EXTENSION = """\
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "speedy", 0, -1, 0};
PyMODINIT_FUNC PyInit_speedy(void) { return PyModule_Create(&module); }
"""
SETUP = "from setuptools import Extension, setup\nsetup(ext_modules=[Extension('speedy', ['speedy.c'])])\n"


def python_of(app: Path) -> Path:
    return app / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def test_R01_real_packages_without_wheels_are_locked_built_and_imported_and_offline_the_second_time(
    tmp_path: Path,
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    (app / "pipper.toml").write_text(f"dependencies = {list(NAMES)}\n")
    refused = run_pipper("lock", cwd=app, registry=True, ok=False)
    assert refused.code == 3
    assert "--build" in refused.stderr
    allowed = [option for name in NAMES for option in ("--build", name)]
    run_pipper("lock", *allowed, cwd=app, registry=True)
    lock = (app / "pipper.lock").read_bytes()
    packages = {each["name"]: each for each in tomllib.loads(lock.decode())["packages"]}
    assert all("wheels" not in packages[name] for name in NAMES)
    assert {pin.partition("==")[0] for name in NAMES for pin in packages[name]["build-requires"]} == {
        "setuptools"
    }
    done = run_pipper("sync", cwd=app, registry=True)
    assert "Warning" not in done.stderr, "what a backend says is for -v"
    subprocess.run([python_of(app), "-c", f"import {', '.join(NAMES)}"], check=True)
    shutil.rmtree(app / ".venv")
    run_pipper("sync", "--offline", "--no-build", cwd=app)
    subprocess.run([python_of(app), "-c", f"import {', '.join(NAMES)}"], check=True)
    (app / "pipper.lock").unlink()
    run_pipper("lock", cwd=app, registry=True)
    assert (app / "pipper.lock").read_bytes() == lock


def test_R01_a_package_with_a_c_extension_is_built_for_the_python_at_hand(tmp_path: Path) -> None:
    app, page = tmp_path / "app", tmp_path / "index" / "speedy"
    app.mkdir()
    sdist = make_sdist(
        page,
        "speedy",
        "1.0",
        build_requires=["setuptools>=61"],
        backend="setuptools.build_meta",
        files={"speedy.c": EXTENSION, "setup.py": SETUP, "speedy.py": ""},
        static=False,
    )
    (page / "index.html").write_text(f'<!DOCTYPE html><a href="{sdist.name}">{sdist.name}</a>')
    tools = tmp_path / "index" / "setuptools"
    tools.mkdir()
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    run_registry_pip([*pip, "-d", str(tools), "setuptools>=61"], tmp_path)
    links = "".join(f'<a href="{path.name}">{path.name}</a>' for path in tools.glob("*.whl"))
    (tools / "index.html").write_text(f"<!DOCTYPE html>{links}")
    (app / "pipper.toml").write_text(
        f"dependencies = ['speedy']\n[index]\nurl = '{(tmp_path / 'index').as_uri()}'\n[build]\nallow = ['speedy']\n"
    )
    run_pipper("lock", cwd=app)
    run_pipper("sync", cwd=app)
    (module,) = site_of(app / ".venv").glob("speedy*.so")
    assert sys.implementation.cache_tag.replace("cpython-", "") in module.name
    subprocess.run([python_of(app), "-c", "import speedy"], check=True)


def run_registry_pip(command: list[str], place: Path) -> None:
    """Run pip as it is configured on this machine."""
    done = subprocess.run(
        command, env=clean_environment(place, registry=True), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
