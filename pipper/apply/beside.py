"""Folders beside the place of an environment: one that is put together there, and one that it replaces.

A new environment is put together beside its place before one rename brings it there. One that stands in the place of
another first sets that aside with another rename, and removes it once it is there for good.

Their names cannot be guessed, and the folders themselves are locked while a command works with them. So what a killed
command left can be told from what another one needs. A sync that may have little to do imports this module, so it
imports little.
"""

import errno
import fcntl
import os
import stat

from pipper.apply.stamp import STAMP
from pipper.python.venv import ASIDE, BESIDE, STATE, UNFINISHED, is_made, place_of_beside, venv_python_path

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Beside:
    """A new folder in which an environment for the place `root` is put together; raises OSError.

    It has the group and the mode of the environment that is there.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self.path = _name(root, BESIDE)
        self.descriptor = -1
        try:
            _make_like(self.path, root)
            self.descriptor = os.open(self.path, _FLAGS)
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Before it was locked, another command may have taken it for one that was left, and removed it.
            if not os.path.samestat(os.fstat(self.descriptor), os.lstat(self.path)):
                raise FileNotFoundError(self.path)
        except BaseException:
            if self.descriptor >= 0:
                os.close(self.descriptor)
            self.discard()
            raise

    def move_in(self) -> None:
        """Rename the folder to its place; raises OSError if something is there."""
        os.rename(self.path, self._root)

    def discard(self) -> None:
        """Remove the folder, as far as the disk allows."""
        _remove(self.path, self._root)


class Aside:
    """The environment at `root`, which is to be replaced; raises OSError, also for a link.

    Its stamp is removed: with that, the next sync would have nothing to do, and leave what a killed command left.
    If the command is killed after `move_out`, `put_back_left` brings it back.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._path = _name(root, ASIDE)
        self._is_half_out = False
        self._descriptor = os.open(root, _FLAGS)
        try:
            _remove_stamp(root)
        except BaseException:
            os.close(self._descriptor)
            raise

    def move_out(self) -> None:
        """Rename it from its place to one beside; raises FileExistsError if another one is there, else OSError."""
        _lock(self._descriptor)
        try:
            if not os.path.samestat(os.fstat(self._descriptor), os.lstat(self._root)):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self._root)
            self._rename_out()
        except FileNotFoundError:
            return  # somebody removed it

    def _rename_out(self) -> None:
        try:
            os.rename(self._root, self._path)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            try:
                self._move_files_out()
            except BaseException:
                self._put_files_back()
                raise

    def _move_files_out(self) -> None:
        """Move it file by file: a folder of a lower layer of overlayfs cannot be renamed.

        If the command is killed meanwhile, both parts are marked as unfinished, and what is in its place is recreated.
        That one is marked only when all that no `venv` makes is out: nothing else is cleared. A sync may have written
        a stamp since.
        """
        self._is_half_out = True
        _make_like(self._path, self._root)
        descriptor = os.open(self._path, _FLAGS)
        os.close(self._descriptor)
        self._descriptor = descriptor
        _lock(descriptor)
        os.close(os.open(f"{self._path}/{UNFINISHED}", _NEW, 0o666))
        _remove_stamp(self._root)
        for name in sorted(os.listdir(self._root)):
            if not is_made(name):
                _move(f"{self._root}/{name}", f"{self._path}/{name}")
        os.close(os.open(f"{self._root}/{UNFINISHED}", _NEW, 0o666))
        _move(self._root, self._path)
        os.unlink(f"{self._path}/{UNFINISHED}")
        self._is_half_out = False

    def make_place(self) -> None:
        """Make an empty folder in the place of the environment that was moved out, with its group and mode."""
        try:
            _make_like(self._root, self._path)
        except FileExistsError:
            return

    def _put_files_back(self) -> None:
        """Undo `_move_files_out` where it was stopped, as far as the disk allows."""
        try:
            _move(self._path, self._root)
            os.unlink(f"{self._root}/{UNFINISHED}")
            self._is_half_out = False
        except OSError:
            return

    def put_back(self) -> None:
        """Undo `move_out`, if it was done; raises OSError if something is in its place."""
        if os.path.lexists(self._path):
            _remove_empty(self._root)  # not every file system renames a folder to another one
            os.rename(self._path, self._root)

    def remove(self) -> None:
        """Remove it where it was moved to, as far as the disk allows."""
        if not self._is_half_out:
            _remove_aside(self._path, self._root)

    def close(self) -> None:
        """Let other commands have it, if it is still there."""
        os.close(self._descriptor)


