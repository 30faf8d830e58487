"""The folder of a cache on the disk: it is its user's alone, and nothing in it leads elsewhere."""

import os
import stat
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from pipper.cache.parts import LOCK, PARTS, TAG
from pipper.errors import MachineError
from pipper.system.os_errors import os_errors

_DAY = 86_400
_TAG = b"""Signature: 8a477f597d28d172789f06886806bc55
# This folder is a cache, made by pipper (Cache Directory Tagging Specification 0.6).
"""


def make_private(root: Path) -> None:
    """Create the folder of a cache if it is missing.

    Raises MachineError if it belongs to another user, if others can write to it, or if one of its parts is a link.
    """
    with disk_errors(root):
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = os.stat(root)
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise MachineError(
            f"the cache `{root}` belongs to another user",
            hint="set PIPPER_CACHE_DIR to a directory of your own",
        )
    if os.name != "nt" and found.st_mode & 0o022:
        raise MachineError(
            f"others can write to the cache `{root}`",
            hint=f"run `chmod go-w {root}`, or set PIPPER_CACHE_DIR to a directory of your own",
        )
    refuse_links(*(f"{root}/{name}" for name in (LOCK, TAG, *PARTS)))
    with disk_errors(root):
        _tag(root)


def _tag(root: Path) -> None:
    tag = root / TAG
    # Not beside other files: the tag would exclude them from backups.
    whole = tag.exists() and tag.stat().st_size == len(_TAG)
    if not whole and set(os.listdir(root)) <= {tag.name}:
        tag.unlink(missing_ok=True)  # cut off, or a link
        with suppress(FileExistsError), tag.open("xb") as file:  # another process may be faster
            file.write(_TAG)


def refuse_links(*paths: str | Path) -> None:
    """Raise MachineError if one of the paths is a link: what is written and removed below would be elsewhere."""
    for path in paths:
        if os.path.islink(path):
            raise MachineError(
                f"`{path}` in the cache is a symbolic link, to `{os.readlink(path)}`",
                hint="remove it; PIPPER_CACHE_DIR moves the whole cache to another place",
            )


def mark_used(path: str | Path, *, beside: Callable[[], str | Path] | None = None) -> None:
    """Give a file the present time if its own is older than a day: `prune` reads it as last use.

    `beside` returns another file that then gets it too. Raises MachineError if the disk refuses. A link and a file
    with several names are left alone: they may be files outside the cache.
    """
    with disk_errors(path):
        if time.time() - os.stat(path).st_mtime <= _DAY:
            return
    for each in (path, beside()) if beside else (path,):
        with disk_errors(each), suppress(FileNotFoundError):
            found = os.lstat(each)
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
                os.utime(each)


def disk_errors(path: str | Path, size: int = 0) -> AbstractContextManager[None]:
    """Raise MachineError for an OSError in the block, which writes `size` bytes to the cache."""
    hint = "free space or fix permissions there, or set PIPPER_CACHE_DIR to another directory"
    return os_errors("write", path, needed=size, hint=hint)
