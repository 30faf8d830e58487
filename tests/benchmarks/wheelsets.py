"""The wheels that tools are compared on: a graph of small ones made here, and thirty real ones that pip fetches."""

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import parse_wheel_filename

from tests.graph import make_graph, make_wheels

ROOTS = (
    "django", "matplotlib", "numba", "pandas", "polars", "pyarrow", "scikit-learn", "sqlalchemy", "sympy",
)  # fmt: skip
PINS = (
    "asgiref==3.13.0", "cloudpickle==3.1.2", "contourpy==1.3.3", "cycler==0.12.1", "django==5.2.19",
    "fonttools==4.68.0", "joblib==1.6.0", "kiwisolver==1.5.1", "llvmlite==0.50.0", "matplotlib==3.11.2",
    "mpmath==1.3.0", "narwhals==2.29.0", "numba==0.68.1", "numpy==2.4.6", "packaging==26.3", "pandas==3.1.1",
    "pillow==13.0.0", "polars==2.1.0", "polars-runtime-32==2.1.0", "pyarrow==26.0.1", "pyparsing==3.3.3",
    "python-dateutil==2.9.0.post0", "scikit-learn==1.9.1", "scipy==1.17.1", "six==1.17.0",
    "sqlalchemy==2.1.9", "sqlparse==0.6.1", "sympy==1.14.0", "threadpoolctl==3.8.0",
    "typing-extensions==4.16.0",
)  # fmt: skip
"""What `ROOTS` need on Linux with Python 3.11 to 3.13: one environment can hold it all."""
ELSEWHERE = ("tzdata==2026.6",)
"""What they need on other systems only: uv and poetry lock for all systems, and nobody installs it here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSet:
    """What is published, what is asked for, and what must come out."""

    name: str
    title: str
    folder: Path
    requirements: tuple[str, ...]
    answer: Mapping[str, str]
    """Versions by normalized names."""
    elsewhere: Mapping[str, str]
    """The same, of what a lock for all systems may hold beside the answer."""

    def wheels(self) -> dict[str, Path]:
        """The wheels of the answer, by normalized names."""
        found = {}
        for path in sorted(self.folder.glob("*.whl")):
            name, version, *_ = parse_wheel_filename(path.name)
            if self.answer.get(name) == str(version):
                found[str(name)] = path
        return found


def small(packages: int, place: Path) -> WheelSet:
    """So many packages of 10 versions each, with 10 modules in each wheel, made in `place`."""
    graph = make_graph(packages=packages)
    make_wheels(graph, place / "wheels", modules=10)
    return WheelSet(
        name="small",
        title=f"{packages} small packages, to be chosen from 10 versions of each, six levels deep",
        folder=place / "wheels",
        requirements=graph.requirements,
        answer=graph.answer,
        elsewhere={},
    )


def real(keep: Path) -> WheelSet:
    """Thirty wheels as projects publish them, below `keep`; fetched there by pip where they are missing."""
    recipe = hashlib.sha256("\n".join((*PINS, *ELSEWHERE, sys.version)).encode()).hexdigest()[:12]
    folder = keep / f"wheels-{recipe}"
    if not (folder / "complete").exists():
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary", ":all:"]
        if subprocess.run([*pip, "-d", str(folder), *PINS, *ELSEWHERE], check=False).returncode:
            raise SystemExit(
                "pip could not fetch the real wheels; they were pinned for Linux and Python 3.11"
            )
        (folder / "complete").touch()
    answer, elsewhere = (dict(pin.split("==") for pin in pins) for pins in (PINS, ELSEWHERE))
    size = sum(path.stat().st_size for path in folder.glob("*.whl") if not path.name.startswith("tzdata"))
    return WheelSet(
        name="real",
        title=f"{len(answer)} real wheels of together {size / 1e6:.0f} MB",
        folder=folder,
        requirements=ROOTS,
        answer=answer,
        elsewhere=elsewhere,
    )


def contents(wheels: WheelSet) -> dict[str, dict[str, str]]:
    """For each package of the answer: what must lie in site-packages, paths with sha256.

    Without RECORD, which each installer writes anew, and without what goes elsewhere.
    """
    return {name: _files(path) for name, path in wheels.wheels().items()}


def _files(wheel: Path) -> dict[str, str]:
    found = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            top, _, below = name.partition("/")
            if top.endswith(".data"):
                scheme, _, below = below.partition("/")
                path = below if scheme in {"purelib", "platlib"} else ""
            else:
                path = name
            if path and not name.endswith((".dist-info/RECORD", "/")):
                found[path] = hashlib.sha256(archive.read(name)).hexdigest()
    return found
