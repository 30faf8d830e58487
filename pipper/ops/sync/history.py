"""The applied and the previous lock of an environment: `sync --lock .pipper/previous.lock` undoes a sync."""

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from pipper.core.lock.model import Lock, LockedPackage
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.inputs import INDEX
from pipper.core.urls import plain
from pipper.system.files import read_bytes


def history(lock: Lock, state: Path) -> Mapping[Path, bytes]:
    """Return the files to write with a change to `lock`, in the state folder of the environment.

    Nothing signed is kept: an authorized lock not at all, and URLs of locks of other tools without their queries.
    """
    if lock.expires_at is not None:
        return {}
    applied = state / "applied.lock"
    kept = replace(lock, packages=tuple(map(_unsigned, lock.packages)))
    now, before = dump_lock(kept).encode(), read_bytes(applied)
    if before is None or before == now:
        return {applied: now}
    return {applied: now, applied.with_name("previous.lock"): before}


def _unsigned(package: LockedPackage) -> LockedPackage:
    if not any(file.url for file in package.wheels):
        return package
    # A lock of another tool names no source; only files of the index have URLs in ours.
    wheels = tuple(replace(file, url=plain(file.url)) for file in package.wheels)
    return replace(package, source=INDEX, wheels=wheels)
