"""Colours for lines on a terminal; https://no-color.org is honoured."""

import os
import re
from typing import TextIO

_RED, _GREEN, _YELLOW, _CYAN = (f"\x1b[{code}m" for code in (31, 32, 33, 36))
_BOLD, _RESET = "\x1b[1m", "\x1b[0m"
_COLOURED = (
    (r"^error(?=: )", _RED),
    (r"^warning(?=: )", _YELLOW),
    (r"^hint(?=: )", _CYAN),
    (r"^ \+(?= )", _GREEN),
    (r"^ -(?= )", _RED),
    (r"^ [~!](?= )", _YELLOW),
    (r"^(missing|behind|ahead)(?=: )", _YELLOW),
    (r"^current(?=: )", _GREEN),
    (r"(?<=\()yanked\b", _RED),
)
"""What is coloured in a line: the kind of a message, the sign of a change, a state."""


def painted(line: str, stream: TextIO) -> str:
    """Return `line` with colours if `stream` is a terminal that shows them, else unchanged."""
    return coloured(line) if shows_colours(stream) else line


def bold(line: str, stream: TextIO) -> str:
    """Return `line` in bold if `stream` is a terminal that shows it, else unchanged."""
    return f"{_BOLD}{line}{_RESET}" if shows_colours(stream) else line


def shows_colours(stream: TextIO) -> bool:
    """Return whether `stream` is a terminal that shows colours, and the user wants them."""
    knows_codes = os.environ.get("TERM") != "dumb" and (os.name != "nt" or "WT_SESSION" in os.environ)
    return knows_codes and not os.environ.get("NO_COLOR") and stream.isatty()


def coloured(line: str) -> str:
    """Return `line` with colours."""
    for pattern, colour in _COLOURED:
        line = re.sub(pattern, rf"{colour}\g<0>{_RESET}", line)
    return line
