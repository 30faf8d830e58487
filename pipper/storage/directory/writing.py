"""Write into a directory so that an object is there whole or not at all, also after a crash of the machine.

A file is written beside the objects, in the hidden folder, and synced to the disk before it gets its name. The name is
synced too. One writer at a time gives names.
"""

import contextlib
import errno
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipper.errors import StoreError
from pipper.storage.directory.file_metadata import Note
from pipper.storage.directory.paths import link_refused
from pipper.storage.directory.unchanged import HIDDEN
from pipper.system.files import pieces, reading, sync_folder, temporary_file
from pipper.system.locks import LockBusyError, os_lock
from pipper.system.os_errors import os_errors

_NO_LINKS = frozenset({errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EMLINK})
"""What file systems without hard links answer (FAT, CIFS, sshfs)."""
_LOCK_SECONDS = 60
_LITTER_SECONDS = 24 * 3600


class Writing:
    """The staged files and the lock of the store at `root`; for any number of threads."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._hidden = root / HIDDEN
        self._turn = threading.Lock()
        self._swept = False

    @contextmanager
    def staged(self, body: bytes | Path, metadata: Mapping[str, str] | None) -> Iterator[tuple[Path, Note]]:
        """Write `body` to a durable file that is not listed and is removed at the end; yield it and its note."""
        folder = self._hidden / "tmp"
        for place in (self._hidden, folder, self._hidden / "notes"):
            if place.is_symlink():
                raise link_refused(place)
        with os_errors("write to", self._root):
            folder.mkdir(parents=True, exist_ok=True)
            self._sweep(folder)
        with os_errors("write", folder), temporary_file(folder) as file:
            # Hashed while it is written: the file may change before a second reading.
            digest = hashlib.sha256()
            for piece in _pieces(body):
                file.write(piece)
                digest.update(piece)
            file.flush()
            os.fsync(file.fileno())
            file.close()
            path = Path(file.name)
            found = path.stat()
            note = Note(
                sha256=digest.hexdigest(),
                inode=found.st_ino,
                size=found.st_size,
                mtime_ns=found.st_mtime_ns,
                metadata={name.lower(): value for name, value in (metadata or {}).items()},
            )
            yield path, note
            path.unlink(missing_ok=True)

    def require_access(self) -> None:
        """Raise MachineError if this user may not write the hidden files, as far as they exist."""
        for place in (self._hidden, *(self._hidden / name for name in ("tmp", "notes", "lock"))):
            if place.exists():
                require_access(place)

    def _sweep(self, folder: Path) -> None:
        """Remove the temporary files of killed writers, once; recent files may belong to a running one."""
        if self._swept:
            return
        self._swept = True
        for left in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _LITTER_SECONDS:
                    left.unlink()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only writer, of this process and of others; raises StoreError after a minute of waiting."""
        path = self._hidden / "lock"
        if self._hidden.is_symlink():
            raise link_refused(self._hidden)
        try:
            with self._turn, os_lock(path, timeout=_LOCK_SECONDS):
                yield
        except LockBusyError as error:
            raise StoreError(
                f"{self._root.as_uri()} is locked by another writer",
                cause=f"{path} was not free within {_LOCK_SECONDS} seconds",
                hint="run the command again when the other one has finished",
            ) from error


def name_new(staged: Path, path: Path) -> None:
    """Give a new file its name; raises FileExistsError if there is one. The caller holds the store's lock."""
    try:
        path.hardlink_to(staged)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # No writer of pipper is here now, so between these two lines none can come.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        staged.replace(path)


def settle(path: Path) -> None:
    """Wait until the name of `path` is on the disk; without the lock, so that many writers wait at once."""
    with os_errors("write", path):
        sync_folder(path.parent)


def make_folders(folder: Path) -> None:
    """Create a folder and those around it, durably; raises OSError."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def _pieces(body: bytes | Path) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    with reading(body) as file:
        yield from pieces(file, body)


def require_access(place: Path) -> None:
    """Raise MachineError if this user may not write to a folder or a file."""
    needed = os.W_OK | (os.X_OK if place.is_dir() else 0)
    with os_errors("write to", place):
        if os.access(place, needed, effective_ids=os.access in os.supports_effective_ids):
            return
        is_mounted_so = hasattr(os, "statvfs") and os.statvfs(place).f_flag & os.ST_RDONLY
        number = errno.EROFS if is_mounted_so else errno.EACCES
        raise OSError(number, os.strerror(number))
