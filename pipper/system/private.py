"""Files that hold secrets: readable by their owner alone from the first byte on."""

import os
import secrets
import stat
from pathlib import Path

from pipper.errors import MachineError

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file by a temporary one of mode 0600, fsync and rename; a missing folder is made with mode 0700.

    A symbolic link is followed to a file of the same user's and stays a link. Raises MachineError where the
    file is somebody else's, where others may write into its folder, or where the disk refuses; then the old
    file is as it was.
    """
    check_private(path)
    try:
        _replace(Path(os.path.realpath(path)), data)
    except OSError as error:
        raise MachineError(
            f"cannot write {path}", cause=f"{error.strerror or error}; {len(data)} bytes are needed"
        ) from error


def check_private(path: Path) -> None:
    """Make the folder of a file that is to hold secrets; raises MachineError where `write_private` would."""
    target = Path(os.path.realpath(path))
    try:
        _refuse_dangling(path)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_foreign(path, target)
        _refuse_shared(path, target.parent)
    except OSError as error:
        raise MachineError(f"cannot write {path}", cause=error.strerror or str(error)) from error


def _replace(target: Path, data: bytes) -> None:
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, _FLAGS, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if os.name != "nt":  # Windows cannot open a folder; NTFS journals names by itself
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _refuse_dangling(path: Path) -> None:
    """What a link names and is not there (a disk that is not mounted) is not made in its stead."""
    for place in (path, *path.parents):
        if place.is_symlink() and not place.exists():
            raise MachineError(
                f"{path} is not written: {place} is a symbolic link that leads nowhere",
                cause=f"there is no {os.path.realpath(place)}",
                hint=f"remove {place}, or make what it names",
            )


def _refuse_foreign(path: Path, target: Path) -> None:
    if not hasattr(os, "geteuid"):
        return
    for place in (path, target):
        try:
            owner = place.lstat().st_uid
        except FileNotFoundError:
            continue
        if owner != os.geteuid():
            raise MachineError(
                f"{path} is not replaced: {place} belongs to another user",
                cause=f"its owner is user {owner}, you are user {os.geteuid()}",
                hint=f"remove {place}, or run the command as its owner",
            )


def _refuse_shared(path: Path, folder: Path) -> None:
    """Others who may write into the folder could put their own file in place of this one."""
    if os.name == "nt":
        return
    for place in {path.parent, folder}:
        found = place.stat()
        if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise MachineError(
                f"{path} is not written: others may write into {place}",
                cause=f"its mode is {stat.S_IMODE(found.st_mode):04o}",
                hint=f"chmod go-w {place}",
            )
        if found.st_uid not in (os.geteuid(), 0):
            raise MachineError(f"{path} is not written: {place} belongs to another user", hint="look at HOME")
