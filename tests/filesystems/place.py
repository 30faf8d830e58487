"""A project, its environment, cache and repository on a file system of another kind, and what is done there."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.commands import CHECKOUT, PATIENCE, Completed, clean_environment
from tests.wheelhouse import make_wheel

_CC = shutil.which("cc") or ""


def preloadable(source: str, folder: Path) -> Path:
    """Compile a C source of this folder into a library for LD_PRELOAD, or skip the test."""
    if not _CC or sys.platform != "linux":
        pytest.skip("needs cc and Linux")
    library = folder / f"{source}.so"
    code = Path(__file__).with_name(source)
    subprocess.run([_CC, "-shared", "-fPIC", "-O1", "-o", library, code, "-ldl"], check=True)
    return library


@dataclass(kw_only=True)
class Place:
    """A folder on the file system in question, with a project, its environment, cache and repository."""

    root: Path
    outside: Path
    """A folder on an ordinary file system."""
    variables: Mapping[str, str] = field(default_factory=dict)
    umask: int = 0o022
    user: int | None = None
    groups: Sequence[int] | None = None
    python: str = sys.executable

    def run(self, *args: str | Path, ok: bool = True) -> Completed:
        """Run a command of pipper in the project, in a process of its own."""
        environment = {
            **clean_environment(self.outside),
            "PIPPER_CACHE_DIR": str(self.root / "cache"),
            "PYTHONPATH": os.pathsep.join((str(CHECKOUT), sysconfig.get_path("purelib"))),
            **self.variables,
        }
        (self.root / "app").mkdir(exist_ok=True)
        done = subprocess.run(
            [self.python, "-m", "pipper", *map(str, args)],
            cwd=self.root / "app",
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            umask=self.umask,
            user=self.user,
            group=self.user,
            extra_groups=self.groups,
            check=False,
        )
        told = Completed(stdout=done.stdout, stderr=done.stderr, code=done.returncode)
        assert "Traceback" not in done.stderr, done.stderr
        assert not ok or done.returncode == 0, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return told

    def begin(self) -> None:
        """Write the manifest, and publish the first versions."""
        repository = (self.root / "repository").as_uri()
        (self.root / "app").mkdir(exist_ok=True)
        (self.root / "app" / "pipper.toml").write_text(
            f'index = false\ndependencies = ["foo", "bar"]\n[repositories]\nacme = "{repository}"\n'
        )
        wheels = (self.wheel("foo", "1.0.0"), self.wheel("bar", "1.0.0"))
        self.run("publish", *wheels, "-b", repository)

    def wheel(self, name: str, version: str) -> Path:
        """Make a wheel with a package, a script and a module of its version."""
        files = {f"{name}/__init__.py": f"V = '{version}'\n", f"{name}/sub/of_{version[0]}.py": "x = 1\n"}
        return make_wheel(self.outside / "dist", name, version, files=files)

    def life(self) -> None:
        """Lock, sync, upgrade, publish again with force, remove and prune; the environment must follow each time."""
        self.begin()
        self.run("lock")
        self.run("sync")
        assert self.versions() == {"foo": "1.0.0", "bar": "1.0.0"}
        self.upgrade()

    def upgrade(self) -> None:
        """Do what comes after the first sync."""
        repository = (self.root / "repository").as_uri()
        self.run("publish", self.wheel("foo", "2.0.0"), "-b", repository)
        assert (
            self.run("publish", self.wheel("foo", "2.0.0"), "-b", repository, "--strict", ok=False).code == 7
        )
        self.run("lock", "-U")
        self.run("sync")
        assert self.versions() == {"foo": "2.0.0", "bar": "1.0.0"}
        assert [path.name for path in self.site.glob("foo/sub/*.py")] == ["of_2.py"]
        self.run("sync", "--check", "--verify")
        self.run("remove", "bar")
        assert self.versions() == {"foo": "2.0.0"}
        assert not [path for path in self.site.iterdir() if path.name.startswith("bar")]
        self.run("repository", "prune", "foo:1.0.0", "-b", repository)
        self.run("cache", "prune")
        state = self.root / "app" / ".venv" / ".pipper"
        assert not (state / "journal.json").exists()
        assert not (state / "stage").exists()

    @property
    def site(self) -> Path:
        (found,) = (self.root / "app" / ".venv" / "lib").glob("python*/site-packages")
        return found

    def versions(self) -> dict[str, str]:
        """Return what the interpreter of the environment finds."""
        code = "from importlib.metadata import distributions as d; print(*(f'{x.name}={x.version}' for x in d()))"
        python = self.root / "app" / ".venv" / "bin" / "python"
        done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
        return dict(
            each.split("=") for each in done.stdout.split() if not each.startswith(("pip=", "setuptools="))
        )
