"""Print tables on a terminal, plain lines in a pipe."""

import sys
from collections.abc import Iterator, Sequence

from pipper.cli.output import give, visible
from pipper.cli.paint import bold
from pipper.cli.wrap import columns, in_rows

_GAP = "  "
_LAST = 24
"""Columns that the last column is given at least, before the first one is made narrower for it."""


def draws_branches() -> bool:
    """Return whether to draw trees with lines: on a terminal with a UTF encoding."""
    return sys.stdout.isatty() and "utf" in sys.stdout.encoding.lower()


def give_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, fields: int = 0) -> None:
    """Print rows: on a terminal as a table with headers, in a pipe without headers, separated by spaces.

    The table leaves out columns without any text. In a pipe, print only the first `fields` of each row (0: all),
    and `-` for an empty field.
    """
    shown = [[visible(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        if shown:
            full = [place for place, cells in enumerate(zip(*shown, strict=True)) if any(cells)]
            table = [[row[place] for place in full] for row in (headers, *shown)]
            heads, *lines = _drawn(table, columns(sys.stdout))
            give("\n".join((bold(heads, sys.stdout), *lines)))
        return
    for row in shown:
        give(" ".join(cell or "-" for cell in row[: fields or None]))


def _drawn(rows: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield the rows with aligned columns, in lines of `width` as far as words and names allow.

    A first cell that is too long stands above the rest of its row, and a last one goes on below.
    """
    first, *middle, last = (max(map(len, column)) for column in zip(*rows, strict=True))
    others = sum(middle) + len(_GAP) * (len(middle) + 1)
    first = min(first, max(width - others - min(last, _LAST), len(rows[0][0])))
    hang = first + others
    if hang + min(last, _LAST) > width:  # the last cell begins below, too
        hang = len(_GAP)
    for name, *cells, end in rows:
        fits = len(name) <= first
        if not fits:
            yield name
        start = _GAP.join(map(str.ljust, (name if fits else "", *cells, ""), (first, *middle, 0)))
        if len(start) > hang:
            yield start.rstrip()
            start = _GAP
        if end or start.strip():
            yield in_rows(end, width - hang, start=start, indent=" " * hang).rstrip()
