"""Move files and folders where a rename may be refused: a folder of a lower layer (overlayfs), another disk."""

import contextlib
import errno
import os
import shutil
from collections.abc import Collection

_ELSEWHERE = frozenset({errno.EXDEV})
_OCCUPIED = frozenset({errno.ENOTEMPTY, errno.EEXIST})


def move(source: str, destination: str, *, last: Collection[str] = ()) -> None:
    """Rename a file or a folder; where that is refused, move it file by file, those with a name of `last` last.

    If such a move is interrupted, the same call completes it. Raises OSError, FileNotFoundError if there is nothing
    at `source`.
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


def _move_entries(source: str, destination: str, last: Collection[str]) -> None:
    os.makedirs(destination, exist_ok=True)
    for name in sorted(os.listdir(source), key=lambda each: (each in last, each)):
        move(f"{source}/{name}", f"{destination}/{name}", last=last)
    with contextlib.suppress(OSError):
        shutil.copystat(source, destination)
    os.rmdir(source)


def _copy_over(source: str, destination: str) -> None:
    """Move a file by copying it beside its destination first: there it is whole or not at all."""
    beside = f"{destination}.{os.urandom(4).hex()}.tmp"
    try:
        shutil.copy2(source, beside, follow_symlinks=False)
        os.replace(beside, destination)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    os.unlink(source)
