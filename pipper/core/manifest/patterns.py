"""The patterns of `[sources]`: which of several counts for a name, and whether two can match one name."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

from packaging.utils import canonicalize_name

from pipper.core.document import Node

_LONGEST = 500
"""Characters of a pattern: `fnmatch` takes minutes for the worst of a megabyte."""
_MOST = 2000
_MOST_ENTRIES = 5000
_SET = re.compile(r"\[!?\]?[^\]]*\]")
_WILD = re.compile(r"[*?\[]")
_MOST_STEPS = 10**6
"""Steps of one comparison; longer patterns count as meeting."""


def refuse_unbounded(table: Node) -> None:
    """Raise UsageError for a table with a key that is too long, with too many keys, or too many patterns."""
    wild = 0
    if len(table.entries()) > _MOST_ENTRIES:
        raise table.fail(
            f"more than {_MOST_ENTRIES:,} entries", hint="replace some by a pattern, as in `acme-*`"
        )
    for key, entry in table.table().items():
        wild += "*" in key or "?" in key or "[" in key
        if len(key) > _LONGEST:
            raise table.fail(
                f"a pattern of {len(key):,} characters, more than {_LONGEST}: `{key[:40]}…`",
                hint="write a shorter pattern, as in `acme-*`",
            )
        if wild > _MOST:
            raise entry.fail(
                f"more than {_MOST} patterns",
                hint="replace some by one that matches more, as in `acme-*`",
            )


def read_private(node: Node) -> tuple[str, ...]:
    """Return the names and patterns of `private`, normalised and sorted. Raises UsageError."""
    entries: dict[str, Node] = {canonicalize_name(each.text()): each for each in node.items()}
    if "" in entries:
        raise entries[""].fail("an empty name", hint='write `private = ["acme-*"]`')
    refuse_unbounded(node.replaced(dict.fromkeys(entries)))
    return tuple(sorted(entries))


def rank(pattern: str) -> tuple[bool, int, str]:
    """Return the key that sorts patterns as they count: a name, then the longest pattern."""
    return bool(_WILD.search(pattern)), -len(pattern), pattern


def chosen(name: str, patterns: Iterable[str]) -> str | None:
    """Return the pattern that counts for a name, None if none matches it."""
    return min((each for each in patterns if fnmatchcase(name, each)), key=rank, default=None)


def meets(one: str, other: str) -> bool:
    """Return whether there may be a name that both patterns match; a set in brackets counts as any character."""
    one, other = _SET.sub("?", one), _SET.sub("?", other)
    for here, there in zip(one, other, strict=False):
        if "*" in (here, there):
            break
        if here != there and "?" not in (here, there):
            return False
    if len(one) * len(other) > _MOST_STEPS:
        return True
    row = _started(other)
    for char in one:
        row = _next_row(row, char, other)
    return row[-1]


def _started(other: str) -> list[bool]:
    """Return, for each length, whether so much of `other` can match nothing."""
    return [not other[:length].strip("*") for length in range(len(other) + 1)]


def _next_row(row: list[bool], char: str, other: str) -> list[bool]:
    found = [row[0] and char == "*"]
    for at, there in enumerate(other):
        if "*" in (char, there):
            found.append(row[at] or row[at + 1] or found[at])
        else:
            found.append(row[at] and (char == there or "?" in (char, there)))
    return found
