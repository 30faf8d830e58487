"""Put a canary behind a path of a project, and tell whether it was touched."""

import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.invariants import Workspace

Kind = Literal["link", "hard link", "folder link", "pipe"]

_LONG_AGO = 1_000_000_000
_BODY = b"the canary sings\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """What lies outside, and how it was."""

    outside: Path
    before: Mapping[str, tuple[object, ...]]

    def touched(self) -> list[str]:
        """Return the names outside the project that were changed, made or removed."""
        now = _look(self.outside)
        return sorted(
            name for name in self.before.keys() | now.keys() if self.before.get(name) != now.get(name)
        )


def plant(workspace: Workspace, path: str, kind: Kind) -> Planted | None:
    """Let `path`, below the project, lead to a canary outside it; None where that makes no sense.

    What was there is the canary, so that the command takes it for what it knows.
    """
    place, outside = workspace.app / path, workspace.root / "outside"
    outside.mkdir()
    canary = outside / "canary"
    if kind == "folder link":
        if place.is_file():
            return None
        if place.is_symlink():
            place.unlink()
        shutil.move(place, canary) if place.is_dir() else canary.mkdir()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(canary)
    elif not _lead(place, canary, kind):
        return None
    for folder, names, files in os.walk(outside, topdown=False):
        for name in (*names, *files):
            os.utime(Path(folder, name), (_LONG_AGO, _LONG_AGO), follow_symlinks=False)
    return Planted(outside=outside, before=_look(outside))


def _lead(place: Path, canary: Path, kind: Kind) -> bool:
    if place.is_dir():
        return False
    canary.write_bytes(place.read_bytes() if place.is_file() else _BODY)
    canary.chmod(0o600)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "link":
        place.symlink_to(canary)
    else:
        place.hardlink_to(canary)
    return True


def _look(folder: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for above, names, files in os.walk(folder):
        for name in (*names, *files):
            path = Path(above, name)
            seen = path.lstat()
            body = path.read_bytes() if stat.S_ISREG(seen.st_mode) else b""
            found[str(path.relative_to(folder))] = (seen.st_mode, seen.st_uid, seen.st_mtime_ns, body)
    return found
