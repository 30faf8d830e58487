"""Locks of every kind, whoever wrote them: pipper's, authorized ones, and those of PEP 751."""

import re
from datetime import datetime
from pathlib import Path

from packaging.pylock import Pylock

from pipper.core.lockfile import Lock
from pipper.core.lockreader import parse_lock
from pipper.core.pylock import lock_of, looks_like_pylock, parse_pylock
from pipper.core.selection import Selection
from pipper.core.target import Target
from pipper.core.urls import signed_until
from pipper.errors import UsageError
from pipper.ops.files import read_bytes
from pipper.weberrors import expired


def is_lock(data: bytes) -> bool:
    """Tell a lock of any kind from a manifest."""
    return re.search(rb"^\s*lock-version\s*=", data, re.MULTILINE) is not None


def read_lock(path: Path) -> Lock | Pylock:
    """Return the lock at `path`; its content tells the kind.

    Raises UsageError where there is none, and what `parse_lock` and `parse_pylock` raise.
    """
    data = read_bytes(path)
    if data is None:
        raise UsageError(f"there is no lock at {path}")
    if looks_like_pylock(data):
        return parse_pylock(data, label=path.name)
    return parse_lock(data, label=path.name)


def as_lock(
    found: Lock | Pylock, target: Target, selection: Selection, *, path: Path
) -> tuple[Lock, Selection]:
    """Return a lock that `read_lock` read as pipper's own, and what is still to be selected of it.

    Of a PEP 751 lock it is what `target` gets, and then nothing is left to select; raises what `lock_of` raises.
    """
    if isinstance(found, Lock):
        return found, selection
    lock = lock_of(found, target, selection, base=path.parent.absolute(), label=path.name)
    return lock, Selection()


def refuse_expired(lock: Lock, *, label: str, now: datetime) -> None:
    """Raise AccessError where a signature in the lock ended before `now` (aware), naming the time."""
    signed = (signed_until(file.url) for package in lock.packages for file in package.wheels if file.url)
    ends = [when for when in (lock.expires_at, *signed) if when is not None]
    if ends and min(ends) <= now:
        raise expired(min(ends), now, subject=label)
