"""What every tool has in common: one project, one cache, whole processes."""

import hashlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.process import Taken, timed
from tests.benchmarks.wheelsets import WheelSet

CHECKOUT = Path(__file__).resolve().parents[2]
LOCK_COLD = "lock, cold"
LOCK_WARM = "lock, warm cache, no lock there"
LOCK_SAME = "lock, nothing changed"
SYNC_COLD = "sync, cold cache, new environment"
SYNC_WARM = "sync, warm cache, new environment"
SYNC_AGAIN = "sync, right after a sync"
SYNC_NOTHING = "sync, nothing to do"
ADD = "add one package, warm cache"
WORKS = (LOCK_COLD, LOCK_WARM, LOCK_SAME, SYNC_COLD, SYNC_WARM, SYNC_AGAIN, SYNC_NOTHING, ADD)
_OWN_MARKS = {
    "INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "pipper.json", "uv_build.json", "uv_cache.json",
}  # fmt: skip
"""What an installer writes of itself into a dist-info folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where packages are read from: servers behind one round trip, or the disk."""

    name: str
    wheels: WheelSet
    index: str
    """URL of the simple index; empty on disk."""
    s3: str
    """URL of the S3 endpoint; empty on disk."""
    old_s3: str
    """URL of the S3 endpoint with the bundles for pipper 0.11.1; empty on disk."""
    bucket: str
    repository: Path
    credentials: Mapping[str, str]
    """Environment variables that open the bucket."""
    keep: Path
    """Where environments of other tools are kept."""


class Tool:
    """One tool in one scene. Subclasses say what to write and what to type."""

    name = ""
    on_disk = True
    """Whether it can do without servers."""
    every_round = False
    """Whether it is timed in every round, however long one takes."""
    has_members = False
    """Whether it knows workspaces."""
    most_packages = 10_000
    """More are not asked of it, so that a run ends in hours."""

    def __init__(self, scene: Scene, place: Path) -> None:
        self.scene = scene
        self.project = place / "project"
        self.cache = place / "cache"
        self.aside = place / "aside"
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
        self._moved = itertools.count()

    @property
    def environment(self) -> Path:
        """Where the packages are installed."""
        return self.project / ".venv"

    def settings(self) -> dict[str, str]:
        """Environment variables of the tool."""
        raise NotImplementedError

    def version(self) -> str:
        """Its version."""
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

    def add(self) -> list[str]:
        """The command that adds `WheelSet.extra` to the project and installs it."""
        raise NotImplementedError

    def forget_lock(self) -> None:
        """Remove the lock."""
        raise NotImplementedError

    def locked(self) -> dict[str, str] | None:
        """Name and version of everything in the lock; None where the tool has none."""
        raise NotImplementedError

    def covers(self) -> frozenset[str]:
        """Names of what it can install of the answer."""
        return frozenset(self.scene.wheels.answer)

    def round(self) -> dict[str, Taken]:
        """Do all works that it can do once, in order, and return what each took.

        The project is left with a lock and an environment for what was asked before the last work.
        """
        self.move_aside(self.cache)
        self.move_aside(self.environment)
        self.write_project()
        taken = {}
        self.forget_lock()
        taken[LOCK_COLD] = self._timed(self.lock())
        self.forget_lock()
        taken[LOCK_WARM] = self._timed(self.lock())
        taken[LOCK_SAME] = self._timed(self.lock())
        self.move_aside(self.cache)
        taken[SYNC_COLD] = self._timed(self.sync())
        self.move_aside(self.environment)
        taken[SYNC_WARM] = self._timed(self.sync())
        taken[SYNC_AGAIN] = self._timed(self.sync())
        taken[SYNC_NOTHING] = self._timed(self.sync())
        taken[ADD] = self._timed(self.add())
        return taken

    def move_aside(self, path: Path) -> None:
        """Move a folder away where there is one.

        A file system that has just deleted many files makes new ones slowly, for every tool alike, which hides what
        the tools themselves take. So nothing is deleted before all of a scene is timed.
        """
        if path.exists():
            self.aside.mkdir(exist_ok=True)
            path.rename(self.aside / str(next(self._moved)))

    def installed(self, tops: frozenset[str]) -> dict[str, str]:
        """Files with sha256 in site-packages below names in `tops`, but what installers write of themselves."""
        return {
            path.relative_to(site).as_posix(): digest(path)
            for site in {path.resolve() for path in self.environment.glob("[Ll]ib*/**/site-packages")}
            for top in site.iterdir()
            if top.name in tops
            for path in (top.rglob("*") if top.is_dir() else (top,))
            if path.is_file() and not _own(path)
        }

    def _timed(self, command: list[str]) -> Taken:
        """Time a command once the disk has written everything: one that waits for it would wait for others."""
        if hasattr(os, "sync"):
            os.sync()
        return timed(command, cwd=self.project, env=self.env)

    def _told(self, *command: str) -> str:
        """What a short command says."""
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=True)
        return done.stdout.strip()


def clear(path: Path) -> None:
    """Remove a folder where there is one."""
    if path.exists():
        shutil.rmtree(path)


def digest(path: Path) -> str:
    """Sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own(path: Path) -> bool:
    folder = path.parent
    is_top = folder.parent.name == "site-packages"  # what a package brings of others is its own
    mark = is_top and folder.name.endswith(".dist-info") and path.name in _OWN_MARKS
    return mark or "__pycache__" in path.parts
