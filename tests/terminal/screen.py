"""A program in a terminal of its own, and what its screen shows at the end and in between."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte

from tests.commands import PATIENCE, default_signals, start

ROWS = 120
"""More than any journey writes: nothing scrolls away."""
_GLANCE = 0.1
"""Seconds between two looks at a program that writes nothing."""
CTRL_C = b"\x03"
_ENDLESS = 2000
"""Columns of the second screen, on which no line goes on in the next row."""
_FOREGROUND = (
    "import fcntl, os, sys, termios\n"
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
"""Makes the terminal that of the session, so that Ctrl-C reaches the program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a program wrote to a terminal of `columns`."""

    columns: int
    code: int
    text: str
    """All that it wrote, escape codes included."""
    rows: tuple[str, ...]
    """The rows of the screen at the end; a line that is too long goes on in the next one."""
    lines: tuple[str, ...]
    """The lines as they were written, however long."""
    frames: tuple[tuple[str, ...], ...]
    """The rows each time that something was there which is gone at the end: bars and spinners."""
    has_cursor: bool
    """Whether the cursor is visible at the end."""
    has_colours: bool


class Screen:
    """The rows of a terminal."""

    def __init__(self, columns: int) -> None:
        self._screen = pyte.Screen(columns, ROWS)
        self._stream = pyte.ByteStream(self._screen)

    def feed(self, data: bytes) -> None:
        """Show what a program wrote."""
        self._stream.feed(data)

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows, without spaces at their ends and without empty ones at the end."""
        rows = [row.rstrip() for row in self._screen.display]
        while rows and not rows[-1]:
            rows.pop()
        return tuple(rows)

    @property
    def has_cursor(self) -> bool:
        return not self._screen.cursor.hidden

    @property
    def has_colours(self) -> bool:
        return any(cell.fg != "default" for row in self._screen.buffer.values() for cell in row.values())


def watch(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    columns: int,
    interrupt: Callable[[tuple[str, ...]], bool] = lambda _: False,
) -> Shown:
    """Run a program in a terminal; press Ctrl-C once, as soon as `interrupt` is true for the rows."""
    terminal, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    with default_signals():
        process = start(
            [sys.executable, "-c", _FOREGROUND, *command],
            cwd=cwd,
            env={"TERM": "xterm-256color", **env},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
    os.close(theirs)
    screen, endless = Screen(columns), Screen(_ENDLESS)
    told, frames, pressed = b"", [], False
    until = time.monotonic() + PATIENCE
    try:
        while (piece := _read(terminal)) is not None:
            assert time.monotonic() < until, f"it does not end: {screen.rows}"
            told += piece
            screen.feed(piece)
            endless.feed(piece)
            if not frames or frames[-1] != screen.rows:
                frames.append(screen.rows)
            if not pressed and interrupt(screen.rows):
                os.write(terminal, CTRL_C)
                pressed = True
    finally:
        os.close(terminal)
    return Shown(
        columns=columns,
        code=process.wait(PATIENCE),
        text=told.decode().replace("\r\n", "\n"),
        rows=screen.rows,
        lines=endless.rows,
        frames=tuple(frame for frame in frames if not "\n".join(screen.rows).startswith("\n".join(frame))),
        has_cursor=screen.has_cursor,
        has_colours=screen.has_colours,
    )


def _read(terminal: int) -> bytes | None:
    """Return what was written, nothing where there is nothing yet, and None once the program has ended."""
    if not select.select([terminal], [], [], _GLANCE)[0]:
        return b""
    with contextlib.suppress(OSError):  # Linux: nobody has the other side any more
        return os.read(terminal, 65536) or None
    return None
