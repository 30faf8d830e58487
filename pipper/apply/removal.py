"""The files to remove with a distribution: those of its RECORD that no other owns, and folders that become empty."""

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pipper.apply.installed_record import RECREATE, Claim, parse_record, read_record, read_record_text
from pipper.apply.schemes import Layout
from pipper.core.plan import Installed
from pipper.errors import MachineError
from pipper.wheels.record import Row

_Node = dict[str, "_Node | None"]
"""The files to remove, as a tree: a folder maps names to nodes, a file is None."""

_ABSENT: Final[_Node] = {}

_TICK = 2 * 10**9
"""Nanoseconds: the coarsest times of change that file systems have (FAT)."""

_IS_COMPILED = re.compile(r"\.pyc(\.\d+)?$")
"""Bytecode, also the temporary file of a killed Python (`importlib` adds a number)."""


def library_of(dist_info: Path, layout: Layout) -> str:
    """Return the prefix of the library that contains a `.dist-info`; raises MachineError if no library does."""
    folder = os.path.realpath(dist_info.parent)
    for prefix in (layout.prefixes["purelib"], layout.prefixes["platlib"]):
        if folder == layout.absolute(prefix).rstrip("/"):
            return prefix
    raise MachineError(
        f"`{dist_info}` is not in a library of this environment",
        hint="remove it with the tool that installed it",
    )


def place_of(dist_info: Path, layout: Layout) -> str:
    """Return the path of a `.dist-info` below the anchor; raises MachineError as `library_of` does."""
    return library_of(dist_info, layout) + dist_info.name


def recorded(rows: Iterable[Row], dist_info: str, layout: Layout) -> dict[str, Row]:
    """Return the files of a RECORD by their path below the anchor, except those in its `.dist-info`.

    Skips paths outside the environment's schemes, which a RECORD may not own (H23). `dist_info` is below the anchor.
    """
    folder, slash, name = dist_info.rpartition("/")
    found = {}
    for row in rows:
        if not row.path.startswith(f"{name}/"):
            relative = layout.resolve(folder + slash, row.path)
            if relative is not None:
                found[relative] = row
    return found


def owned_by(distribution: Installed, layout: Layout) -> Iterable[str]:
    """Return the keys of the files of a distribution to remove; raises MachineError if it has no RECORD."""
    rows = read_record(str(distribution.dist_info))
    if rows is None:
        raise MachineError(
            f"{distribution.name} {distribution.version} cannot be removed: `{distribution.dist_info}` has no RECORD",
            cause="the tool that installed it did not record its files",
            hint=f"remove it with that tool, or {RECREATE}",
        )
    return map(layout.key, recorded(rows, place_of(distribution.dist_info, layout), layout))


def owned_by_others(paths: Iterable[str], staying: Iterable[Installed], layout: Layout) -> dict[str, Claim]:
    """Return the keys of those of `paths` that a distribution in `staying` owns, with the owner.

    Parses a RECORD only if its text contains the first part of one of the paths.
    """
    wanted = set(map(layout.key, paths))
    first_parts = _first_parts(wanted, layout)
    found: dict[str, Claim] = {}
    for distribution in staying if wanted else ():
        text = read_record_text(str(distribution.dist_info))
        if text is None or not any(part in layout.key(text) for part in first_parts):
            continue
        library = library_of(distribution.dist_info, layout)
        for row in parse_record(text, f"{distribution.dist_info}/RECORD"):
            relative = layout.resolve(library, row.path)
            if relative is not None and (key := layout.key(relative)) in wanted:
                found[key] = Claim(distribution.name, row.hash)
    return found


class Moves:
    """What to move away in order to remove files: `paths`, as `moves` returns them. Raises OSError."""

    def __init__(self, files: Iterable[str], layout: Layout) -> None:
        self._files = list(files)
        self._layout = layout
        self._began = time.time_ns()
        self._looked: dict[str, int] = {}
        self.paths = moves(self._files, layout, self._looked)

    def hold(self) -> bool:
        """Return whether nothing came into a folder that is moved as a whole; raises OSError."""
        # A folder that changed just before it was looked into may have changed after that with the same time.
        if all(
            changed < self._began - _TICK and _time(path) == changed for path, changed in self._looked.items()
        ):
            return True
        return sorted(moves(self._files, self._layout)) == sorted(self.paths)


