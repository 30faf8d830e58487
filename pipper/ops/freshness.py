"""Whether a sync has nothing to do, told from a stamp: this is the path that runs a thousand times a day.

Imports nothing heavy. The stamp's key covers everything a sync depends on but the environment itself, whose
state the stamp holds.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass

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
    "lock_path",
)
"""Options that change what an environment ends up with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """The key for the next stamp (empty where none can be had), and whether the last one still holds."""

    key: str = ""
    is_current: bool = False


def current_stamp(settings: Settings, options: Mapping[str, object]) -> Stamp:
    """Return what is known without looking at a single distribution. Only for a project's own `.venv`."""
    if any(options.get(name) for name in ("python", "active", "target", "lock_path")):
        return Stamp()
    manifest = find_manifest(settings.directory)
    if manifest is None:
        return Stamp()
    root = manifest.parent
    python = root / VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    lock = root / LOCK_NAME
    if not lock.is_file():
        return Stamp()
    digest = hashlib.sha256(__version__.encode())
    for name in _MATTER:
        digest.update(f"\0{name}={options.get(name)!r}".encode())
    for path in (manifest, lock):
        digest.update(b"\0" + hashlib.sha256(read_bytes(path) or b"").digest())
    if not python.exists():
        return Stamp()
    digest.update(fingerprint(python).encode())
    key = digest.hexdigest()
    return Stamp(key=key, is_current=is_current(root / VENV, key))
