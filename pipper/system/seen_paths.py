"""A digest of what is at the paths that a stamp or a memo covers.

A command with nothing to do imports this module, so it imports little.
"""

import os

from pipper.system.digest import digest_each, digest_of_folder
from pipper.system.regular_file import read_regular
from pipper.system.trust import TRUSTED_FOLDERS

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class SeenPaths:
    """Paths and what was there: of files, which may be missing, their bytes; of folders, the names in them."""

    __slots__ = ("digest", "paths")

    def __init__(self, files: "Iterable[str]" = (), folders: "Iterable[str]" = ()) -> None:
        """Look at the paths; raises OSError."""
        self.paths = (*files, *(os.path.join(folder, "") for folder in folders))
        self.digest = digest_of_paths(self.paths)


def digest_of_paths(paths: "Sequence[str]") -> str:
    """Return the digest of what is at `SeenPaths.paths` now; empty without paths. Raises OSError.

    It also covers where their folders really are, and what the user trusts.
    """
    return digest_each(_facts(paths)) if paths else ""


def _facts(paths: "Sequence[str]") -> "Iterator[bytes]":
    yield os.fsencode(os.environ.get(TRUSTED_FOLDERS, ""))
    for folder in sorted(set(map(os.path.dirname, paths))):
        yield os.fsencode(os.path.realpath(folder))
    for path in paths:
        yield os.fsencode(path)
        try:
            if path.endswith(os.sep):
                yield digest_of_folder(path).encode()
            else:
                yield b"+" + read_regular(path)
        except (FileNotFoundError, NotADirectoryError):
            yield b""
