"""Locks of every kind, whoever wrote them: pipper's, authorized ones, and those of PEP 751."""

import re
from datetime import datetime
from pathlib import Path

from packaging.pylock import Pylock

from pipper.core.lock.model import Lock
from pipper.core.lock.pylock import lock_of, parse_pylock
from pipper.core.lock.reader import parse_lock
from pipper.core.lock.selection import Selection
from pipper.core.target import Target
from pipper.core.urls import signed_until
from pipper.errors import UsageError
from pipper.http.errors import expired
from pipper.ops.context.file_names import LOCK_NAME, PIPPER_TOML, PYPROJECT_TOML
from pipper.ops.context.input_kind import InputKind, input_kind, not_needed
from pipper.system.files import read_bytes

_OURS = re.compile(rb"# Written by pipper (export|authorize)\b")


def read_lock(path: Path) -> Lock | Pylock:
    """Return the lock at `path`; its content tells the kind.

    Raises UsageError where there is none, or it is a file of another kind, and what `parse_lock` and
    `parse_pylock` raise.
    """
    data = read_bytes(path)
    if data is None:
        raise UsageError(f"there is no lock at {path}")
    kind = input_kind(data, path.name)
    if kind is InputKind.PYLOCK:
        return parse_pylock(data, label=path.name)
    if kind is InputKind.LOCK:
        return parse_lock(data, label=path.name)
    raise not_needed(path, kind, "a lock", cause="it has no `lock-version`")


def refuse_replacing(output: Path) -> None:
    """Raise UsageError where `output` is for something else than what `export` and `authorize` write.

    That is any name of a project's manifest or lock, and any file they did not write; an empty one may be filled.
    """
    hint = "give -o another name"
    if output.name in (LOCK_NAME, PIPPER_TOML, PYPROJECT_TOML):
        what = "pipper's own lock" if output.name == LOCK_NAME else "a manifest"
        raise UsageError(f"{output} is for {what}, and is not written", hint=hint)
    if not output.exists() or output.is_dir():
        return  # of a folder, whoever writes tells
    if not output.is_file():
        raise UsageError(f"{output} is no ordinary file, and is not replaced", hint=hint)
    data = read_bytes(output) or b""
    if data and not _OURS.match(data):
        raise UsageError(
            f"{output} is not replaced", cause="neither `pipper export` nor `authorize` wrote it", hint=hint
        )


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