def remove_leftovers(root: str) -> None:
    """Remove what killed commands left beside the environment at `root`, as far as the disk allows.

    What they set aside stays as long as there is no whole environment in its place.
    """
    is_there = venv_python_path(root) is not None
    for path in _beside(root, BESIDE):
        _if_left(path, lambda each: _remove(each, root))
    for path in _beside(root, ASIDE) if is_there else ():
        _if_left(path, lambda each: _remove_aside(each, root))


def is_set_aside(root: str) -> bool:
    """Return whether an environment lies beside its place `root`, where a command set it aside."""
    return bool(_beside(root, ASIDE))


def put_back_left(root: str) -> bool:
    """Bring the environment back that a killed command set aside, if nothing is in its place; return whether it did.

    Of several that is the last one.
    """
    if os.path.lexists(root):
        return False
    for path in sorted(_beside(root, ASIDE), key=_changed, reverse=True):
        if _if_left(path, lambda each: os.rename(each, root)):
            return True
    return False


def _name(root: str, kind: str) -> str:
    """Return the path of a new folder beside `root`; raises OSError for a root that has no name, such as `/`."""
    parent, name = _parts(root)
    if not name:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), root)
    return os.path.join(parent, f"{name}{kind}{os.urandom(8).hex()}")


def _beside(root: str, kind: str) -> list[str]:
    """Return the folders of a kind beside `root`; none beside a root that has no name: all would match that."""
    parent, name = _parts(root)
    try:
        found = os.listdir(parent) if name else []
    except OSError:
        return []
    return [os.path.join(parent, each) for each in found if place_of_beside(each, kind) == name]


def _parts(root: str) -> tuple[str, str]:
    """Return the folder that a place is in and its name there; the name is empty for `/`, and for one in `..`."""
    parent, name = os.path.split(os.path.abspath(root))
    return (parent, "") if ".." in root.split(os.sep) else (parent, name)


def _changed(path: str) -> int:
    try:
        return os.lstat(path).st_ctime_ns
    except OSError:
        return 0


def _if_left(path: str, then: "Callable[[str], None]") -> bool:
    """Do something with what a killed command left, and return whether that was done.

    It is not done if a command works with it, if it is a link or another user's, and where that cannot be told.
    """
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError:
        return False
    try:
        if not os.fstat(descriptor).st_uid == os.lstat(path).st_uid == os.geteuid():
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        then(path)
    except OSError:
        return False  # a command works with it, or the file system has no locks
    else:
        return True
    finally:
        os.close(descriptor)


def _make_like(folder: str, other: str) -> None:
    """Make a folder; give it the group and the mode of another one, if there is that, as far as the system allows."""
    os.mkdir(folder)
    try:
        found = os.stat(other)
        if os.stat(folder).st_gid != found.st_gid:
            os.chown(folder, -1, found.st_gid)
        # Only with its group: another one must not get the rights of that.
        os.chmod(folder, stat.S_IMODE(found.st_mode))
    except OSError:
        return


def _lock(descriptor: int) -> None:
    """Lock an environment, after the command that has just made it; a file system without locks does without."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return


def _remove_stamp(root: str) -> None:
    try:
        os.unlink(f"{root}/{STATE}/{STAMP}")
    except FileNotFoundError:
        return


def _move(source: str, destination: str) -> None:
    # Imported here: few environments are moved so.
    from pipper.system.moves import move  # noqa: PLC0415 - see above

    move(source, destination, last=(UNFINISHED,))


def _remove_empty(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        return


def _remove_aside(path: str, root: str) -> None:
    if not _is_beside(path, root, ASIDE):
        return
    try:
        # Under the other name it is never put back, so that no command finds half of it in its place.
        trash = _name(root, BESIDE)
        os.rename(path, trash)
    except OSError:
        return
    _remove(trash, root)


def _remove(path: str, root: str) -> None:
    """Remove a folder beside `root` in which an environment was put together, as far as the disk allows.

    Whatever a caller found, nothing with another name is ever removed.
    """
    if not _is_beside(path, root, BESIDE):
        return
    # Imported here: it takes longer than to put a small environment together.
    import shutil  # noqa: PLC0415 - see above

    shutil.rmtree(path, ignore_errors=True)


def _is_beside(path: str, root: str, kind: str) -> bool:
    """Tell whether a path is exactly that of `root`, followed by the kind and 16 digits."""
    parent, name = _parts(root)
    start, end = path[:-16], path[-16:]
    return bool(name) and start == os.path.join(parent, name + kind) and set(end) <= set("0123456789abcdef")
