"""The folders that the patterns of a workspace match on the disk."""

import contextlib
import os
from collections import deque
from pathlib import Path

from pipper.core.manifest.folder_pattern import FolderPattern, Workspace, folder_pattern
from pipper.system.os_errors import os_errors
from pipper.system.trust import is_inside, is_trusted, refuse_link_out


def workspace_folders(workspace: Workspace, root: Path) -> list[Path]:
    """Return the folders of a workspace, without duplicates; hidden ones only if named.

    A pattern without wildcards is a folder also if it does not exist. Raises MachineError if a folder cannot be read,
    or if a link that a pattern names leads out of `root`.
    """
    found: dict[Path, None] = {}
    for text in workspace.members:
        pattern = folder_pattern(text)
        if all(map(pattern.literal, range(pattern.end))):
            found[root / text] = None
            continue
        walk = _Walk(pattern, root)
        found |= dict.fromkeys(sorted(walk.matching))
    return [
        path for path in found if path != root and not workspace.excludes(path.relative_to(root).as_posix())
    ]


def looked_at(workspace: Workspace, root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the folders in which a folder may appear that a pattern matches, and the links that may become one.

    Raises as `workspace_folders`.
    """
    walks = [_Walk(folder_pattern(text), root) for text in workspace.members]
    folders = dict.fromkeys(str(path) for walk in walks for path in sorted(walk.looked_into))
    links = dict.fromkeys(str(path) for walk in walks for path in sorted(walk.links))
    return tuple(folders), tuple(links)


class _Walk:
    """One walk for one pattern. It looks at each folder at most once for each part of the pattern.

    As in `Path.glob`, `**` follows no link. Other wildcards follow those that stay in the workspace.
    """

    def __init__(self, pattern: FolderPattern, root: Path) -> None:
        self.matching: set[Path] = set()
        self.looked_into: set[Path] = set()
        self.links: set[Path] = set()
        """Those in a folder looked into that lead to no folder."""
        self._pattern = pattern
        self._root = root
        self._real_root = os.path.realpath(root)
        self._todo = deque([(root, self._real_root, 0)])
        self._seen: set[tuple[str, int]] = set()
        self._listed: dict[str, list[tuple[str, bool]]] = {}
        with os_errors("look into", root):
            while self._todo:
                self._look(*self._todo.popleft())

    def _look(self, folder: Path, real: str, position: int) -> None:
        if position == self._pattern.end:
            self.matching.add(folder)
            return
        if (real, position) in self._seen:
            return  # a link leads back to it
        self._seen.add((real, position))
        name = self._pattern.literal(position)
        if name:
            self._take(folder, real, name, position + 1)
            return
        is_deep = self._pattern.is_any_depth(position)
        if is_deep:
            self._todo.append((folder, real, position + 1))
        self.looked_into.add(folder)
        for name, is_link in self._folders(folder, real):
            if self._pattern.accepts(position, name) and not (is_deep and is_link):
                self._follow(folder / name, real, is_link=is_link, position=position + (not is_deep))

    def _take(self, folder: Path, real: str, name: str, position: int) -> None:
        path = folder / name
        if not path.is_dir():
            self.looked_into.add(folder)
            if path.is_symlink():
                self.links.add(path)
            return
        if position < self._pattern.end:
            refuse_link_out(path, self._root)
        self._todo.append((path, os.path.realpath(f"{real}{os.sep}{name}"), position))

    def _follow(self, path: Path, real: str, *, is_link: bool, position: int) -> None:
        target = os.path.realpath(path) if is_link else f"{real}{os.sep}{path.name}"
        if position == self._pattern.end or is_inside(target, self._real_root) or is_trusted(path):
            self._todo.append((path, target, position))

    def _folders(self, folder: Path, real: str) -> list[tuple[str, bool]]:
        """Return the names of the folders in a folder, and whether they are links; none where listing is forbidden."""
        if real not in self._listed:
            found: list[tuple[str, bool]] = []
            for each in _entries(folder):
                if _is_folder(each):
                    found.append((each.name, each.is_symlink()))
                elif each.is_symlink():
                    self.links.add(folder / each.name)
            found.sort(
                key=lambda each: (each[1], each[0])
            )  # a folder is known by its own path, not by a link to it
            self._listed[real] = found
        return self._listed[real]


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    with contextlib.suppress(PermissionError), os.scandir(folder) as entries:
        return list(entries)
    return []


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Tell whether an entry is a folder, or a link to one that can be looked at."""
    try:
        return entry.is_dir()
    except OSError:
        # The link leads to itself, or through a folder that is forbidden. The others are folders all the same.
        if entry.is_symlink():
            return False
        raise
