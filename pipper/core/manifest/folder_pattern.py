"""The patterns of `[workspace]`, matched part by part: a run of wildcards costs no more than its length."""

from fnmatch import fnmatchcase

from msgspec import Struct

_ANY_DEPTH = "**"
_WILD = frozenset("*?[")


class FolderPattern(Struct, frozen=True):
    """The parts of a pattern. A position counts the parts that a path has used up."""

    parts: tuple[str, ...]

    @property
    def end(self) -> int:
        """The position at which a path matches."""
        return len(self.parts)

    def is_any_depth(self, position: int) -> bool:
        """Return whether the part at a position stands for any number of folders, also for none."""
        return self.parts[position] == _ANY_DEPTH

    def literal(self, position: int) -> str:
        """Return the only name that the part at a position matches, empty for a wildcard."""
        part = self.parts[position]
        return "" if _WILD & set(part) else part

    def accepts(self, position: int, name: str) -> bool:
        """Return whether the part at a position matches a name; a hidden one only if the pattern names it."""
        if name.startswith(".") and name not in self.parts:
            return False
        return self.is_any_depth(position) or fnmatchcase(name, self.parts[position])

    def matches(self, path: str) -> bool:
        """Return whether a path below the workspace, separated by `/`, matches."""
        positions = self._spread({0})
        for name in path.split("/"):
            accepted = [each for each in positions if each < self.end and self.accepts(each, name)]
            positions = self._spread({each if self.is_any_depth(each) else each + 1 for each in accepted})
        return self.end in positions

    def _spread(self, positions: set[int]) -> set[int]:
        """Add the positions behind each `**`, which may stand for no folder."""
        for each in range(self.end):
            if each in positions and self.is_any_depth(each):
                positions.add(each + 1)
        return positions


def folder_pattern(text: str) -> FolderPattern:
    """Return the pattern in a text that `read_workspace` accepted; several `**` in a row mean one."""
    parts: list[str] = []
    for part in text.split("/"):
        if part != _ANY_DEPTH or parts[-1:] != [_ANY_DEPTH]:
            parts.append(part)
    return FolderPattern(tuple(parts))


class Workspace(Struct, frozen=True, kw_only=True):
    """The table `[workspace]`: which folders below a manifest are its members; false without any pattern."""

    members: tuple[str, ...] = ()
    """Patterns, separated by `/`."""
    exclude: tuple[str, ...] = ()
    """Patterns of folders that are left out with all below them."""

    def __bool__(self) -> bool:
        return bool(self.members)

    def lists(self, path: str) -> bool:
        """Return whether a path below the manifest is that of a member; a hidden folder only if named."""
        return any(folder_pattern(each).matches(path) for each in self.members) and not self.excludes(path)

    def excludes(self, path: str) -> bool:
        """Return whether a path below the manifest, or one above it, is left out."""
        parts = path.split("/") if self.exclude else []
        above = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        return any(folder_pattern(each).matches(one) for each in self.exclude for one in above)
