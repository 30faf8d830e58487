"""Move files and folders where a rename may be refused: a folder of a lower layer (overlayfs), another disk.

And remove them, whatever they are.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Collection

from pipper.system.files import sync_folder

_ELSEWHERE = frozenset({errno.EXDEV})
_OCCUPIED = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def move(source: str, destination: str, *, last: Collection[str] = ()) -> None:
    """Rename a file or a folder; where that is refused, move it file by file, those with a name of `last` last.

    If such a move is interrupted, the same call completes it. A file is on the disk in its new place before it leaves
    the old one. Raises OSError, FileNotFoundError if there is nothing at `source`; NotADirectoryError, as a rename
    does, if a folder is to go where a link is.
    """
    try:
        os.rename(source, destination)
    except OSError as error:
        is_folder = os.path.isdir(source) and not os.path.islink(source)
        if error.errno in _ELSEWHERE and not is_folder:
            _copy_over(source, destination)
        elif is_folder and (
            error.errno in _ELSEWHERE or (error.errno in _OCCUPIED and os.path.isdir(destination))
        ):
            _move_entries(source, destination, last)
        else:
            raise


def remove(path: str | os.PathLike[str]) -> None:
    """Remove a folder with all in it, or a file, a link or a pipe, as far as the disk lets us."""
    try:
        os.unlink(path)  # first: `rmtree` opens what it is given, and would wait for the writer of a pipe
    except FileNotFoundError:
        return
    except OSError:
        shutil.rmtree(path, ignore_errors=True)


def _move_entries(source: str, destination: str, last: Collection[str]) -> None:
    if os.path.islink(destination):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), destination)
    os.makedirs(destination, exist_ok=True)
    sync_folder(os.path.dirname(destination) or ".")
    for name in sorted(os.listdir(source), key=lambda each: (each in last, each)):
        move(f"{source}/{name}", f"{destination}/{name}", last=last)
    with contextlib.suppress(OSError):
        shutil.copystat(source, destination)
    os.rmdir(source)


def _copy_over(source: str, destination: str) -> None:
    """Move a file by copying it beside its destination first: there it is whole or not at all."""
    beside = f"{destination}.{os.urandom(4).hex()}.tmp"
    try:
        shutil.copyfile(source, beside, follow_symlinks=False)
        if not os.path.islink(beside):
            with open(beside, "r+b") as file:
                os.fsync(file.fileno())
        shutil.copystat(source, beside, follow_symlinks=False)
        os.replace(beside, destination)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    sync_folder(os.path.dirname(destination) or ".")
    os.unlink(source)
