"""A folder beside the place of a new environment, in which it is put together before one rename brings it there.

Its name cannot be guessed, and the folder itself is locked while a command works in it. So what a killed command left
can be told from what another one needs. A sync that may have little to do imports this module, so it imports little.
"""

import fcntl
import os

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Beside:
    """A new folder in which an environment for the place `root` is put together; raises OSError."""

    def __init__(self, root: str) -> None:
        self._root = root
        self.path = f"{root}-new-{os.urandom(8).hex()}"
        os.mkdir(self.path)
        try:
            self.descriptor = os.open(self.path, _FLAGS)
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            _remove(self.path)
            raise

    def move_in(self) -> None:
        """Rename the folder to its place; raises OSError if something is there."""
        os.rename(self.path, self._root)

    def discard(self) -> None:
        """Remove the folder, as far as the disk allows."""
        _remove(self.path)


def remove_leftovers(root: str) -> None:
    """Remove the folders in which killed commands put an environment for `root` together, as far as the disk allows."""
    parent, name = os.path.split(root)
    try:
        found = [each for each in os.listdir(parent) if _is_beside(each, name)]
    except OSError:
        return
    for each in found:
        _remove_if_left(os.path.join(parent, each))


def _is_beside(name: str, root: str) -> bool:
    start, _, end = name.rpartition("-new-")
    return start == root and len(end) == 16 and set(end) <= set("0123456789abcdef")


def _remove_if_left(path: str) -> None:
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return
    try:
        if os.fstat(descriptor).st_uid == os.geteuid():
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
    except OSError:
        return  # a command works in it, or the file system has no locks
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    # Imported here: it takes longer than to put a small environment together.
    import shutil  # noqa: PLC0415 - see above

    shutil.rmtree(path, ignore_errors=True)
