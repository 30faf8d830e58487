"""Copy a source tree for a build: stale files do not get into the wheel, new ones do not get into the tree."""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from pipper.cache.parts import INTERPRETERS, SIGNATURE, TAG, is_own
from pipper.errors import MachineError, UsageError
from pipper.python.venv import is_beside

_EXCLUDED = frozenset(
    {"__pycache__", ".hg", ".svn", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_EXCLUDED_AT_ROOT = frozenset({".git", ".pipper", "build", "dist"})
OLDEST = 315532800
"""1980, in seconds since 1970: the first year that a zip can store."""
_MOST_AGAIN = 50_000


def require_project(source: Path) -> None:
    """Raise UsageError if the folder is not that of a Python project."""
    if not any((source / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise UsageError(
            f"{source} is not a Python project",
            cause="it has neither pyproject.toml nor setup.py",
            hint="name the directory that has one of them",
        )


def copy_tree(source: Path, copy: Path) -> int:
    """Copy the files that a build may need; return the time of the newest in seconds since 1970.

    Copies what links lead to, wherever that is. Leaves out environments, caches and earlier builds, and links to
    `.git`, for backends that read the version from it. Raises OSError, and what `walk_tree` raises.
    """
    newest = OLDEST
    for folder in list(walk_tree(source)):  # all before the first copy, to which a link may lead
        target = copy / folder.path.relative_to(source)
        target.mkdir(parents=True)
        for name in folder.files:
            newest = max(newest, int((folder.path / name).stat().st_mtime))
            shutil.copy2(folder.path / name, target / name)
    # Without permission to make links, only a backend that runs git misses the link; it reports that itself.
    if (source / ".git").exists():
        with contextlib.suppress(OSError):
            (copy / ".git").symlink_to(source / ".git")
    return newest


def _is_excluded(folder: Path, name: str, *, at_root: bool) -> bool:
    if name in _EXCLUDED or is_beside(name):
        return True
    if name.endswith(".egg-info"):
        return at_root or folder.name == "src"
    # A package may be called `build`.
    return at_root and (
        name.endswith(".pipper")
        or (name in _EXCLUDED_AT_ROOT and not (folder / name / "__init__.py").is_file())
    )


def _is_foreign(folder: Path) -> bool:
    """Tell whether a folder is an environment or a cache, that of pipper too, which builds write to."""
    if (folder / "pyvenv.cfg").is_file():
        return True
    if (folder / TAG).is_file():
        with (folder / TAG).open("rb") as file:
            if file.read(len(SIGNATURE)) == SIGNATURE:
                return True
    # A cache of pipper that was made in a folder with other files has no tag, but always facts about a Python.
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        names = (each.name for each in (folder / INTERPRETERS).iterdir())
        return any(name.endswith(".json") and is_own(INTERPRETERS, name) for name in names)
    return False


class Folder(Struct, frozen=True, kw_only=True):
    """A folder that `copy_tree` copies."""

    path: Path
    files: tuple[str, ...]
    """The names of the files in it that are copied, and of links to files."""
    ends: tuple[str, ...]
    """The names of links in it that lead to nothing, to what cannot be looked at, or back to a folder around them.

    Nothing of these is copied."""


def walk_tree(source: Path) -> Iterator[Folder]:
    """Yield the folders that `copy_tree` copies, each before those in it, through links to folders too.

    Raises OSError; MachineError if links lead to folders again more than 50,000 times: a few that lead to each other's
    folders stand for more files than a disk has.
    """
    waiting: list[tuple[Path, tuple[tuple[int, int], ...]]] = [(source, ())]
    seen: set[tuple[int, int]] = set()
    again = 0
    while waiting:
        here, around = waiting.pop()
        mark = _mark(here.stat())
        again += mark in seen
        if again > _MOST_AGAIN:
            raise _endless(source, here)
        seen.add(mark)
        around = (*around, mark)
        files: list[str] = []
        ends: list[str] = []
        inner: list[Path] = []
        for entry in _entries(here, at_root=here == source):
            found = _look(entry)
            if found is None or _mark(found) in around:
                ends.append(entry.name)
            elif not stat.S_ISDIR(found.st_mode):
                files.append(entry.name)
            elif not _is_foreign(here / entry.name):
                inner.append(here / entry.name)
        yield Folder(path=here, files=tuple(files), ends=tuple(ends))
        waiting += ((place, around) for place in reversed(inner))


def _mark(found: os.stat_result) -> tuple[int, int]:
    return (found.st_dev, found.st_ino)


def _look(entry: "os.DirEntry[str]") -> os.stat_result | None:
    """Return what an entry is, or what the link leads to; None for a link that cannot be followed; raises OSError."""
    try:
        return entry.stat()
    except OSError:
        # It leads to nothing, to itself, or through what is forbidden.
        if entry.is_symlink():
            return None
        raise


def _endless(source: Path, here: Path) -> MachineError:
    return MachineError(
        f"links in {source} lead to the same directories more than {_MOST_AGAIN:,} times",
        cause="a build gets a copy of what each link leads to, and links that lead to each other's folders never end",
        hint=f"remove or move such links, for example in {here}",
    )


def _entries(folder: Path, *, at_root: bool) -> "list[os.DirEntry[str]]":
    with os.scandir(folder) as entries:
        kept = [each for each in entries if not _is_excluded(folder, each.name, at_root=at_root)]
    return sorted(kept, key=lambda each: each.name)


def copy_error(error: OSError) -> str:
    """Return the reason why a tree could not be copied."""
    return f"{error.filename}: {error.strerror}" if error.strerror else str(error)
