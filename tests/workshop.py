"""A cache, wheels made on the spot, and one environment to apply plans to."""

import hashlib
import os
import shutil
import stat
import sys
import sysconfig
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from pipper.apply.environment_lock import environment_lock
from pipper.apply.placing import LinkMode, Placer
from pipper.apply.recovery import recover
from pipper.apply.transaction import apply_plan
from pipper.cache.cache import Cache
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.lock.model import LockedFile
from pipper.core.plan import Plan, Wanted, make_plan
from pipper.core.reporter import Reporter
from pipper.python.environment import Environment, environment_of, installed
from pipper.python.interpreter import Interpreter, inspect_interpreter, of_new_venv
from pipper.python.new_venv import make_venv, venv_python
from tests.wheelhouse import make_wheel


@lru_cache(maxsize=1)
def this_interpreter() -> Interpreter:
    """The interpreter that runs the tests."""
    return inspect_interpreter(Path(sys.executable), None)


def second_python(folder: Path) -> Path:
    """Make a base interpreter at another place: the program of the running one, which finds the same modules."""
    program = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    python = folder / "bin" / program.name
    python.parent.mkdir(parents=True)
    shutil.copy2(program, python)
    modules = Path(sysconfig.get_path("stdlib"))
    (folder / "lib").mkdir()
    (folder / "lib" / modules.name).symlink_to(modules)
    return python


class Workshop:
    """Everything lies below `root`; what is there already is taken up again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = Cache(root / "cache")
        self.environment = self.venv("venv")

    def venv(self, name: str) -> Environment:
        """The virtual environment of this name."""
        folder = self.root / name
        if venv_python(folder):
            return environment_of(of_new_venv(folder, this_interpreter(), None))
        return environment_of(make_venv(folder, this_interpreter()))

    def wheel(self, name: str, version: str = "1.0", **parts: Any) -> UnpackedWheel:
        """Make a wheel as `make_wheel` does, and unpack it into the cache."""
        return self.take(make_wheel(self.root / "wheelhouse", name, version, **parts))

    def take(self, path: Path) -> UnpackedWheel:
        """Unpack a wheel that there is into the cache."""
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self.cache.add_file(path, sha256)
        return self.cache.unpack(sha256, path.name)

    def sync(
        self,
        *wheels: UnpackedWheel,
        environment: Environment | None = None,
        documents: Mapping[Path, bytes] | None = None,
        exact: bool = False,
        reporter: Reporter | None = None,
        link_mode: LinkMode = "auto",
    ) -> Plan:
        """Bring the environment to exactly these wheels, as an operation does; return the plan."""
        place = environment or self.environment
        told = reporter or Reporter()
        with environment_lock(place, told):
            recover(place, told)
            present = installed(place)
            plan = make_plan([wanted_of(wheel) for wheel in wheels], present, exact=exact)
            apply_plan(
                plan,
                environment=place,
                present=present,
                wheels={wheel.sha256: wheel for wheel in wheels},
                cache=self.cache,
                documents=documents or {},
                placer=Placer(link_mode),
                reporter=told,
            )
        return plan

    @property
    def library(self) -> Path:
        """site-packages."""
        return self.environment.scheme.purelib


def wanted_of(wheel: UnpackedWheel, source: str = "acme") -> Wanted:
    """The wheel as a lock has it."""
    return Wanted(
        name=canonicalize_name(wheel.name),
        version=wheel.version,
        source=source,
        file=LockedFile(sha256=wheel.sha256, size=1, key=f"{wheel.name}/{wheel.filename}"),
    )


def tree(root: Path, *, skip: tuple[str, ...] = (".pipper",)) -> dict[str, tuple[str, str]]:
    """Kind with mode, and content, of everything below `root` by its path; top folders in `skip` left out."""
    found: dict[str, tuple[str, str]] = {}
    for folder, folders, files in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name not in skip]
        for name in (*folders, *files):
            path = Path(folder) / name
            mode = path.lstat().st_mode
            kind = f"{stat.filemode(mode)}"
            if stat.S_ISLNK(mode):
                content = os.readlink(path)  # noqa: PTH115 - a Path would normalise it
            else:
                content = "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
            found[path.relative_to(root).as_posix()] = (kind, content)
    return found
