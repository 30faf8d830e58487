"""`[files]`: which package wins a path that several packages bring with other bytes."""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from pipper.core.document import Node
from pipper.core.manifest.patterns import refuse_unbounded

FIRST = "first"
"""The winner that stands for the first package in the order of names."""


def read_files(node: Node) -> dict[str, str]:
    """Return `[files]`, path or pattern to the name of a package or `FIRST`. Raises UsageError."""
    refuse_unbounded(node)
    found = {}
    for pattern, each in node.table().items():
        hint = 'write "tests/*" = "NAME", or "first" for the first in the order of names'
        if not pattern or pattern.startswith(("/", "./", "../")):
            raise each.fail("not a path below site-packages", hint=hint)
        try:
            found[pattern] = str(canonicalize_name(each.text(), validate=True))
        except InvalidName as error:
            raise each.fail("not the name of a package", hint=hint) from error
    return found


def is_ruled(path: str, rules: Mapping[str, str]) -> bool:
    """Return whether a pattern of `[files]` names this path; `*` stands for any characters, also `/`."""
    return any(fnmatchcase(path, pattern) for pattern in rules)


def winner_of(
    path: str, holders: Collection[NormalizedName], rules: Mapping[str, str]
) -> NormalizedName | None:
    """Return which of the packages that hold a path wins it; None if no pattern decides that.

    Of several patterns the longest counts that names one of them, or `FIRST`.
    """
    for pattern in sorted(rules, key=lambda each: (-len(each), each)):
        winner = rules[pattern]
        if fnmatchcase(path, pattern) and (winner == FIRST or winner in holders):
            return min(holders) if winner == FIRST else NormalizedName(winner)
    return None


def rule_for(path: str, winner: str) -> str:
    """Return the hint with the line of `[files]` that would decide between two packages."""
    folder = path.rpartition("/")[0]
    pattern = f"{folder}/*" if folder else path
    return (
        f'write "{pattern}" = "{winner}" (the package that wins, or "first") under [files] in pipper.toml or'
        " [tool.pipper.files] in pyproject.toml, then run `pipper lock`"
    )
