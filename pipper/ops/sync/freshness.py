"""Whether a sync has nothing to do, told from a stamp: this is the path that runs a thousand times a day.

Imports nothing heavy: with `is_fresh` the whole command takes little longer than Python takes to start. The stamp's
key covers everything a sync depends on but the environment itself, whose state the stamp holds.
"""

import hashlib
import os
import stat
from collections.abc import Mapping

from pipper import __version__
from pipper.apply.stamp import is_current
from pipper.errors import PipperError
from pipper.ops.context.file_names import LOCK_NAME, PIPPER_TOML, PYPROJECT_TOML, VENV
from pipper.python.fingerprint import fingerprint

NOTHING_TO_DO = "Nothing to do: the environment matches the lock"

_PYTHON = "Scripts/python.exe" if os.name == "nt" else "bin/python"
_MATTER = {
    "groups": (),
    "only_groups": (),
    "all_groups": False,
    "no_dev": False,
    "extras": (),
    "all_extras": False,
    "exact": False,
    "compile_bytecode": False,
}
"""Options that change what an environment ends up with, as they are where nothing is said."""
_ELSEWHERE = ("python", "active", "target", "lock_path")


def is_fresh(directory: str) -> bool:
    """Tell whether `pipper sync` in this directory, without an option, has nothing to do.

    Never raises. False wherever it is not certain: the long way finds out, and has the words for it.
    """
    try:
        manifest = _likely_manifest(directory)
        return manifest is not None and holds(manifest, stamp_basis(manifest, _MATTER))
    except (OSError, PipperError):
        return False


def stamp_basis(manifest: "str | os.PathLike[str]", options: Mapping[str, object]) -> str:
    """Return what the next stamp says a sync of this project went by; empty where none can be had.

    A stamp is only for a project's own `.venv` and lock. Raises MachineError for what cannot be read.
    """
    root = os.path.dirname(manifest)
    lock = os.path.join(root, LOCK_NAME)
    if any(options.get(name) for name in _ELSEWHERE) or not os.path.isfile(lock):
        return ""
    digest = hashlib.sha256(f"{__version__}\0{os.path.basename(manifest)}".encode())
    for name, usual in _MATTER.items():
        digest.update(f"\0{name}={options.get(name, usual)!r}".encode())
    for path in (os.fspath(manifest), lock):
        digest.update(b"\0" + hashlib.sha256(_read(path)).digest())
    return digest.hexdigest()


def holds(manifest: "str | os.PathLike[str]", basis: str) -> bool:
    """Tell whether the environment of this project is as a sync by `basis` left it."""
    environment = os.path.join(os.path.dirname(manifest), VENV)
    python = os.path.join(environment, _PYTHON)
    return bool(basis) and os.path.exists(python) and is_current(environment, stamp_key(basis, python))


def stamp_key(basis: str, python: "str | os.PathLike[str]") -> str:
    """Return the key of a stamp for an environment whose interpreter is `python`."""
    return hashlib.sha256(f"{basis}\0{fingerprint(python)}".encode()).hexdigest()


def _likely_manifest(directory: str) -> str | None:
    """What `find_manifest` may find; None where that takes reading TOML.

    A `pyproject.toml` that only mentions pipper is taken too. It does no harm: its bytes are in the key, and no
    stamp was ever written for bytes that are no manifest.
    """
    folder = os.path.abspath(directory)
    while True:
        own, standard = os.path.join(folder, PIPPER_TOML), os.path.join(folder, PYPROJECT_TOML)
        names_us = _is_file(standard) and b"pipper" in _read(standard)
        if _is_file(own):
            return None if names_us else own
        if names_us:
            return standard
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return None


def _is_file(path: str) -> bool:
    """Raises OSError where only the system knows: a folder that cannot be looked into is no empty one."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        # Here, not above: a sync that has nothing to do never needs it.
        from pipper.system.os_errors import machine_error  # noqa: PLC0415 - see above

        raise machine_error("read", path, error) from error
