"""Install locked packages into an environment in the cache, which build backends with the same needs share."""

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from pipper.apply.environment_lock import environment_lock
from pipper.apply.recovery import recover
from pipper.apply.transaction import apply_plan
from pipper.apply.verify import verify
from pipper.cache.cache import USED, Cache
from pipper.cache.folder import disk_errors, refuse_links
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.lock.model import Lock, LockedEnvironment
from pipper.core.plan import Wanted, make_plan
from pipper.core.ports import BuildEnvironment
from pipper.core.reporter import Reporter, Task
from pipper.ops.sync.fetch import Origins
from pipper.ops.sync.fetch_wheels import fetch_wheels
from pipper.ops.sync.wheel_checks import cached_wheels, require_locked_needs
from pipper.python.environment import environment_of, installed
from pipper.python.fingerprint import fingerprint
from pipper.python.interpreter import Interpreter, of_new_venv
from pipper.python.new_venv import make_venv, venv_python
from pipper.system.digest import digest
from pipper.system.files import write_atomic
from pipper.system.locks import os_lock
from pipper.system.seals import read_sealed, sealed

_NOTHING: Mapping[str, UnpackedWheel] = MappingProxyType({})


def install_build_environment(
    lock: Lock,
    part: LockedEnvironment,
    wanted: Sequence[Wanted],
    *,
    interpreter: Interpreter,
    origins: Callable[[], Origins],
    cache: Cache,
    reporter: Reporter,
    built: Mapping[str, UnpackedWheel] = _NOTHING,
) -> BuildEnvironment:
    """Return an environment of the cache with exactly the packages `wanted`, of the environment `part` of a lock.

    `built` are the wheels of those that are source distributions, by the hash of these.

    It is made if it is missing or was restored from elsewhere, and repaired if files of it are missing or were changed.
    Its folder is named after the packages, their hashes and the interpreter. The caller is within `cache.in_use`.
    Raises what `fetch_wheels`, `make_venv` and `apply_plan` raise, and MachineError if a link is in its place.
    """
    quiet = _Quiet(reporter)
    root = _folder(cache, interpreter, wanted)
    wheels = {**cached_wheels([want for want in wanted if not want.build], cache), **built}
    if missing := [want for want in wanted if want.file.sha256 not in wheels]:
        wheels |= fetch_wheels(missing, origins, cache, reporter)
    require_locked_needs(lock, part, wanted, wheels)
    refuse_links(root.parent, root)
    with os_lock(cache.builds / ".lock", here=True):
        # Also one without a python: an interrupted removal may have left any part of it.
        if os.path.lexists(root) and not _is_as_left(root):
            with disk_errors(root):
                shutil.rmtree(root)
        if venv_python(root) is None:
            make_venv(root, interpreter, cache.interpreters)
        environment = environment_of(of_new_venv(root, interpreter, cache.interpreters))
        with environment_lock(environment, quiet):
            recover(environment, quiet)
            present = installed(environment)
            plan = make_plan(wanted, present, exact=True)
            plan = plan.replacing({drift.distribution for drift in verify(environment, plan.kept)})
            apply_plan(
                plan, environment=environment, present=present, wheels=wheels, cache=cache, reporter=quiet
            )
        with disk_errors(root / USED):
            if _is_as_left(root):
                os.utime(root / USED)
            else:
                write_atomic(root / USED, sealed(_times(root), str(root)))
    return BuildEnvironment(python=environment.interpreter.executable, scripts=environment.scheme.scripts)


def _is_as_left(root: Path) -> bool:
    """Return whether an environment is where pipper left it: a restored cache may have other files in its place."""
    with suppress(OSError):
        return read_sealed(root / USED, str(root)) == _times(root)
    return False


def _times(root: Path) -> bytes:
    """Return what no program can set, and what a copy of the environment has otherwise: change times and inodes."""
    places = (root / "pyvenv.cfg", venv_python(root) or root)
    found = [os.lstat(place) for place in places]
    return " ".join(f"{each.st_ino}:{each.st_ctime_ns}" for each in found).encode()


def _folder(cache: Cache, interpreter: Interpreter, wanted: Sequence[Wanted]) -> Path:
    facts = [fingerprint(interpreter.base_executable), interpreter.target.name]
    facts += sorted(
        f"{want.name}=={want.version} {want.file.sha256} {want.build}".rstrip() for want in wanted
    )
    key = digest(*(os.fsencode(fact) for fact in facts))
    return cache.builds / key[:2] / key


class _Quiet(Reporter):
    """Messages about an environment that the user did not ask for are details."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def info(self, text: str) -> None:
        self._reporter.detail(text)

    def detail(self, text: str) -> None:
        self._reporter.detail(text)

    def warning(self, text: str) -> None:
        self._reporter.warning(text)

    def task(self, title: str, *, total: int | None, unit: str = "files") -> Task:  # noqa: ARG002 - shows no bar
        return Task()
