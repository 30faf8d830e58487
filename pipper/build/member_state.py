"""What an installed member depends on: when it changed, the member is built again."""

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from pipper.build.source_tree import tree_files
from pipper.core.document import MANIFEST_LIMIT, read_toml
from pipper.errors import UsageError
from pipper.system.digest import digest
from pipper.system.files import read_bytes
from pipper.system.os_errors import os_errors

BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in")
"""The files whose change makes the editable build of a member void."""
_FORMAT = b"1"


class Watched(Struct, frozen=True, kw_only=True):
    """Paths whose change, appearance or removal may make an environment differ from its lock and members."""

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    """Only the names of what is in them count."""


def member_state(folder: Path, *, editable: bool, facts: str) -> str:
    """Return a digest of what the build of a member depends on.

    That is its place; `facts`, such as the interpreter; `BUILD_FILES` and a backend in its own tree; for one that is
    not editable, size and time of every file. Raises MachineError if a file cannot be read.
    """
    place = os.fsencode(os.path.realpath(folder))
    parts = [_FORMAT, b"editable" if editable else b"wheel", facts.encode(), place]
    for path in _editable_files(folder):
        data = read_bytes(path)
        if data is not None:
            parts += [os.fsencode(os.path.relpath(path, folder)), data]
    return digest(*parts) if editable else digest(*parts, tree_state(folder).encode())


def watched_of(folder: Path, *, editable: bool) -> Watched:
    """Return the paths that `member_state` reads; raises MachineError if the folder cannot be read."""
    files = list(_editable_files(folder))
    if editable:
        return Watched(files=tuple(map(str, files)))
    with os_errors("read", folder):
        files = [*files, *tree_files(folder)]
    folders = dict.fromkeys(str(path.parent) for path in files)
    return Watched(files=tuple(dict.fromkeys(map(str, files))), folders=tuple(folders))


def tree_state(folder: Path) -> str:
    """Return a digest of the place, and of size and time of every file that a build may read; raises MachineError."""
    facts = [os.fsencode(os.path.realpath(folder))]
    with os_errors("read", folder):
        for path in tree_files(folder):
            found = path.lstat()
            facts.append(os.fsencode(f"{path.relative_to(folder)} {found.st_size} {found.st_mtime_ns}"))
    return digest(*facts)


def _editable_files(folder: Path) -> Iterator[Path]:
    for name in BUILD_FILES:
        yield folder / name
    data = read_bytes(folder / BUILD_FILES[0]) or b""
    if b"backend-path" not in data:
        return
    try:
        table = read_toml(data, label=BUILD_FILES[0], limit=MANIFEST_LIMIT).at("build-system", {})
        places = table.at("backend-path", []).texts()
    except UsageError:
        return  # the build reports it
    for place in places:
        if not (folder / place).is_dir():
            continue  # the build reports it
        with os_errors("read", folder / place):
            yield from (path for path in tree_files(folder / place) if path.suffix == ".py")
