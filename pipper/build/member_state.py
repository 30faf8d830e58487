"""What an installed member depends on: when it changed, the member is built again."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from pipper.build.source_tree import Folder, walk_tree
from pipper.core.document import MANIFEST_LIMIT, read_toml
from pipper.core.manifest.version_files import VersionFile, version_files
from pipper.errors import UsageError
from pipper.system.digest import digest, digest_each
from pipper.system.files import read_bytes
from pipper.system.os_errors import os_errors
from pipper.system.trust import is_inside

BUILD_FILES = ("pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in")
"""The files whose change makes the editable build of a member void."""
_BY_CONTENT = (*BUILD_FILES, "pipper.toml")
"""The files that a command may write after it built the member, so that their times say nothing."""
_FORMAT = b"1"
_PROGRAM = 0o111
"""The bits of a mode of which one makes a file a program."""
_NOTHING: Mapping[str, bytes] = MappingProxyType({})


class Watched(Struct, frozen=True, kw_only=True):
    """Paths whose change, appearance or removal may make an environment differ from its lock and members."""

    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    """Only the names of what is in them count, and which are folders."""
    links: tuple[str, ...] = ()
    """Links in these folders that lead to no folder now."""


def member_state(folder: Path, *, editable: bool, facts: str, edited: Mapping[str, bytes] = _NOTHING) -> str:
    """Return a digest of what the build of a member depends on.

    That is its place; `facts`, such as the interpreter; `BUILD_FILES` and a backend in its own tree; for an editable
    one, the version in files that its configuration names; for another one, its manifest, and the `tree_state` of every
    other file. `edited` are files of the folder, by name, that are not written yet. Raises MachineError if a file
    cannot be read.
    """
    place = os.fsencode(os.path.realpath(folder))
    parts = [_FORMAT, b"editable" if editable else b"wheel", facts.encode(), place]
    own = () if editable else (folder / _BY_CONTENT[-1],)
    tree = [] if editable else [tree_state(folder, without=_BY_CONTENT).encode()]
    files = _contents(folder, (*_editable_files(folder), *own), edited)
    versions = _versions(folder) if editable else ()
    return digest_each(chain(parts, files, tree, versions))


def _contents(folder: Path, paths: Iterable[Path], edited: Mapping[str, bytes]) -> Iterator[bytes]:
    for path in paths:
        name = os.path.relpath(path, folder)
        data = edited[name] if name in edited else read_bytes(path)
        if data is not None:
            yield os.fsencode(name)
            yield data


def watched_of(folder: Path, *, editable: bool) -> Watched:
    """Return the paths that `member_state` reads; raises MachineError if the folder cannot be read."""
    files = [*_editable_files(folder), *(folder / each.path for each in _version_files(folder))]
    if editable:
        walked = list(_backend_tree(folder))
    else:
        with os_errors("read", folder):
            walked = list(walk_tree(folder))
        files += (each.path / name for each in walked for name in each.files)
    files += (each.path / name for each in walked for name in each.ends)  # what they lead to may change
    folders = dict.fromkeys(str(each.path) for each in walked)
    return Watched(files=tuple(dict.fromkeys(map(str, files))), folders=tuple(folders))


def tree_state(folder: Path, *, without: Collection[str] = ()) -> str:
    """Return a digest of the place, and of every file that a build may read: size, time, and whether it is a program.

    `without` are names of files in the folder that do not count. Raises MachineError.
    """
    facts = [os.fsencode(os.path.realpath(folder))]
    with os_errors("read", folder):
        for each in walk_tree(folder):
            inner = each.path.relative_to(folder)
            for name in each.files:
                if each.path == folder and name in without:
                    continue
                found = (each.path / name).stat()
                program = bool(found.st_mode & _PROGRAM)
                facts.append(os.fsencode(f"{inner / name} {found.st_size} {found.st_mtime_ns} {program}"))
    return digest(*facts)


def _editable_files(folder: Path) -> Iterator[Path]:
    for name in BUILD_FILES:
        yield folder / name
    for each in _backend_tree(folder):
        yield from (each.path / name for name in each.files if name.endswith(".py"))


def _backend_tree(folder: Path) -> Iterator[Folder]:
    for place in _backend_paths(folder):
        if not is_inside(os.path.realpath(folder / place), os.path.realpath(folder)):
            continue  # PEP 517: the backend is in the tree of the project
        if not (folder / place).is_dir():
            continue  # the build reports it
        with os_errors("read", folder / place):
            yield from walk_tree(folder / place)


def _backend_paths(folder: Path) -> tuple[str, ...]:
    data = read_bytes(folder / BUILD_FILES[0]) or b""
    if b"backend-path" not in data:
        return ()
    try:
        table = read_toml(data, label=BUILD_FILES[0], limit=MANIFEST_LIMIT).at("build-system", {})
        return table.at("backend-path", []).texts()
    except UsageError:
        return ()  # the build reports it


def _version_files(folder: Path) -> tuple[VersionFile, ...]:
    data, setup_cfg = (read_bytes(folder / name) or b"" for name in (BUILD_FILES[0], BUILD_FILES[2]))
    if b"dynamic" not in data and b"version" not in setup_cfg:
        return ()
    try:
        return version_files(read_toml(data, label=BUILD_FILES[0], limit=MANIFEST_LIMIT), setup_cfg)
    except UsageError:
        return ()  # the build reports it


def _versions(folder: Path) -> Iterator[bytes]:
    for each in _version_files(folder):
        path = folder / each.path
        if each.path not in BUILD_FILES and path.is_file():
            yield os.fsencode(each.path)
            yield each.part(read_bytes(path) or b"")
