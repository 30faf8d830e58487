"""What `pipper sync` does once its options are known; without options it needs no click, and starts faster."""

import os

from pipper.cli.folders import home_directory, working_directory
from pipper.cli.output import TerminalReporter, presentable
from pipper.ops.context.project_files import ProjectFiles
from pipper.ops.context.settings import Settings
from pipper.ops.sync.freshness import NOTHING_TO_DO
from pipper.ops.sync.request import BARE, SyncRequest
from pipper.ops.sync.sync import sync


def bare_sync(likely: ProjectFiles | None, *, quiet: bool) -> int:
    """Sync without options, neither on the command line nor in variables; return the exit code."""
    reporter = TerminalReporter(quiet=quiet, verbose=False)
    settings = Settings(
        directory=working_directory(None), home=home_directory(), environ=os.environ, reporter=reporter
    )
    return sync_and_tell(settings, BARE, likely)


def sync_and_tell(
    settings: Settings, request: SyncRequest, likely: ProjectFiles | None, *, as_json: bool = False
) -> int:
    """Sync, print what changed or what a check found, and return the exit code; raises what `sync` raises."""
    outcome = sync(settings, request, likely)
    if outcome is None:
        settings.reporter.info(NOTHING_TO_DO)
        return 0
    from pipper.cli.render.plan import creation_lines, print_sync  # noqa: PLC0415 - a sync with nothing to do does not need it

    code = print_sync(outcome, request, settings.reporter, as_json=as_json)
    if outcome.recipe:
        from pipper.apply.recorder import keep  # noqa: PLC0415 - as above

        keep(outcome.recipe, [*map(presentable, creation_lines(outcome))])
    return code
