"""`python -m tests.terminal [--columns N] [JOURNEY…]`: print what a new user sees, command by command, as text."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.commands import CHECKOUT, kill_started
from tests.terminal.journeys import JOURNEYS, desk
from tests.terminal.screen import Shown

_FRAMES = 2
"""How many screens in between are printed."""


def main() -> None:
    """Run the journeys that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.terminal", description=__doc__)
    parser.add_argument(
        "journeys", nargs="*", metavar="JOURNEY", help=f"of {', '.join(JOURNEYS)} (default: all)"
    )
    parser.add_argument(
        "--columns", type=int, default=80, metavar="N", help="the terminal's width (default: 80)"
    )
    parser.add_argument(
        "--checkout", type=Path, default=CHECKOUT, metavar="DIR", help="run the pipper that is there"
    )
    chosen = parser.parse_args()
    for name in chosen.journeys or JOURNEYS:
        with tempfile.TemporaryDirectory(prefix="j") as folder:
            with desk(Path(folder), chosen.columns, chosen.checkout.resolve()) as made:
                JOURNEYS[name](made)
            for line in transcript(name, made.typed):
                sys.stdout.write(line + "\n")
            sys.stdout.flush()


def transcript(name: str, typed: list[tuple[str, Shown]]) -> Iterator[str]:
    """Yield the lines of a journey: commands, screens in between (marked by `|`), rows at the end, exit codes."""
    yield f"== {name} =="
    for line, shown in typed:
        yield f"$ pipper {line}"
        for frame in _some(shown.frames):
            yield from (f"  | {row}" for row in frame)
            yield "  ."
        yield from shown.rows
        yield f"[exit {shown.code}]"
        yield ""


def _some(frames: tuple[tuple[str, ...], ...]) -> Iterator[tuple[str, ...]]:
    """Yield a few of the frames from the middle."""
    step = len(frames) // (_FRAMES + 1)
    yield from frames[step :: step or 1][:_FRAMES]


if __name__ == "__main__":
    try:
        main()
    finally:
        kill_started()
