"""How each tool is asked to lock and to sync: one project, one cache, whole processes."""

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
WORKS = (
    "lock, cold",
    "lock, warm cache",
    "sync, cold cache, new environment",
    "sync, warm cache, new environment",
    "sync, right after a sync",
    "sync, nothing to do",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where packages are read from: servers behind one round trip, or the disk."""

    name: str
    requirements: Sequence[str]
    index: str
    """URL of the simple index; empty on disk."""
    s3: str
    """URL of the S3 endpoint; empty on disk."""
    bucket: str
    wheels: Path
    repository: Path
    credentials: Mapping[str, str]
    """Environment variables that open the bucket."""


class Tool:
    """One tool in one scene. Subclasses say what to write and what to type."""

    name = ""

    def __init__(self, scene: Scene, place: Path) -> None:
        self.scene = scene
        self.project = place / "project"
        self.cache = place / "cache"
        self.project.mkdir(parents=True)
        home = place / "home"
        home.mkdir()
        kept = {
            name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ
        }
        self.env = {
            **kept,
            "HOME": str(home),
            "PIP_CONFIG_FILE": os.devnull,
            "NO_COLOR": "1",
            **self.settings(),
        }
        self.write_project()

    @property
    def environment(self) -> Path:
        """Where the packages are installed."""
        return self.project / ".venv"

    def settings(self) -> dict[str, str]:
        """Environment variables of the tool."""
        raise NotImplementedError

    def write_project(self) -> None:
        """Write the files that say what is wanted."""
        raise NotImplementedError

    def lock(self) -> list[str]:
        """The command that locks."""
        raise NotImplementedError

    def sync(self) -> list[str]:
        """The command that syncs."""
        raise NotImplementedError

    def forget_lock(self) -> None:
        """Remove the lock."""
        raise NotImplementedError

    def locked(self) -> dict[str, str]:
        """Name and version of everything in the lock."""
        raise NotImplementedError

    def round(self) -> dict[str, float]:
        """Do all works once, in order, and return how many seconds each took."""
        clear(self.cache)
        clear(self.environment)
        self.forget_lock()
        lock_cold = self._timed(self.lock())
        self.forget_lock()
        lock_warm = self._timed(self.lock())
        clear(self.cache)
        sync_cold = self._timed(self.sync())
        clear(self.environment)
        sync_warm = self._timed(self.sync())
        right_after = self._timed(self.sync())
        nothing = self._timed(self.sync())
        taken = (lock_cold, lock_warm, sync_cold, sync_warm, right_after, nothing)
        return dict(zip(WORKS, taken, strict=True))

    def installed(self) -> dict[str, bytes]:
        """Every file below site-packages but what installers write of themselves."""
        own = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "pipper.json", "uv_cache.json"}
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for root in self.environment.glob("[Ll]ib*/**/site-packages")
            for path in root.rglob("pack_*/*")
            if path.is_file() and path.name not in own and "__pycache__" not in path.parts
        }

    def _timed(self, command: list[str]) -> float:
        begun = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=self.project,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.perf_counter() - begun
        if done.returncode:
            raise SystemExit(
                f"{self.name} ({self.scene.name}): {command} gave {done.returncode}\n{done.stderr[-2000:]}"
            )
        return took


class Pipper(Tool):
    """The project itself, against an S3 endpoint or a directory repository."""

    name = "pipper"

    def settings(self) -> dict[str, str]:
        endpoint = {"AWS_ENDPOINT_URL_S3": self.scene.s3} if self.scene.s3 else {}
        return {
            "PYTHONPATH": str(CHECKOUT),
            "PIPPER_CACHE_DIR": str(self.cache),
            "AWS_EC2_METADATA_DISABLED": "true",
            **self.scene.credentials,
            **endpoint,
        }

    def write_project(self) -> None:
        url = f"s3://{self.scene.bucket}" if self.scene.s3 else self.scene.repository.as_uri()
        (self.project / "pipper.toml").write_text(
            f"dependencies = {json.dumps(list(self.scene.requirements))}\nindex = false\n\n"
            f'[repositories]\nbench = "{url}"\n'
        )

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

    def write_project(self) -> None:
        if not self.scene.index:
            raise SystemExit("pipper-index needs a server: leave out `--rtt disk`")
        (self.project / "pipper.toml").write_text(
            f"dependencies = {json.dumps(list(self.scene.requirements))}\n\n"
            f'[index]\nurl = "{self.scene.index}"\n'
        )


class Uv(Tool):
    """uv, against the simple index or the folder of wheels."""

    name = "uv"

    def settings(self) -> dict[str, str]:
        return {
            "UV_CACHE_DIR": str(self.cache),
            "UV_NO_CONFIG": "1",
            "UV_PYTHON": sys.executable,
            "UV_PYTHON_DOWNLOADS": "never",
            **({"UV_DEFAULT_INDEX": self.scene.index} if self.scene.index else {"UV_OFFLINE": "1"}),
        }

    def write_project(self) -> None:
        (self.project / "pyproject.toml").write_text(
            '[project]\nname = "bench"\nversion = "0"\nrequires-python = ">=3.11"\n'
            f"dependencies = {json.dumps(list(self.scene.requirements))}\n\n[tool.uv]\npackage = false\n"
        )

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
        return [] if self.scene.index else ["--no-index", "--find-links", str(self.scene.wheels)]


class Pip(Tool):
    """pip, for which a report stands in for the lock."""

    name = "pip"

    def settings(self) -> dict[str, str]:
        disk = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.scene.wheels)}
        return {
            "PIP_CACHE_DIR": str(self.cache),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            **({"PIP_INDEX_URL": self.scene.index} if self.scene.index else disk),
        }

    def write_project(self) -> None:
        (self.project / "wanted.txt").write_text("\n".join(self.scene.requirements) + "\n")
        (self.project / "sync.py").write_text(_PIP_SYNC)

    def lock(self) -> list[str]:
        pip = [sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--ignore-installed"]
        return [*pip, "--report", "lock.json", "-r", "wanted.txt"]

    def sync(self) -> list[str]:
        return [sys.executable, "sync.py"]

    def forget_lock(self) -> None:
        (self.project / "lock.json").unlink(missing_ok=True)

    def locked(self) -> dict[str, str]:
        report = json.loads((self.project / "lock.json").read_text())
        return {item["metadata"]["name"]: item["metadata"]["version"] for item in report["install"]}


TOOLS: dict[str, type[Tool]] = {tool.name: tool for tool in (Pipper, PipperOverIndex, Uv, Pip)}

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


def clear(path: Path) -> None:
    """Remove a folder where there is one."""
    if path.exists():
        shutil.rmtree(path)


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
