"""Reading and durably writing files, with what the operating system refuses told as MachineError."""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pipper.errors import MachineError

_PIECE = 1 << 20

_HINTS = {
    errno.ENOSPC: "free some space there and run the command again",
    errno.EDQUOT: "free some space there and run the command again",
    errno.EACCES: "look at the permissions of that path",
    errno.EPERM: "look at the permissions of that path",
    errno.EROFS: "the file system is mounted read-only",
}


@contextmanager
def machine(doing: str, path: Path) -> Iterator[None]:
    """Raise MachineError for an OSError: `cannot {doing} {path}`, why, and what mends it if that is known."""
    try:
        yield
    except OSError as error:
        raise MachineError(
            f"cannot {doing} {path}",
            cause=error.strerror or str(error),
            hint=_HINTS.get(error.errno or 0, ""),
        ) from error


def pieces(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Yield the rest of `file` in pieces of at most 1 MiB; `path` is for the message of a MachineError."""
    while True:
        with machine("read", path):
            piece = file.read(_PIECE)
        if not piece:
            return
        yield piece


def body_pieces(body: bytes | Path) -> Iterator[bytes]:
    """Yield what is to be stored: `body` itself, or what the file of this path holds. Raises MachineError."""
    if isinstance(body, bytes):
        yield body
        return
    with machine("read", body):
        file = body.open("rb")
    with file:
        yield from pieces(file, body)


def sha256_of(parts: Iterable[bytes]) -> str:
    """Return the sha256 of all `parts` in hex."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Raises OSError."""
    if os.name == "nt":  # Windows cannot open a folder; NTFS journals names by itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
