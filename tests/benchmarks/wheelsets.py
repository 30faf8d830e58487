"""The wheels that tools are compared on: graphs of small ones made here, and real ones that pip fetches."""

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import parse_wheel_filename

from tests.graph import make_graph, make_wheels
from tests.wheelhouse import make_wheel

MEMBER_VERSION = "1.0"

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
NOTEBOOK_ROOTS = ("jupyterlab", "soupsieve<4")  # its later versions need Python 3.11.5
NOTEBOOK_PINS = (
    "anyio==4.16.0", "argon2-cffi-bindings==26.2.0", "argon2-cffi==25.1.0", "arrow==1.4.0", "asttokens==3.0.2",
    "async-lru==2.4.0", "attrs==26.1.0", "babel==2.19.0", "beautifulsoup4==4.15.0", "bleach==6.4.0",
    "certifi==2026.10.19.post1", "cffi==2.1.1", "charset-normalizer==3.5.3", "comm==0.2.3", "debugpy==1.8.22",
    "defusedxml==0.7.1", "executing==2.3.0", "fastjsonschema==2.22.3", "fqdn==1.6.0", "h11==0.16.0",
    "httpcore==1.0.9", "httpx==0.28.1", "idna==3.20", "ipykernel==7.4.0", "ipython-pygments-lexers==1.1.1",
    "ipython==9.18.1", "isoduration==20.11.0", "jedi==0.20.1", "jinja2==3.1.6", "json5==0.17.3",
    "jsonpointer==3.12", "jsonschema-specifications==2025.9.1", "jsonschema==4.26.0", "jupyter-builder==1.3.0",
    "jupyter-client==8.10.0", "jupyter-core==5.9.1", "jupyter-events==0.12.1", "jupyter-lsp==2.3.1",
    "jupyter-server-terminals==0.5.4", "jupyter-server==2.21.1", "jupyterlab-pygments==0.3.0",
    "jupyterlab-server==2.28.1", "jupyterlab==4.6.6", "lark==1.3.1", "markupsafe==3.0.4",
    "matplotlib-inline==0.2.2", "mistune==3.4.0", "nbclient==0.11.0", "nbconvert==7.17.2", "nbformat==5.11.1",
    "nest-asyncio2==1.7.4", "notebook-shim==0.2.4", "overrides==7.7.0", "packaging==26.4", "pandocfilters==1.5.1",
    "parso==0.8.7", "pexpect==4.9.0", "platformdirs==4.14.9", "prometheus-client==0.26.0",
    "prompt-toolkit==3.0.53", "psutil==7.2.2", "ptyprocess==0.7.0", "pure-eval==0.2.4", "pycparser==3.12",
    "pygments==2.21.0", "python-dateutil==4.0.0", "python-json-logger==4.2.0", "pyyaml==6.0.4", "pyzmq==27.3.0",
    "referencing==0.37.0", "requests==2.34.2", "rfc3339-validator==0.1.4", "rfc3986-validator==0.1.1",
    "rfc3987-syntax==1.1.0", "rpds-py==2026.9.1", "send2trash==2.2.0", "six==1.17.0", "soupsieve==2.10",
    "stack-data==0.6.3", "terminado==0.18.1", "tinycss2==1.5.1", "tornado==6.6.1", "traitlets==5.16.1",
    "typing-extensions==4.16.0", "tzdata==2026.6", "uri-template==1.3.0", "urllib3==2.8.0", "wcwidth==0.9.4",
    "webcolors==25.10.0", "webencodings==0.6.1", "websocket-client==1.9.2",
)  # fmt: skip
NOTEBOOK_ELSEWHERE = ("appnope==1.0.0", "colorama==0.4.6", "pywinpty==3.1.2")
EXTRA = "iniconfig==2.3.1"
"""What is added to the real ones: no requirements, and nobody requires it."""


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
    """The same, of what a lock may hold beside the answer: for other systems, members, and what is added."""
    extra: str
    """The name of a package that the answer lacks, to be added."""
    members: tuple[str, ...] = ()
    """Names of the members of the project's workspace."""

    def wheels(self) -> dict[str, Path]:
        """The wheels of the answer, by normalized names."""
        found = {}
        for path in sorted(self.folder.glob("*.whl")):
            name, version, *_ = parse_wheel_filename(path.name)
            if self.answer.get(name) == str(version):
                found[str(name)] = path
        return found


def small(name: str, packages: int, versions: int, place: Path, *, members: int = 0) -> WheelSet:
    """So many packages of so many versions each, with 10 modules in each wheel, made in `place`."""
    graph = make_graph(packages=packages, versions=versions)
    make_wheels(graph, place / "wheels", modules=10)
    make_wheel(place / "wheels", "pack-extra", "1.0")
    own = {f"member-{number}": MEMBER_VERSION for number in range(members)}
    beside = f", and {members} members" if members else ""
    return WheelSet(
        name=name,
        title=f"{packages} small packages, each with {versions} versions to choose from, six levels deep{beside}",
        folder=place / "wheels",
        requirements=graph.requirements,
        answer=graph.answer,
        elsewhere={"pack-extra": "1.0", **own},
        extra="pack-extra",
        members=tuple(own),
    )


def real(keep: Path) -> WheelSet:
    """Thirty large wheels of scientific projects."""
    return _fetched("real", keep, ROOTS, PINS, ELSEWHERE)


def notebook(keep: Path) -> WheelSet:
    """The wheels of one application."""
    return _fetched("notebook", keep, NOTEBOOK_ROOTS, NOTEBOOK_PINS, NOTEBOOK_ELSEWHERE)


def _fetched(
    name: str, keep: Path, roots: tuple[str, ...], own: tuple[str, ...], others: tuple[str, ...]
) -> WheelSet:
    """Wheels as projects publish them, below `keep`; fetched there by pip where they are missing."""
    others = (*others, EXTRA)
    recipe = hashlib.sha256("\n".join((*own, *others, sys.version)).encode()).hexdigest()[:12]
    folder = keep / f"wheels-{recipe}"
    if not (folder / "complete").exists():
        pip = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--only-binary", ":all:"]
        for pins in (own, ("--platform", "win_amd64", *others)):
            if subprocess.run([*pip, "-d", str(folder), *pins], check=False).returncode:
                raise SystemExit(
                    "pip could not fetch the real wheels; they were pinned for Linux and Python 3.11"
                )
        (folder / "complete").touch()
    answer, elsewhere = (dict(pin.split("==") for pin in pins) for pins in (own, others))
    found = WheelSet(
        name=name,
        title="",
        folder=folder,
        requirements=roots,
        answer=answer,
        elsewhere=elsewhere,
        extra=EXTRA.partition("==")[0],
    )
    size = sum(path.stat().st_size for path in found.wheels().values())
    return replace(found, title=f"{len(answer)} real wheels, {size / 1e6:.0f} MB in total")


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
            is_record = top.endswith(".dist-info") and below == "RECORD"
            if path and not is_record and not name.endswith("/"):
                found[path] = hashlib.sha256(archive.read(name)).hexdigest()
    return found
