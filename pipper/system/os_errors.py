"""Translate OSError into MachineError: the operation and the path, the reason, the remedy."""

import errno
import os
from contextlib import AbstractContextManager

from pipper.errors import MachineError

_SPACE = "free some space there and run the command again"
_PERMISSIONS = "change the permissions of that path (`ls -ld` shows them)"
_HINTS = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EACCES: _PERMISSIONS,
    errno.EPERM: _PERMISSIONS,
    errno.EROFS: "use another directory, or remount the read-only file system",
    errno.ENOENT: "create it, or correct the path",
    errno.ENOTDIR: "a parent of that path is a file: use another path",
    errno.EISDIR: "that path is a directory: move it away, or use another name",
    errno.ENAMETOOLONG: "use a shorter path",
    errno.ELOOP: "remove the symbolic link: it points to itself, or must not be followed",
    errno.EFBIG: "use a smaller file; if pipper writes it, raise the limit of file sizes (`ulimit -f`)",
    errno.EMFILE: "raise the limit of open files (`ulimit -n`)",
    errno.ENFILE: "close other programs: the system has too many open files",
    errno.EIO: "check the disk or the network mount",
}


class OsErrors:
    """The block of `os_errors`. Not made with `contextmanager`: thousands of files are written inside one."""

    __slots__ = ("_doing", "_hint", "_needed", "_place")

    def __init__(self, doing: str, place: str | os.PathLike[str], needed: int, hint: str) -> None:
        self._doing, self._place, self._needed, self._hint = doing, place, needed, hint

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise machine_error(
                self._doing, self._place, error, needed=self._needed, hint=self._hint
            ) from error


def os_errors(
    doing: str, place: str | os.PathLike[str], *, needed: int = 0, hint: str = ""
) -> AbstractContextManager[None]:
    """Raise `machine_error` for an OSError in the block."""
    return OsErrors(doing, place, needed, hint)


def machine_error(
    doing: str, place: str | os.PathLike[str], error: OSError, *, needed: int = 0, hint: str = ""
) -> MachineError:
    """Return the error `cannot {doing} {place}`.

    `needed` is the number of bytes to write, if known. `hint` replaces the hint of the error number.
    """
    cause = error.strerror or str(error)
    if needed:
        cause += f"; {needed:,} bytes are needed"
    return MachineError(f"cannot {doing} {place}", cause=cause, hint=hint or _HINTS.get(error.errno or 0, ""))
