"""Identify an interpreter without running it: cheap enough for a sync that has nothing to do."""

import os

from pipper.errors import UsageError
from pipper.system.digest import digest


def fingerprint(executable: str | os.PathLike[str]) -> str:
    """Return a digest that changes whenever the facts of an interpreter (`probe.facts`) may change.

    Covers the path as given (a virtual environment's python is a link to another), the file that it links
    to, the `pyvenv.cfg` beside it, the C library and the kernel (marker variables), and the variables that
    the user scheme depends on. Reads no file. Raises UsageError if there is no file at `executable`.
    """
    path = os.path.abspath(executable)
    try:
        parts = [path, os.path.realpath(path), *_stat(path)]
    except OSError as error:
        raise UsageError(
            f"there is no Python interpreter at `{path}`",
            cause=error.strerror or "",
            hint="name one with `--python EXE`",
        ) from error
    for folder in (os.path.dirname(path), os.path.dirname(os.path.dirname(path))):
        try:
            parts += _stat(os.path.join(folder, "pyvenv.cfg"))
        except OSError:
            parts.append("-")
    parts += _machine()
    parts += [os.environ.get(name, "") for name in ("HOME", "APPDATA", "PYTHONUSERBASE")]
    return digest(*(part.encode(errors="surrogateescape") for part in parts))


def _stat(path: str) -> list[str]:
    found = os.stat(path)
    return [str(found.st_mtime_ns), str(found.st_size), str(found.st_ino), str(found.st_dev)]


def _machine() -> list[str]:
    if not hasattr(os, "uname"):
        return [os.environ.get("PROCESSOR_ARCHITECTURE", "")]
    kernel = os.uname()
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        libc = ""
    return [kernel.sysname, kernel.release, kernel.version, kernel.machine, libc]
