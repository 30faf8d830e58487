"""Copy a source tree for a build: stale files do not get into the wheel, new ones do not get into the tree."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipper.errors import UsageError
from pipper.python.venv import is_beside

_EXCLUDED = frozenset(
    {"__pycache__", ".hg", ".svn", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_EXCLUDED_AT_ROOT = frozenset({".git", ".pipper", "build", "dist"})
OLDEST = 315532800
"""1980, in seconds since 1970: the first year that a zip can store."""


def require_project(source: Path) -> None:
    """Raise UsageError if the folder is not that of a Python project."""
    if not any((source / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise UsageError(
            f"{source} is not a Python project",
            cause="it has neither pyproject.toml nor setup.py",
            hint="name the folder that has one of them",
        )


def copy_tree(source: Path, copy: Path) -> int:
    """Copy the files that a build may need; return the time of the newest in seconds since 1970.

    Leaves out environments, caches and earlier builds, and links to `.git`, for backends that read the version
    from it. Raises OSError.
    """
    newest = OLDEST

    def excluded(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        return {name for name in names if _is_excluded(here, name, at_root=here == source)}

    def copy_file(original: str, target: str) -> str:
        nonlocal newest
        newest = max(newest, int(Path(original).stat().st_mtime))
        return shutil.copy2(original, target)

    shutil.copytree(source, copy, ignore=excluded, copy_function=copy_file, ignore_dangling_symlinks=True)
    # Without permission to make links, only a backend that runs git misses the link; it reports that itself.
    if (source / ".git").exists():
        with contextlib.suppress(OSError):
            (copy / ".git").symlink_to(source / ".git")
    return newest


def _is_excluded(folder: Path, name: str, *, at_root: bool) -> bool:
    if name in _EXCLUDED or is_beside(name) or (folder / name / "pyvenv.cfg").is_file():
        return True
    if name.endswith(".egg-info"):
        return at_root or folder.name == "src"
    # A package may be called `build`.
    return at_root and (
        name.endswith(".pipper")
        or (name in _EXCLUDED_AT_ROOT and not (folder / name / "__init__.py").is_file())
    )


def tree_files(source: Path) -> Iterator[Path]:
    """Yield the files that `copy_tree` copies, folder by folder; raises OSError."""
    for folder, folders, names in os.walk(source, onerror=_raise):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not _is_excluded(here, name, at_root=here == source))
        yield from (
            here / name for name in sorted(names) if not _is_excluded(here, name, at_root=here == source)
        )


def _raise(error: OSError) -> None:
    raise error


def copy_error(error: OSError) -> str:
    """Return the reason why a tree could not be copied."""
    if isinstance(error, shutil.Error):
        return "; ".join(str(reason) for _, _, reason in error.args[0][:3])
    return f"{error.filename}: {error.strerror}" if error.strerror else str(error)
