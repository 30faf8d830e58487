"""Measure and clean a cache. Files that the cache did not create are neither counted nor removed."""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from pipper.cache.cache import Cache, disk_errors
from pipper.system.locks import os_lock

_DAY = 86_400
_PARTS = ("files", "wheels", "interpreters", "index", "tmp")
"""All that the cache creates and `clean` removes."""


class Freed(Struct, frozen=True, kw_only=True):
    """Files that were removed, or would be."""

    files: int = 0
    size: int = 0
    """Bytes."""


def size(cache: Cache) -> Freed:
    """Return how much `clean` would remove."""
    return _sum(_measure(cache.root / part) for part in _PARTS)


def prune(cache: Cache, *, unused_days: float, waiting: Callable[[], None] | None = None) -> Freed:
    """Remove entries unused for so many days, and unfinished files; wait until no other command uses the cache."""
    oldest = time.time() - unused_days * _DAY
    with os_lock(cache.lock, waiting=waiting):
        freed = [_remove(cache.root / "tmp")]
        for kind, clock in (("files", ""), ("wheels", "index.json"), ("index", "")):
            for entry in sorted(cache.root.glob(f"{kind}/*/*")):
                try:
                    used = os.stat(entry / clock).st_mtime
                except FileNotFoundError:
                    used = 0
                # A hidden file is the unfinished file of a killed command.
                if used < oldest or entry.name.startswith("."):
                    freed.append(_remove(entry))
    return _sum(freed)


def clean(cache: Cache, *, waiting: Callable[[], None] | None = None) -> Freed:
    """Remove everything that the cache created; wait until no other command uses it."""
    with os_lock(cache.lock, waiting=waiting):
        return _sum(_remove(cache.root / part) for part in _PARTS)


def _measure(path: Path) -> Freed:
    if not path.is_dir():
        return Freed(files=1, size=path.lstat().st_size) if path.exists() else Freed()
    files = size = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                size += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue  # another command removed it
            files += 1
    return Freed(files=files, size=size)


def _remove(path: Path) -> Freed:
    freed = _measure(path)
    with disk_errors(path):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    return freed


def _sum(parts: Iterable[Freed]) -> Freed:
    found = list(parts)
    return Freed(files=sum(each.files for each in found), size=sum(each.size for each in found))
