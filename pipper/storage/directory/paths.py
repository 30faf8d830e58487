"""Where the objects of a directory lie: below its root, and never behind a link that leads out of it."""

import os
import stat
from pathlib import Path

from pipper.errors import IntegrityError
from pipper.system.os_errors import os_errors


def path_below(root: Path, key: str) -> Path:
    """Return the path of a safe key below `root`, which has no links itself.

    Raises IntegrityError if a link leads out of the root, MachineError if the path cannot be examined.
    """
    path = root / key
    with os_errors("examine", path):
        if _has_no_link(root, key):
            return path
        # Compared after links are resolved. This also covers drive letters on Windows.
        real = os.path.realpath(path.parent)  # on Windows, in the case of letters that the disk has
        inside = os.path.normcase(real) == os.path.normcase(path.parent) and path.is_relative_to(root)
        if inside and path.is_symlink():
            inside = Path(os.path.realpath(path)).is_relative_to(root)
    if not inside:
        raise link_refused(path)
    return path


def link_refused(path: Path) -> IntegrityError:
    """Return the error for a link that may not be followed."""
    return IntegrityError(
        f"{path} is an unsafe symbolic link",
        cause="a link in a repository may only point to a file inside it",
        hint="replace the link with the files",
    )


def _has_no_link(root: Path, key: str) -> bool:
    """Return whether what there is of the path of `key` is neither a link nor below one; raises OSError.

    A third of the work of `realpath`. On Windows it may be a junction, so there it is always False.
    """
    if os.name == "nt":
        return False
    place = os.fspath(root)
    for name in key.split("/"):
        place = f"{place}/{name}"
        try:
            if stat.S_ISLNK(os.lstat(place).st_mode):
                return False
        except (FileNotFoundError, NotADirectoryError):
            return True
    return True
