"""Patterns that are keys of a manifest: bounded, because `fnmatch` takes minutes for the worst of a megabyte."""

from pipper.core.document import Node

_LONGEST = 500
_MOST = 2000
_MOST_ENTRIES = 5000


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
