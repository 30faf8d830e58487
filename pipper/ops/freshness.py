"""Whether a sync has nothing to do, told from a stamp: this is the path that runs a thousand times a day.

Imports nothing heavy. The stamp's key covers everything a sync depends on but the environment itself, whose
state the stamp holds.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipper import __version__
from pipper.apply.stamp import is_current
from pipper.fingerprint import fingerprint
from pipper.ops.files import read_bytes
from pipper.ops.finding import LOCK_NAME, VENV, find_manifest
from pipper.ops.settings import Settings

_MATTER = (
    "groups",
    "only_groups",
    "all_groups",
    "no_dev",
    "extras",
    "all_extras",
    "exact",
    "compile_bytecode",
)
"""Options that change what an environment ends up with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What the next stamp says a sync went by (empty where none can be had), and whether the last one holds."""

    basis: str = ""
    is_current: bool = False


def current_stamp(settings: Settings, options: Mapping[str, object]) -> Stamp:
    """Return what is known without looking at a single distribution. Only for a project's own `.venv`."""
    if any(options.get(name) for name in ("python", "active", "target", "lock_path")):
        return Stamp()
    manifest = find_manifest(settings.directory)
    if manifest is None or not (manifest.parent / LOCK_NAME).is_file():
        return Stamp()
    root = manifest.parent
    digest = hashlib.sha256(__version__.encode())
    for name in _MATTER:
        digest.update(f"\0{name}={options.get(name)!r}".encode())
    for path in (manifest, root / LOCK_NAME):
        digest.update(b"\0" + hashlib.sha256(read_bytes(path) or b"").digest())
    basis = digest.hexdigest()
    python = root / VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    holds = python.exists() and is_current(root / VENV, stamp_key(basis, python))
    return Stamp(basis=basis, is_current=holds)


def stamp_key(basis: str, python: Path) -> str:
    """Return the key of a stamp for an environment whose interpreter is `python`."""
    return hashlib.sha256(f"{basis}\0{fingerprint(python)}".encode()).hexdigest()