def moves(paths: Iterable[str], layout: Layout, looked: dict[str, int] | None = None) -> list[str]:
    """Return the files and whole folders to move away in order to remove these files, by the names that they have.

    A folder is moved as a whole if everything in it is removed. Bytecode is removed with its module. Symbolic
    links are not followed, except the environment's own (`lib64`). `looked` gets the folders that may be moved as a
    whole, with their times of change in nanoseconds. Changes nothing on the disk; raises OSError.
    """
    looked = {} if looked is None else looked
    root: _Node = {}
    for path in paths:
        node = root
        *folders, name = layout.key(path).split("/")
        for folder in folders:
            child = node.get(folder)
            if child is None:
                child = node[folder] = {}
            node = child
        node.setdefault(name, None)
    found: list[str] = []
    _protected("", root, layout, found, looked)
    return found


def _time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return 0


def _protected(relative: str, node: _Node, layout: Layout, found: list[str], looked: dict[str, int]) -> None:
    """Find moves in a folder that is kept. Looks only at listed names, because such a folder may be big."""
    cache = f"{relative}__pycache__"
    if os.path.isdir(layout.absolute(cache)):
        node = {**node, "__pycache__": {**(node.get("__pycache__") or {}), **_compiled(cache, node, layout)}}
    names = _names(relative, layout)
    for name, child in node.items():
        path = f"{relative}{names.get(name, name)}"
        place = layout.absolute(path)
        if child is None:
            if os.path.lexists(place) and (os.path.islink(place) or not os.path.isdir(place)):
                found.append(path)
        elif os.path.isdir(place) and not _leads_away(place, path, layout):
            if layout.keeps(path):
                _protected(f"{path}/", child, layout, found, looked)
            elif _covered(f"{path}/", child, layout, found, looked):
                found.append(path)


def _names(relative: str, layout: Layout) -> dict[str, str]:
    """Return the names in a folder by their keys, where they can differ."""
    if not layout.ignores_case:
        return {}
    return {layout.key(name): name for name in os.listdir(layout.absolute(relative))}


def _leads_away(place: str, path: str, layout: Layout) -> bool:
    """Return whether a folder is a link other than the environment's own, such as `lib64`."""
    if not os.path.islink(place):
        return False
    return not layout.keeps(path) or not os.path.realpath(place).startswith(f"{layout.anchor}/")


def _covered(relative: str, node: _Node, layout: Layout, found: list[str], looked: dict[str, int]) -> bool:
    """Return whether all of a folder is removed; if not, add the parts to remove to `found`."""
    whole = True
    parts: list[str] = []
    place = layout.absolute(relative)
    looked[place] = _time(place)
    for entry in list(os.scandir(place)):
        child = node.get(layout.key(entry.name), _ABSENT)
        path = f"{relative}{entry.name}"
        if not entry.is_dir(follow_symlinks=False):
            goes = child is None
        elif child is None:
            goes = False
        elif entry.name == "__pycache__":
            goes = _covered(f"{path}/", {**child, **_compiled(path, node, layout)}, layout, parts, looked)
        else:
            goes = child is not _ABSENT and _covered(f"{path}/", child, layout, parts, looked)
        if goes:
            parts.append(path)
        whole = whole and goes
    if not whole:
        found.extend(parts)
    return whole


def _compiled(cache: str, modules: _Node, layout: Layout) -> _Node:
    """Return the bytecode in a `__pycache__` of modules to remove."""
    return {
        layout.key(entry.name): None
        for entry in os.scandir(layout.absolute(cache))
        if _IS_COMPILED.search(entry.name)
        and modules.get(layout.key(f"{entry.name.partition('.')[0]}.py"), _ABSENT) is None
    }


def _first_parts(paths: set[str], layout: Layout) -> set[str]:
    prefixes = sorted(set(map(layout.key, layout.prefixes.values())), key=len, reverse=True)
    parts = set()
    for path in paths:
        inner = next(path[len(prefix) :] for prefix in prefixes if path.startswith(prefix))
        parts.add(inner.partition("/")[0])
    return parts
