"""`pipper uninstall`."""

from datetime import UTC, datetime
from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.edit import edit_request_from, remove_options, target_options
from pipper.cli.options.settings import repository_options, settings_from
from pipper.cli.render.edit import print_edit
from pipper.ops.edit.edit import edit
from pipper.ops.edit.install import require_installed

_EXAMPLES = """
Examples:
  pipper uninstall foo                      # and what only foo required
  pipper uninstall foo -t build/packages    # from a plain directory
  pipper uninstall foo --dry-run            # show what would be removed
"""


@click.command("uninstall", cls=Command, epilog=_EXAMPLES)
@remove_options
@target_options
@repository_options
def command(**given: Any) -> None:
    """Uninstall packages: in a project as `pipper remove` does, elsewhere from the active environment.

    Packages that nothing else requires are removed as well.
    """
    settings, request = settings_from(given), edit_request_from(given, anywhere=True)
    if given["target"] is not None:
        require_installed(settings, given["target"])
    outcome = edit(settings, request, now=datetime.now(UTC))
    print_edit(settings.reporter, outcome, dry_run=request.dry_run)
