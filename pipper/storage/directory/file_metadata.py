"""Notes: the user metadata of a file in a DirectoryStore, and its sha256.

A note is a JSON file below the hidden folder of a DirectoryStore, named after the sha256 of the object's key.
It is written before the file is renamed, and is valid for that file only: for the same inode, size and time of
modification, or (in a copy of the directory) for the same sha256. A missing, incomplete or outdated note costs
one more reading of the file, and never gives a wrong result.
"""

import errno
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import MsgspecError, Struct, field, json

from pipper.system.files import put_in_place, temporary_file
from pipper.system.os_errors import os_errors
from pipper.system.regular_file import read_regular

_DAMAGED = (IsADirectoryError, NotADirectoryError, MsgspecError, ValueError, RecursionError)
_NO_NOTE = (errno.EFBIG, errno.EINVAL)
"""A file that is too large, and one that is not regular."""


class Note(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts about a file when it was stored."""

    sha256: str
    inode: int
    size: int
    """Bytes."""
    mtime_ns: int
    metadata: Mapping[str, str] = field(default_factory=dict)

    def describes(self, stat: os.stat_result) -> bool:
        """Return whether the file with this `stat` is the stored one, unchanged."""
        return (self.inode, self.size, self.mtime_ns) == (stat.st_ino, stat.st_size, stat.st_mtime_ns)


class Notes:
    """All notes of one store, by key. Raises MachineError if the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Note | None:
        """Return the note of `key`, or None if it is missing or damaged."""
        path = self._path(key)
        with os_errors("read", path):
            try:
                return json.decode(read_regular(path), type=Note)
            except (FileNotFoundError, *_DAMAGED):
                return None
            except OSError as error:
                if error.errno in _NO_NOTE:
                    return None
                raise

    def put(self, key: str, note: Note, *, staging: Path) -> None:
        """Write the note of `key`, first to the folder `staging`, which must be on the same file system."""
        hint = "if it is not a directory, remove it: pipper makes it again"
        with os_errors("write to", self._folder, hint=hint):
            self._folder.mkdir(parents=True, exist_ok=True)
            with temporary_file(staging) as file:
                file.write(json.encode(note))
                # A power failure may lose it. Waiting for the disk would double the time of a write.
                put_in_place(file, self._path(key), durable=False)

    def drop(self, key: str) -> None:
        """Remove the note of `key`, if any."""
        with os_errors("delete", self._path(key)):
            self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
