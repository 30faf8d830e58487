"""The command line: options in, one call of an operation, rendering out; the only place that prints."""

import os
import sys

_OPTIONS = ("PIPPER_SYNC_", "PIPPER_PROJECT", "PIPPER_LIMIT", "_PIPPER_")


def main() -> None:
    """Run the command line of this process and end it with the command's exit code."""
    try:
        if _is_done():
            return
        from pipper.cli.boundary import run  # noqa: PLC0415 - so that importing the package stays free
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # nothing has begun yet, so there is nothing to tell
    run()


def _is_done() -> bool:
    """Whether this is a bare `pipper sync` with nothing to do: then click need not be imported, let alone the rest."""
    arguments = sys.argv[1:]
    if arguments not in (["sync"], ["sync", "-q"]) or sys.stderr is None:
        return False
    if any(name.startswith(_OPTIONS) for name in os.environ):
        return False  # options by another way, or a shell that asks how the line may go on
    from pipper.ops.sync.freshness import NOTHING_TO_DO, is_fresh  # noqa: PLC0415 - as above

    if not is_fresh(os.curdir):
        return False
    if "-q" not in arguments:
        from pipper.cli.output import say  # noqa: PLC0415 - as above

        say(NOTHING_TO_DO)
    return True
