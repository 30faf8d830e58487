"""How each tool is asked to lock and to sync."""

import json
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

from tests.benchmarks.members import FOLDER, write_members
from tests.benchmarks.peers import OLD_PIPPER, POETRY, environment_with, held, python_of, site_of
from tests.benchmarks.process import Taken
from tests.benchmarks.tool import CHECKOUT, SYNC_COLD, SYNC_NOTHING, Tool

_THIS_PYTHON = f"=={sys.version_info.major}.{sys.version_info.minor}.*"


class Pipper(Tool):
    """The project itself, against an S3 endpoint or a directory repository."""

    name = "pipper"
    every_round = True
    has_members = True

    def settings(self) -> dict[str, str]:
        endpoint = {"AWS_ENDPOINT_URL_S3": self.scene.s3} if self.scene.s3 else {}
        return {
            "PYTHONPATH": str(CHECKOUT),
            "PIPPER_CACHE_DIR": str(self.cache),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.scene.credentials,
            **endpoint,
        }

    def version(self) -> str:
        return self._told(sys.executable, "-m", "pipper", "--version").split()[-1]

    def write_project(self) -> None:
        url = f"s3://{self.scene.bucket}" if self.scene.s3 else self.scene.repository.as_uri()
        write_members(self.scene.wheels, self.project)
        workspace = f'[workspace]\nmembers = ["{FOLDER}/*"]\n' if self.scene.wheels.members else ""
        (self.project / "pipper.toml").write_text(
            f"dependencies = {json.dumps(self.scene.wheels.requirements)}\nindex = false\n\n"
            f'[repositories]\nbench = "{url}"\n{workspace}'
        )

    def add(self) -> list[str]:
        return [sys.executable, "-m", "pipper", "add", "-q", self.scene.wheels.extra]

    def lock(self) -> list[str]:
        return [sys.executable, "-m", "pipper", "lock", "-q"]

    def sync(self) -> list[str]:
        return [sys.executable, "-m", "pipper", "sync", "-q"]

    def forget_lock(self) -> None:
        (self.project / "pipper.lock").unlink(missing_ok=True)

    def locked(self) -> dict[str, str]:
        return _packages(self.project / "pipper.lock")


class PipperOverIndex(Pipper):
    """The project itself with everything from the simple index, as the other tools have it."""

    name = "pipper-index"
    on_disk = False
    has_members = False

    def write_project(self) -> None:
        (self.project / "pipper.toml").write_text(
            f"dependencies = {json.dumps(self.scene.wheels.requirements)}\n\n"
            f'[index]\nurl = "{self.scene.index}"\n'
        )


class Uv(Tool):
    """uv, against the simple index or the folder of wheels."""

    name = "uv"
    every_round = True
    has_members = True

    def settings(self) -> dict[str, str]:
        return {
            "UV_CACHE_DIR": str(self.cache),
            "UV_NO_CONFIG": "1",
            "UV_PYTHON": sys.executable,
            "UV_PYTHON_DOWNLOADS": "never",
            **({"UV_DEFAULT_INDEX": self.scene.index} if self.scene.index else {"UV_OFFLINE": "1"}),
        }

    def version(self) -> str:
        return self._told(_uv(), "--version").split()[1]

    def write_project(self) -> None:
        members = self.scene.wheels.members
        write_members(self.scene.wheels, self.project)
        sources = "".join(f"{name} = {{ workspace = true }}\n" for name in members)
        workspace = f'[tool.uv.workspace]\nmembers = ["{FOLDER}/*"]\n[tool.uv.sources]\n{sources}'
        (self.project / "pyproject.toml").write_text(
            f"{_project_table(self, members)}\n[tool.uv]\npackage = false\n{workspace if members else ''}"
        )

    def add(self) -> list[str]:
        return [_uv(), "add", "-q", *self._where(), self.scene.wheels.extra]

    def lock(self) -> list[str]:
        return [_uv(), "lock", "-q", *self._where()]

    def sync(self) -> list[str]:
        return [_uv(), "sync", "-q", *self._where()]

    def forget_lock(self) -> None:
        (self.project / "uv.lock").unlink(missing_ok=True)

    def locked(self) -> dict[str, str]:
        found = _packages(self.project / "uv.lock")
        return {name: version for name, version in found.items() if name != "bench"}

    def _where(self) -> list[str]:
        return [] if self.scene.index else ["--no-index", "--find-links", str(self.scene.wheels.folder)]


class Pip(Tool):
    """pip, for which a report stands in for the lock."""

    name = "pip"

    def settings(self) -> dict[str, str]:
        disk = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.scene.wheels.folder)}
        return {
            "PIP_CACHE_DIR": str(self.cache),
            **_QUICK_PIP,
            **({"PIP_INDEX_URL": self.scene.index} if self.scene.index else disk),
        }

    def version(self) -> str:
        return self._told(sys.executable, "-m", "pip", "--version").split()[1]

    def write_project(self) -> None:
        (self.project / "wanted.txt").write_text("\n".join(self.scene.wheels.requirements) + "\n")
        (self.project / "sync.py").write_text(_PIP_SYNC)

    def lock(self) -> list[str]:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed"]
        return [*pip, "--report", "lock.json", "-r", "wanted.txt"]

    def sync(self) -> list[str]:
        return [sys.executable, "sync.py"]

    def add(self) -> list[str]:
        pip = [sys.executable, "-m", "pip", "--python", ".venv/bin/python", "install", "-q"]
        return [*pip, self.scene.wheels.extra]

    def forget_lock(self) -> None:
        (self.project / "lock.json").unlink(missing_ok=True)

    def locked(self) -> dict[str, str]:
        report = json.loads((self.project / "lock.json").read_text())
        return {item["metadata"]["name"]: item["metadata"]["version"] for item in report["install"]}


