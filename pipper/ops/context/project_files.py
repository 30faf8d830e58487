"""The manifest and the lock of a project as bytes, each read once a run.

A sync with nothing to do imports this module, so it imports little.
"""

import errno
import os
import stat

from pipper.system.regular_file import read_regular
from pipper.system.trust import is_own

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Mapping

PIPPER_TOML = "pipper.toml"
PYPROJECT_TOML = "pyproject.toml"
LOCK_NAME = "pipper.lock"
SETUP_FILES = ("setup.py", "setup.cfg")
PYTHON_VERSION = ".python-version"
"""The file of pyenv and uv that names the Python of a project."""

_LARGEST = 2**20
"""Bytes of a manifest: `core.document.MANIFEST_LIMIT`, which takes longer to import."""
_NOT_OURS = frozenset({errno.EPERM, errno.EINVAL, errno.ELOOP})
"""What `_mark` says of the file of another user, of what is no regular file, and of a link to itself."""
_VENV = ".venv"
_ENVIRONMENT = "PIPPER_ENVIRONMENT"
"""The variable with another path for the environment of a project; a relative one begins at the project."""


class ReadFile:
    """A file as it was when it was read."""

    __slots__ = ("_mark", "data", "path")

    def __init__(self, path: str) -> None:
        """Read `path` if it exists; raise OSError, also if it is not a regular file."""
        self.path = path
        self._mark = _mark(path)
        self.data: bytes | None = None
        if self._mark:
            self.data = read_regular(path)

    @property
    def is_outdated(self) -> bool:
        """Whether the file was replaced, edited or removed since; True if it cannot be examined."""
        try:
            return _mark(self.path) != self._mark
        except OSError:
            return True


class ProjectFiles:
    """The manifest of a project and the lock beside it."""

    __slots__ = ("beside", "lock", "manifest")

    def __init__(self, manifest: ReadFile, lock: ReadFile) -> None:
        self.manifest = manifest
        self.lock = lock
        self.beside = _beside(manifest.path)
        """What else in the folder counts, as it was before a command used it; None if some of it cannot be read."""

    @property
    def root(self) -> str:
        """The folder of the project."""
        return os.path.dirname(self.manifest.path)

    @property
    def is_outdated(self) -> bool:
        """Whether one of the files changed since it was read."""
        return self.manifest.is_outdated or self.lock.is_outdated


def lock_beside(manifest_path: str) -> str:
    """Return the path of the lock for this manifest."""
    return os.path.join(os.path.dirname(manifest_path), LOCK_NAME)


def environment_path(root: "str | os.PathLike[str]", environ: "Mapping[str, str]") -> str:
    """Return the path of the virtual environment of the project at `root`, without `.`, `..` or a `/` at its end."""
    return os.path.normpath(os.path.join(root, environ.get(_ENVIRONMENT) or _VENV))


def version_file(root: "str | os.PathLike[str]") -> bytes:
    """Return the content of the `.python-version` of the project at `root`, empty without one; raise OSError."""
    return _content(root, PYTHON_VERSION) or b""


def _content(root: "str | os.PathLike[str]", name: str) -> bytes | None:
    try:
        return read_regular(os.path.join(root, name))
    except FileNotFoundError:
        return None


def _beside(manifest: str) -> bytes | None:
    """Return the version file, and the files of setuptools, which may refuse a `pyproject.toml`; None if unreadable."""
    root, name = os.path.split(manifest)
    names = (PYTHON_VERSION, *SETUP_FILES) if name == PYPROJECT_TOML else (PYTHON_VERSION,)
    try:
        contents = [_content(root, each) for each in names]
    except OSError:
        return None
    return b"\0".join(b"" if each is None else b"+" + each for each in contents)


def likely_project(directory: str) -> ProjectFiles | None:
    """Return the files of the project that `directory` is probably in, None if that is uncertain.

    Never raises: `find_manifest` raises the error. Accepts a `pyproject.toml` that only contains the word pipper,
    since a check for the table `[tool.pipper]` needs a TOML parser.
    """
    try:
        return _likely(os.path.abspath(directory))
    except OSError:
        return None


def _likely(folder: str) -> ProjectFiles | None:
    while True:
        own, standard = os.path.join(folder, PIPPER_TOML), ReadFile(os.path.join(folder, PYPROJECT_TOML))
        names_us = b"pipper" in (standard.data or b"")
        is_own = _mark(own) is not None
        if is_own and names_us:
            return None
        if is_own or names_us:
            if _may_be_member(os.path.dirname(folder), folder):
                return None
            return ProjectFiles(ReadFile(own) if is_own else standard, ReadFile(lock_beside(own)))
        folder, below = os.path.dirname(folder), folder
        if folder == below:
            return None


def _may_be_member(folder: str, below: str) -> bool:
    """Return whether a manifest in `folder` or above it may have a workspace."""
    while folder != below:
        if any(
            b"workspace" in read_above(os.path.join(folder, name)) for name in (PIPPER_TOML, PYPROJECT_TOML)
        ):
            return True
        folder, below = os.path.dirname(folder), folder
    return False


def read_above(path: str) -> bytes:
    """Return the bytes of a manifest above a project; empty if it is missing or can have no workspace of this user.

    That is one of another user, one larger than a manifest may be, and what is no regular file: strangers may write in
    a folder above, such as `/tmp`. Raises OSError if it cannot be read.
    """
    try:
        mark = _mark(path)
    except OSError as error:
        if error.errno in _NOT_OURS:
            return b""
        raise
    return b"" if mark is None or mark[1] > _LARGEST else read_regular(path, _LARGEST)


def _mark(path: str) -> tuple[int, int, int] | None:
    """Return inode, size in bytes and modification time of a regular file, None for no file.

    Raises OSError for anything else: an unreadable folder is not an empty one, and a file or link of another user
    is not used.
    """
    try:
        place = os.lstat(path)
        found = os.stat(path) if stat.S_ISLNK(place.st_mode) else place
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not is_own(path, place) or not is_own(path, found):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), path)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", path)
    return found.st_ino, found.st_size, found.st_mtime_ns
