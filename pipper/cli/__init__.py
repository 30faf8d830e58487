"""The command line: options in, one call of an operation, rendering out; the only place that prints."""

import os
import sys

_OPTIONS = ("PIPPER_SYNC_", "PIPPER_PROJECT", "PIPPER_LIMIT", "_PIPPER_")


def main() -> None:
    """Run the command line of this process and end it with the command's exit code."""
    files = None
    try:
        if _is_bare_sync():
            # Imported here, as all that follows: a sync with nothing to do needs neither click nor the rest.
            from pipper.ops.context.project_files import likely_project  # noqa: PLC0415 - see above
            from pipper.ops.sync.freshness import NOTHING_TO_DO, is_fresh  # noqa: PLC0415 - see above

            files = likely_project(os.curdir)
            if is_fresh(files):
                if "-q" not in sys.argv:
                    from pipper.cli.output import say  # noqa: PLC0415 - see above

                    say(NOTHING_TO_DO)
                return
        from pipper.cli.boundary import run  # noqa: PLC0415 - see above
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # nothing has begun yet, so there is nothing to tell
    run(files=files)


def _is_bare_sync() -> bool:
    """Whether the command line is `pipper sync` without options, also by variables; then it may have nothing to do."""
    if sys.argv[1:] not in (["sync"], ["sync", "-q"]) or sys.stderr is None:
        return False
    # options by another way, or a shell that asks how the line may go on
    return not any(name.startswith(_OPTIONS) for name in os.environ)
