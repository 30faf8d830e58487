"""Measure and clean a cache. Files that the cache did not create are neither counted nor removed."""

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from pipper.cache.cache import USED, Cache
from pipper.cache.folder import disk_errors
from pipper.cache.parts import PARTS, RECIPES, is_own
from pipper.system.locks import os_lock
from pipper.system.moves import move

_DAY = 86_400
_CLOCKS = {"wheels": "index.json", "builds": USED, RECIPES: "recipe"}
"""The file of an entry whose time is that of its last use, where the entry is a folder."""


class Freed(Struct, frozen=True, kw_only=True):
    """Files that were removed, or would be."""

    files: int
    size: int
    """Bytes."""


def size(cache: Cache) -> Freed:
    """Return how much `clean` would remove."""
    return _freed(each for part in PARTS for own in _own(cache, part) for each in _sizes(own))


def prune(cache: Cache, *, unused_days: float, waiting: Callable[[], None] | None = None) -> Freed:
    """Remove entries unused for so many days, and unfinished files; wait until no other command uses the cache."""
    oldest = time.time() - unused_days * _DAY
    with os_lock(cache.lock, here=True, waiting=waiting):
        freed = _emptied(cache, "tmp")
        clocks = {**dict.fromkeys(("files", "built", "index", "stamps", "memos"), ""), **_CLOCKS}
        for kind, clock in clocks.items():
            for entry in _entries(cache, kind):
                try:
                    used = os.lstat(entry / clock).st_mtime
                except (FileNotFoundError, NotADirectoryError):
                    used = 0
                # A hidden file is the unfinished file of a killed command.
                if used < oldest or entry.name.startswith("."):
                    freed += _remove(cache, entry)
        _emptied(cache, "tmp")
    return _freed(freed)


def clean(cache: Cache, *, waiting: Callable[[], None] | None = None) -> Freed:
    """Remove everything that the cache created; wait until no other command uses it."""
    with os_lock(cache.lock, here=True, waiting=waiting):
        return _freed(each for part in PARTS for each in _emptied(cache, part))


def _own(cache: Cache, part: str) -> list[Path]:
    """Return what the cache created in a part of it."""
    place = cache.root / part
    names = os.listdir(place) if place.is_dir() and not place.is_symlink() else []
    return [place / name for name in sorted(names) if is_own(part, name)]


def _entries(cache: Cache, part: str) -> list[Path]:
    """Return the entries of all folders in a part of the cache, but of none that is a link out of it."""
    folders = [each for each in _own(cache, part) if each.is_dir() and not each.is_symlink()]
    return [entry for folder in folders for entry in sorted(folder.iterdir())]


def _emptied(cache: Cache, part: str) -> list[int]:
    """Remove what the cache created in a part of it; return the sizes of the files."""
    sizes = [size for own in _own(cache, part) for size in _remove(cache, own)]
    with suppress(OSError):  # it is missing, or has something else
        (cache.root / part).rmdir()
    return sizes


def _sizes(path: Path) -> Iterator[int]:
    """Yield the size of each file below `path`, or of the file `path`."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        yield path.lstat().st_size
        return
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(FileNotFoundError):  # another command removed it
                yield os.lstat(os.path.join(folder, name)).st_size


def _remove(cache: Cache, path: Path) -> list[int]:
    """Remove a file or a folder; return the sizes of its files."""
    sizes = list(_sizes(path))
    with disk_errors(path):
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return sizes
        unfinished = cache.root / "tmp"
        if path.parent != unfinished:
            # A kill during the removal must not leave a part of an entry in its place.
            unfinished.mkdir(exist_ok=True)
            trash = unfinished / os.urandom(16).hex()
            move(str(path), str(trash))
            path = trash
        shutil.rmtree(path)
    return sizes


def _freed(sizes: Iterable[int]) -> Freed:
    found = list(sizes)
    return Freed(files=len(found), size=sum(found))
