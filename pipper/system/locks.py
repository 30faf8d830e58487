"""Locks of the operating system. A lock ends with its process, so it is never stale."""

import errno
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipper.errors import MachineError
from pipper.system.os_errors import os_errors

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
_POLL_SECONDS = 0.01
_FOLDER_RACES = 100
"""Attempts to create a folder that other processes remove."""


class LockBusyError(MachineError):
    """Another process held the lock for longer than the caller waits."""


@contextmanager
def os_lock(
    path: Path,
    *,
    shared: bool = False,
    waiting: Callable[[], None] | None = None,
    timeout: float | None = None,
    here: bool = False,
) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; create it and its folder if they are missing.

    Many processes may hold it `shared`, only one otherwise. A thread cannot lock it twice. `waiting` is called
    once if another process holds it. Raises MachineError if the file cannot be created or locked, LockBusyError
    if it is not free within `timeout` seconds; None waits without a limit. With `here`, a file of this machine is
    locked in its place where the file system has no locks: that keeps the processes of this machine apart.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        descriptor = _open(path)
        try:
            if here and not _is_lockable(descriptor):
                path = _local(path)
                os.close(descriptor)
                descriptor = _open(path)
            _acquire(descriptor, path, shared, waiting, deadline)
            # The last holder may have removed the file: then other processes lock a new one.
            if _is_at(descriptor, path):
                yield
                return
        finally:
            os.close(descriptor)


def _local(path: Path) -> Path:
    """Return the file of this machine and user that stands for a lock on a file system without locks."""
    user = str(os.geteuid()) if hasattr(os, "geteuid") else "me"
    import hashlib  # noqa: PLC0415 - most locks need no other name
    import tempfile  # noqa: PLC0415 - as above

    name = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:32]
    folder = Path(tempfile.gettempdir()) / f"pipper-locks-{user}"
    with os_errors("create", folder):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
    if hasattr(os, "geteuid") and (found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode)):
        raise MachineError(
            f"cannot use {folder} for locks",
            cause="it belongs to another user, or is not a directory",
            hint="remove it, or set TMPDIR to a directory of your own",
        )
    return folder / name


@contextmanager
def os_lock_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock file `path` exclusively while the block runs, if it is free; yield whether it was.

    Never waits. Yields False where locks cannot be shared (Windows). Raises MachineError if the file cannot be
    created.
    """
    descriptor = _open(path)
    try:
        yield _CAN_SHARE and is_free(descriptor) and _is_at(descriptor, path)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Create `path` and its parents if they are missing. Raises OSError.

    Another process may remove an empty folder between two system calls: then try again.
    """
    for _ in range(_FOLDER_RACES):
        with suppress(FileNotFoundError, FileExistsError):
            return path.mkdir(parents=True, exist_ok=True)
    return path.mkdir(parents=True, exist_ok=True)


def _open(path: Path) -> int:
    with os_errors("create the lock", path):
        for _ in range(_FOLDER_RACES):
            make_folder(path.parent)
            with suppress(FileNotFoundError):  # the last holder removed the folder
                return _open_file(path)
        return _open_file(path)


def _open_file(path: Path) -> int:
    """Open a lock file, which has the mode that the umask leaves: a group may share it."""
    try:
        return os.open(path, _FLAGS, 0o666)
    except PermissionError as refused:
        # Another member of the group made it with a stricter umask: to lock a file, reading it is enough.
        try:
            return os.open(path, os.O_RDONLY | (_FLAGS & ~(os.O_RDWR | os.O_CREAT)))
        except FileNotFoundError:
            raise refused from None  # it is the folder that may not be written


def _acquire(
    descriptor: int, path: Path, shared: bool, waiting: Callable[[], None] | None, deadline: float | None
) -> None:
    with os_errors("lock", path, hint="move it to a file system that supports locks (flock)"):
        if _locked(descriptor, shared):
            return
        if waiting:
            waiting()
        if deadline is None:
            _wait(descriptor, shared)
            return
        while not _locked(descriptor, shared):
            if time.monotonic() > deadline:
                raise LockBusyError(
                    f"cannot lock {path}",
                    cause="another process holds the lock",
                    hint="run the command again when the other one has finished",
                )
            time.sleep(_POLL_SECONDS)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    _CAN_SHARE = False

    def _locked(descriptor: int, shared: bool) -> bool:
        # Windows has no shared locks, and does not remove a file that is in use.
        with suppress(OSError):
            if not shared:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            return True
        return False

    def _wait(descriptor: int, shared: bool) -> None:
        while not _locked(descriptor, shared):
            time.sleep(_POLL_SECONDS)

    def _is_lockable(descriptor: int) -> bool:
        del descriptor
        return True

    def hold(descriptor: int) -> None:
        """Do nothing: Windows does not remove an open file."""

    def is_free(descriptor: int) -> bool:
        """Return True: Windows does not remove an open file."""
        del descriptor
        return True

else:
    import fcntl

    _CAN_SHARE = True

    def _locked(descriptor: int, shared: bool) -> bool:
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _wait(descriptor: int, shared: bool) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)

    def _is_lockable(descriptor: int) -> bool:
        """Return whether the file system has locks."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        except BlockingIOError:
            return True
        except OSError as error:
            return error.errno not in _NO_LOCKS
        return True

    def hold(descriptor: int) -> None:
        """Lock an open file until it is closed; do nothing on a file system without locks."""
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)

    def is_free(descriptor: int) -> bool:
        """Lock an open file if no process has locked it; return False also on a file system without locks."""
        with suppress(OSError):
            return _locked(descriptor, shared=False)
        return False