class Poetry(Tool):
    """poetry, with the simple index as its only source."""

    name = "poetry"
    on_disk = False

    def settings(self) -> dict[str, str]:
        return {
            "POETRY_CACHE_DIR": str(self.cache),
            "POETRY_KEYRING_ENABLED": "false",
            "POETRY_NO_INTERACTION": "1",
            "POETRY_VIRTUALENVS_IN_PROJECT": "true",
            "POETRY_VIRTUALENVS_OPTIONS_NO_PIP": "true",
        }

    def version(self) -> str:
        return re.sub(r".*version ([^)]+)\)?", r"\1", self._told(self._poetry(), "--version"))

    def write_project(self) -> None:
        source = f'[[tool.poetry.source]]\nname = "bench"\nurl = "{self.scene.index}"\npriority = "primary"\n'
        (self.project / "pyproject.toml").write_text(
            f"{_project_table(self)}\n[tool.poetry]\npackage-mode = false\n\n{source}"
        )

    def lock(self) -> list[str]:
        return [self._poetry(), "lock", "-q"]

    def sync(self) -> list[str]:
        return [self._poetry(), "sync", "-q"]

    def add(self) -> list[str]:
        return [self._poetry(), "add", "-q", self.scene.wheels.extra]

    def forget_lock(self) -> None:
        (self.project / "poetry.lock").unlink(missing_ok=True)

    def locked(self) -> dict[str, str]:
        return _packages(self.project / "poetry.lock")

    def _poetry(self) -> str:
        return str(python_of(environment_with(POETRY, self.scene.keep)).with_name("poetry"))


class OldPipper(Tool):
    """pipper 0.11.1: no lock, no solver, no cache. It is given the right versions and installs them in order."""

    name = "pipper 0.11.1"
    on_disk = False
    most_packages = 150

    def settings(self) -> dict[str, str]:
        return {
            # A wheel goes to pip, which would look for all that it requires on an index.
            "PIP_NO_DEPS": "1",
            "PIP_NO_INDEX": "1",
            **_QUICK_PIP,
            "AWS_ENDPOINT_URL_S3": self.scene.old_s3,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def version(self) -> str:
        code = "from importlib.metadata import version; print(version('pipper'))"
        return self._told(str(python_of(self._peer())), "-c", code)

    def write_project(self) -> None:
        pins = [f"{name}:{self.scene.wheels.answer[name]}" for name in sorted(self.covers())]
        (self.project / "pipper.json").write_text(json.dumps({"dependencies": pins}))
        (self.project / "sync.py").write_text(_OLD_SYNC.format(site=str(site_of(self._peer()))))

    def sync(self) -> list[str]:
        return [str(python_of(self._peer())), "sync.py"]

    def locked(self) -> None:
        return None

    def covers(self) -> frozenset[str]:
        """All but what it holds itself, which is installed for it, and versions that semver cannot write."""
        answer = self.scene.wheels.answer
        semantic = {name for name, version in answer.items() if re.fullmatch(r"\d+\.\d+\.\d+", version)}
        return frozenset(semantic - held(self._peer()))

    def round(self) -> dict[str, Taken]:
        self.move_aside(self.environment)
        return {SYNC_COLD: self._timed(self.sync()), SYNC_NOTHING: self._timed(self.sync())}

    def _peer(self) -> Path:
        return environment_with(OLD_PIPPER, self.scene.keep)


TOOLS: dict[str, type[Tool]] = {
    tool.name.replace(" ", "-"): tool for tool in (Pipper, PipperOverIndex, Uv, Pip, Poetry, OldPipper)
}

_QUICK_PIP = {
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    # pip reads this one the wrong way round: no byte code, as the other tools write none
    "PIP_NO_COMPILE": "0",
}

_PIP_SYNC = """\
import json, subprocess, sys, venv
from pathlib import Path

if not Path(".venv").exists():
    venv.create(".venv", symlinks=True)
found = json.load(open("lock.json"))["install"]
pins = [item["metadata"]["name"] + "==" + item["metadata"]["version"] for item in found]
pip = [sys.executable, "-m", "pip", "--python", ".venv/bin/python", "install", "-q", "--no-deps"]
sys.exit(subprocess.run([*pip, *pins]).returncode)
"""

_OLD_SYNC = """\
import glob, subprocess, sys, venv
from pathlib import Path

if not Path(".venv").exists():
    venv.create(".venv", symlinks=True)
    (site,) = glob.glob(".venv/lib/*/site-packages")
    Path(site, "old.pth").write_text({site!r} + "\\n")
old = [".venv/bin/python", "-c", "from pipper.command import run; run()", "install"]
sys.exit(subprocess.run([*old, "-b", "bench", "--prefix", "old"]).returncode)
"""


def _project_table(tool: Tool, more: Iterable[str] = ()) -> str:
    return (
        f'[project]\nname = "bench"\nversion = "0"\nrequires-python = "{_THIS_PYTHON}"\n'
        f"dependencies = {json.dumps([*tool.scene.wheels.requirements, *more])}\n"
    )


def _packages(lock: Path) -> dict[str, str]:
    return {
        item["name"]: item["version"]
        for item in tomllib.loads(lock.read_text())["package" + "s" * (lock.stem == "pipper")]
    }


def _uv() -> str:
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("uv")
    if not found:
        raise SystemExit(
            "no uv beside this Python or on PATH: `python3 -m tests` installs one into .test-venv/"
        )
    return found
