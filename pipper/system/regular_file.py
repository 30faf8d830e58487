"""Open a file that others may have put there: only a regular file, and only so many bytes of it.

A pipe would make a command wait for ever, and a device such as `/dev/zero` has no end. A sync with nothing to do
imports this module, so it imports little.
"""

import errno
import os
import stat

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from io import BufferedReader

LARGEST = 64 * 2**20
"""Bytes of a document, if a caller names no other limit."""

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: "str | os.PathLike[str]", *, follow: bool = True) -> "BufferedReader":
    """Open a regular file for reading; raises OSError, also for a pipe, a device or a folder.

    Without `follow`, also for a symbolic link.
    """
    stream = open(os.open(path, _FLAGS if follow else _FLAGS | _NO_LINKS), "rb")  # noqa: SIM115 - the caller closes it
    mode = os.fstat(stream.fileno()).st_mode
    if stat.S_ISREG(mode):
        return stream
    stream.close()
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "it is not a regular file", path)


def read_regular(path: "str | os.PathLike[str]", limit: int = LARGEST, *, follow: bool = True) -> bytes:
    """Return the bytes of a regular file; raises OSError as `open_regular` does, and for more than `limit` bytes."""
    with open_regular(path, follow=follow) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit:,} bytes", path)
    return data
