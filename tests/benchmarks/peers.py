"""Tools of other projects, each in an environment of its own: made once and kept."""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

from packaging.utils import canonicalize_name

POETRY = ("poetry",)
OLD_PIPPER = ("pipper==0.11.1", "pip", "build", "setuptools", "wheel")
"""0.11.1 installs with the pip beside it."""


def environment_with(wanted: tuple[str, ...], keep: Path) -> Path:
    """Return an environment below `keep` that holds `wanted`; pip, as it is configured here, makes it."""
    recipe = hashlib.sha256("\n".join((*wanted, sys.version, sys.base_prefix)).encode()).hexdigest()[:12]
    place = keep.resolve() / f"{wanted[0].replace('==', '-')}-{recipe}"
    if not (place / "complete").exists():
        venv.create(place, clear=True, with_pip=True, symlinks=os.name != "nt")
        pip = [str(python_of(place)), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        if subprocess.run([*pip, *wanted], env=own, check=False).returncode:
            raise SystemExit(f"pip could not install {wanted[0]}: leave it out with `--tools`")
        (place / "complete").touch()
    return place


def python_of(environment: Path) -> Path:
    """Its interpreter."""
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_of(environment: Path) -> Path:
    """Its site-packages."""
    (site,) = {path.resolve() for path in environment.glob("[Ll]ib*/**/site-packages")}
    return site


def held(environment: Path) -> frozenset[str]:
    """Normalized names of the distributions in it."""
    found = site_of(environment).glob("*.dist-info")
    return frozenset(str(canonicalize_name(path.name.split("-")[0])) for path in found)
