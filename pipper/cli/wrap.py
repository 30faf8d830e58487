"""Lines for people, broken between words where a terminal is too narrow; names and commands stay whole."""

import os
import re
from typing import TextIO

MARGIN = 2
"""Columns that stay free at the right: a terminal shows `^C` at the cursor, and it must not start a row."""

_START = (
    r"error: |hint: |warning: | [+~!-] |"  # messages and changes
    r" +\w+(?: \w+)? {2,}|"  # a label and its text in a column
    r"(?:│   |    )*[├└]── |"  # a branch of a tree
    r" *"
)
"""What the text of a line begins behind."""
_TYPED = r"`[^`]+`"
_TYPED_IN_HINT = _TYPED + r"|(?:(?<=: )|^)pipper [^,;]+"
"""What a reader types as it is. Patterns are compiled when they are needed: few lines are too long."""
_GLUE = "\x00"
"""In the place of spaces between which no line is broken."""


def columns(stream: TextIO) -> int:
    """Return the width of a terminal, as COLUMNS or the terminal itself says; 0 if `stream` is none."""
    if not stream.isatty():
        return 0
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() else os.get_terminal_size(stream.fileno()).columns


def fitted(text: str, stream: TextIO) -> str:
    """Return lines of text, with breaks between words if `stream` is a terminal that is narrower.

    A word or a command that is longer than a row stays whole, on rows of its own: so it can be copied.
    """
    width = columns(stream) - MARGIN
    # what calls itself dumb, as Emacs does, breaks lines itself
    if width <= 0 or len(text) <= width or os.environ.get("TERM") == "dumb":
        return text
    return "\n".join(_broken(line, width) if len(line) > width else line for line in text.split("\n"))


def _broken(line: str, width: int) -> str:
    start = re.match(_START, line)[0]  # type: ignore[index] # it matches no more than nothing
    if len(start) > width // 2:  # too little is left for a column of text
        start = "  "
        line = start + " ".join(line.split())
    typed = _TYPED_IN_HINT if line.startswith("hint: ") else _TYPED
    text = re.sub(typed, lambda found: found[0].replace(" ", _GLUE), line[len(start) :])
    text = text.replace("-> ", f"->{_GLUE}")
    indent = _indent(start)
    return in_rows(text, width - len(indent), start=start, indent=indent).replace(_GLUE, " ")


def in_rows(text: str, width: int, *, start: str, indent: str) -> str:
    """Return `start` and the text in rows of `width`, behind `indent` where they are not the first."""
    if len(text) <= width:
        return start + text
    import textwrap  # noqa: PLC0415 - few lines are too long, and fewer commands write one

    first, *rows = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
    # what is too long for a row has as much of it as there is
    return "\n".join((start + first, *(indent + row if len(row) <= width else row for row in rows)))


def _indent(start: str) -> str:
    """Return what further rows begin with: so that they are below the text, or two columns further in."""
    if not start.strip():
        return start + "  "
    return "".join(sign if sign == "│" else " " for sign in start.replace("├", "│"))
