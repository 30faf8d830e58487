"""Locks of the operating system: they end with their process, so none is ever stale."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipper.errors import MachineError


@contextmanager
def os_lock(path: Path, *, shared: bool = False, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the lock file `path` (made with its folder where missing) while the block runs.

    Many may hold it `shared`, one alone otherwise. Not for a thread that holds it already. `waiting` is called
    once where somebody else has it. Raises MachineError where the file cannot be made or locked.
    """
    descriptor = _open(path)
    try:
        _acquire(descriptor, path, shared, waiting)
        # Whoever held it before may have taken the file away: then the lock that others see is another one.
        while not _is_at(descriptor, path):
            os.close(descriptor)
            descriptor = _open(path)
            _acquire(descriptor, path, shared, waiting)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def os_lock_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock file `path` alone while the block runs, if nobody holds it now; gives whether that is so.

    Never waits. Where locks cannot be shared (Windows) it is never so. Raises MachineError where it cannot be made.
    """
    descriptor = _open(path)
    try:
        yield _acquired(descriptor) and _is_at(descriptor, path)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise MachineError(f"the lock `{path}` cannot be made", cause=error.strerror or "") from error


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt
    import time

    def _acquired(descriptor: int) -> bool:
        del descriptor
        return False

    def _acquire(descriptor: int, path: Path, shared: bool, waiting: Callable[[], None] | None) -> None:
        # There are no shared locks here, and Windows removes no file that is in use.
        del path
        while not shared:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError:
                if waiting:
                    waiting()
                    waiting = None
                time.sleep(0.05)
            else:
                return

else:
    import fcntl

    def _acquired(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _acquire(descriptor: int, path: Path, shared: bool, waiting: Callable[[], None] | None) -> None:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if waiting:
                    waiting()
                fcntl.flock(descriptor, kind)
        except OSError as error:
            raise MachineError(
                f"`{path}` cannot be locked",
                cause=error.strerror or "",
                hint="the file system must know locks (flock)",
            ) from error
