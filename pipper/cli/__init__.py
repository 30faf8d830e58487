"""The command line: parse options, call one operation, render its result. Only this package prints."""

import os
import sys

_OPTIONS = ("PIPPER_SYNC_", "PIPPER_PROJECT", "PIPPER_LIMIT", "_PIPPER_")


def main() -> None:
    """Run the command line of this process and end it with the command's exit code."""
    files = None
    try:
        if _is_bare_sync():
            # Imported here: a sync with nothing to do needs no click.
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
        raise SystemExit(130) from None  # no command has started, so there is nothing to report
    run(files=files)


def _is_bare_sync() -> bool:
    """Return whether the command is `pipper sync` without options on the command line or in variables."""
    if sys.argv[1:] not in (["sync"], ["sync", "-q"]) or sys.stderr is None:
        return False
    # options of pipper in variables, and requests for shell completion
    return not any(name.startswith(_OPTIONS) for name in os.environ)
