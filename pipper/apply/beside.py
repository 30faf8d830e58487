"""A folder beside the place of a new environment, in which it is put together before one rename brings it there.

Its name cannot be guessed, and the folder itself is locked while a command works in it. So what a killed command left
can be told from what another one needs. A sync that may have little to do imports this module, so it imports little.
"""

import fcntl
import os

from pipper.python.venv import BESIDE, is_beside

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Beside:
    """A new folder in which an environment for the place `root` is put together; raises OSError."""

    def __init__(self, root: str) -> None:
        self._root = root
        self.path = f"{root}{BESIDE}{os.urandom(8).hex()}"
        self.descriptor = -1
        try:
            os.mkdir(self.path)
            self.descriptor = os.open(self.path, _FLAGS)
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Before it was locked, another command may have taken it for one that was left, and removed it.
            if not os.path.samestat(os.fstat(self.descriptor), os.lstat(self.path)):
                raise FileNotFoundError(self.path)
        except BaseException:
            if self.descriptor >= 0:
                os.close(self.descriptor)
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
        found = [
            each for each in os.listdir(parent) if is_beside(each) and each.rpartition(BESIDE)[0] == name
        ]
    except OSError:
        return
    for each in found:
        _remove_if_left(os.path.join(parent, each))


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
