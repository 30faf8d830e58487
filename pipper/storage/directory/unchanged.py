"""Whether a directory is as a store read it, told without the store: a lock that is remembered looks at nothing else.

The answer is yes only if it is certain. A link, or a name that a store passes over, makes it no. This module imports
little.
"""

import os
import stat

from pipper.core.reads import FOLDERS, OBJECT, Read
from pipper.system.digest import digest_of_names
from pipper.system.regular_file import read_regular

try:
    from _sha256 import sha256  # type: ignore[import-not-found]  # without OpenSSL, which takes longer to load
except ImportError:  # its name since Python 3.12, and an implementation of Python without it
    try:
        from _sha2 import sha256  # type: ignore[import-not-found]  # as above
    except ImportError:
        from hashlib import sha256

HIDDEN = ".pipper-store"
"""The folder of a store's own files: its lock, its notes, unfinished objects."""


def is_as_read(root: str, read: Read) -> bool:
    """Return whether a read of the store in `root`, a real path, would be answered in the same way again."""
    try:
        if read.kind == OBJECT:
            return has_object(root, read.key, read.validator)
        return read.kind == FOLDERS and digest_of_names(_folders(root)) == read.validator
    except OSError:
        return False


def has_object(root: str, key: str, etag: str) -> bool:
    """Return whether the object `key` has this etag, or with an empty one, does not exist; raises OSError."""
    path = root
    for name in key.split("/"):
        path = os.path.join(path, name)
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return not etag
        if stat.S_ISLNK(found.st_mode):
            return False
    return bool(etag) and sha256(read_regular(path, follow=False)).hexdigest() == etag


def _folders(root: str) -> list[str]:
    """Return the folders of a store that hold a file; raises OSError, also for a link."""
    with os.scandir(root) as entries:
        return [
            each.name for each in entries if each.name != HIDDEN and _is_folder(each) and _has_file(each.path)
        ]


def _has_file(folder: str) -> bool:
    with os.scandir(folder) as entries:
        found = list(entries)
    folders = [each for each in found if _is_folder(each)]
    return len(folders) < len(found) or any(_has_file(each.path) for each in folders)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    if entry.is_symlink():
        raise OSError(f"`{entry.path}` is a link")
    return entry.is_dir()
