"""Read locks of every kind: pipper's own, authorized ones, and those of PEP 751."""

import re
from datetime import datetime
from pathlib import Path

from packaging.pylock import Pylock

from pipper.core.document import DOCUMENT_LIMIT, read_json
from pipper.core.lock.model import Lock
from pipper.core.lock.pylock import PYLOCK_VERSION, lock_of, parse_pylock
from pipper.core.lock.reader import parse_lock
from pipper.core.lock.selection import Selection
from pipper.core.reporter import Reporter
from pipper.core.target import Target
from pipper.core.urls import signed_until
from pipper.errors import UsageError
from pipper.http.errors import expired
from pipper.ops.context.find_manifest import refuse_leading_out
from pipper.ops.context.input_kind import InputKind, input_kind, not_needed
from pipper.ops.context.project import Goal, Project
from pipper.ops.context.project_files import LOCK_NAME, PIPPER_TOML, PYPROJECT_TOML
from pipper.system.files import read_bytes

_OURS = re.compile(rb"# Written by pipper (export|authorize)\b")


def read_lock(path: Path, reporter: Reporter) -> Lock | Pylock:
    """Return the lock at `path`; its content determines the kind.

    Warns of one of a later minor version, as PEP 751 says (`lock-version`).

    Raises UsageError if there is no file or it is not a lock, and what `parse_lock` and `parse_pylock` raise.
    """
    data = read_bytes(path)
    if data is None:
        raise UsageError(f"{path} does not exist", hint="name a lock that exists, as in --lock pylock.toml")
    kind = input_kind(data, path.name)
    if kind is InputKind.PYLOCK:
        pylock = parse_pylock(data, label=path.name)
        if pylock.lock_version > PYLOCK_VERSION:
            reporter.warning(
                f"{path.name} has lock-version {pylock.lock_version}, and pipper knows {PYLOCK_VERSION}:"
                " what is newer in it is ignored"
            )
        return pylock
    if kind is InputKind.LOCK:
        return parse_lock(data, label=path.name)
    raise not_needed(path, kind, "a lock", cause="it has no `lock-version`")


def refuse_replacing(output: Path, directory: Path) -> None:
    """Raise UsageError if `output` must not be overwritten by `export` or `authorize` in `directory`.

    That is a project's manifest or lock by its name, and any file that they did not write and is not empty.
    Raises MachineError if a link leads out of the project.
    """
    refuse_leading_out(output.parent, directory)
    hint = "give another name with -o"
    if output.name in (LOCK_NAME, PIPPER_TOML, PYPROJECT_TOML):
        what = "pipper's own lock" if output.name == LOCK_NAME else "a manifest"
        raise UsageError(f"{output} is not overwritten: the name is that of {what}", hint=hint)
    if not output.exists() or output.is_dir():
        return  # writing to a folder raises its own error
    if not output.is_file():
        raise UsageError(f"{output} is not overwritten: it is not a regular file", hint=hint)
    data = read_bytes(output) or b""
    if data and not _OURS.match(data) and not _is_own_bill(data):
        raise UsageError(
            f"{output} is not overwritten",
            cause="neither `pipper export` nor `pipper authorize` wrote it",
            hint=hint,
        )


def _is_own_bill(data: bytes) -> bool:
    """Return whether this is a bill of materials that names pipper as its tool; it has no place for a comment."""
    try:
        bill = read_json(data, label="the bill of materials", limit=DOCUMENT_LIMIT)
        tools = bill.at("metadata").at("tools").at("components").items()
        return bill.at("bomFormat").text() == "CycloneDX" and any(
            each.at("name").text() == "pipper" for each in tools
        )
    except UsageError:
        return False


def goal_of(
    found: Lock | Pylock, target: Target, selection: Selection, *, path: Path, project: Project | None
) -> Goal:
    """Return what to install from a lock that `read_lock` read at `path`; raise what `lock_of` raises.

    A PEP 751 lock is reduced to the selected packages for `target`, so that nothing is left to select.
    """
    if isinstance(found, Lock):
        return Goal(lock=found, selection=selection, project=project)
    lock = lock_of(found, target, selection, base=path.parent.absolute(), label=path.name)
    return Goal(lock=lock, selection=Selection(), project=project)


def refuse_expired(lock: Lock, *, label: str, now: datetime) -> None:
    """Raise AccessError with the time if a signature in the lock expired before `now` (aware)."""
    signed = (signed_until(file.url) for package in lock.packages for file in package.files if file.url)
    ends = [when for when in (lock.expires_at, *signed) if when is not None]
    if ends and min(ends) <= now:
        raise expired(min(ends), now, subject=label)
