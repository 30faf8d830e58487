"""Print tables on a terminal, plain lines in a pipe."""

import sys
from collections.abc import Sequence

from pipper.cli.output import give, visible


def draws_branches() -> bool:
    """Return whether to draw trees with lines: on a terminal with a UTF encoding."""
    return sys.stdout.isatty() and "utf" in sys.stdout.encoding.lower()


def give_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, fields: int = 0) -> None:
    """Print rows: on a terminal as a table with headers, in a pipe without headers, separated by spaces.

    In a pipe, print only the first `fields` of each row (0: all), and `-` for an empty field.
    """
    shown = [[visible(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        if shown:
            give(_drawn(headers, shown))
        return
    for row in shown:
        give(" ".join(cell or "-" for cell in row[: fields or None]))


def _drawn(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    # Importing rich takes longer than most commands, and a pipe does not need it.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console()
    with console.capture() as captured:
        console.print(table)
    return captured.get().rstrip("\n")
