"""Versions that the backends of a real registry compute: a sync notices a new one."""

from pathlib import Path

import pytest

from tests.commands import run_pipper
from tests.invariants import site_of

pytestmark = pytest.mark.registry

KINDS = {
    "setuptools attr": (
        "requires = ['setuptools>=77']\nbuild-backend = 'setuptools.build_meta'\n",
        "[tool.setuptools]\npy-modules = ['lab']\n[tool.setuptools.dynamic]\nversion = { attr = 'lab.RELEASE' }\n",
        ("lab.py", "RELEASE = '{}'\n"),
    ),
    "setuptools file": (
        "requires = ['setuptools>=77']\nbuild-backend = 'setuptools.build_meta'\n",
        "[tool.setuptools]\npy-modules = ['lab']\n[tool.setuptools.dynamic]\nversion = { file = 'VERSION' }\n",
        ("VERSION", "{}\n"),
    ),
    "hatchling": (
        "requires = ['hatchling']\nbuild-backend = 'hatchling.build'\n",
        "[tool.hatch.version]\npath = 'src/lab/__about__.py'\n",
        ("src/lab/__about__.py", "__version__ = '{}'\n"),
    ),
    "flit": (
        "requires = ['flit_core']\nbuild-backend = 'flit_core.buildapi'\n",
        "",
        ("lab.py", "'''A lab.'''\n__version__ = '{}'\n"),
    ),
    "pdm": (
        "requires = ['pdm-backend']\nbuild-backend = 'pdm.backend'\n",
        "[tool.pdm.version]\nsource = 'file'\npath = 'src/lab/__init__.py'\n",
        ("src/lab/__init__.py", "__version__ = '{}'\n"),
    ),
}


@pytest.mark.parametrize(("build", "tables", "file"), KINDS.values(), ids=KINDS)
def test_an_editable_project_is_built_again_when_its_computed_version_changed(
    build: str, tables: str, file: tuple[str, str], tmp_path: Path
) -> None:
    if file[0].startswith("src/"):
        (tmp_path / "src" / "lab").mkdir(parents=True)
        (tmp_path / "src" / "lab" / "__init__.py").touch()
    dynamic = "'version', 'description'" if "flit" in build else "'version'"
    (tmp_path / "pyproject.toml").write_text(
        f"[build-system]\n{build}[project]\nname = 'lab'\ndynamic = [{dynamic}]\n{tables}[tool.pipper]\n"
    )
    path, text = tmp_path / file[0], file[1]

    def sync() -> set[str]:
        run_pipper("sync", cwd=tmp_path, registry=True)
        return {each.name for each in site_of(tmp_path / ".venv").glob("lab-*.dist-info")}

    path.write_text(text.format("1.0"))
    run_pipper("lock", cwd=tmp_path, registry=True)
    assert sync() == {"lab-1.0.dist-info"}
    path.write_text(text.format("2.0"))
    assert sync() == {"lab-2.0.dist-info"}
    assert "Nothing to do" in run_pipper("sync", cwd=tmp_path).stderr
