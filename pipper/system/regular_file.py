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
_PIECE = 1 << 20
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: "str | os.PathLike[str]", *, follow: bool = True) -> "BufferedReader":
    """Open a regular file for reading; raises OSError, also for a pipe, a device or a folder.

    Without `follow`, also for a symbolic link.
    """
    descriptor, _ = _opened(path, follow=follow)
    return open(descriptor, "rb")  # the caller closes it


def read_regular(path: "str | os.PathLike[str]", limit: int = LARGEST, *, follow: bool = True) -> bytes:
    """Return the bytes of a regular file; raises OSError as `open_regular` does, and for more than `limit` bytes."""
    descriptor, size = _opened(path, follow=follow)
    try:
        # Not `limit` at once: so much memory would be mapped for each small file.
        data = os.read(descriptor, min(size, limit) + 1)
        while len(data) <= limit and (more := os.read(descriptor, _PIECE)):
            data += more
    finally:
        os.close(descriptor)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit:,} bytes", path)
    return data


def _opened(path: "str | os.PathLike[str]", *, follow: bool) -> "tuple[int, int]":
    """Return a descriptor of a regular file and its size."""
    descriptor = os.open(path, _FLAGS if follow else _FLAGS | _NO_LINKS)
    try:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            return descriptor, found.st_size
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    except BaseException:
        os.close(descriptor)
        raise
