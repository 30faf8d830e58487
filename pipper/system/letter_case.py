"""File systems that do not tell names apart by the case of their letters, as most of macOS and Windows do not."""

import os


def ignores_case(path: str | os.PathLike[str]) -> bool:
    """Return whether the file at `path`, whose name has letters, is found by its name in the other case too.

    The answer holds for the folder that it is in. False if there is no such file.
    """
    folder, name = os.path.split(path)
    try:
        return os.path.samestat(os.lstat(path), os.lstat(os.path.join(folder, name.swapcase())))
    except OSError:
        return False


def is_one_place(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Return whether two paths lead to one file or folder, or, where there is none, are written alike."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)
