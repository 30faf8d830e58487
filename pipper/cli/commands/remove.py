"""`pipper remove`."""

from datetime import UTC, datetime
from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.edit import edit_request_from, remove_options
from pipper.cli.options.settings import repository_options, settings_from
from pipper.cli.render.edit import print_edit
from pipper.ops.edit.edit import edit

_EXAMPLES = """
Examples:
  pipper remove pandas              # from dependencies
  pipper remove --dev pytest        # from the dependency group dev
  pipper remove pandas --no-sync    # change only the manifest and the lock
  pipper remove pandas --dry-run    # show what would be removed
"""


@click.command("remove", cls=Command, epilog=_EXAMPLES)
@remove_options
@repository_options
def command(**given: Any) -> None:
    """Remove requirements from the manifest, then lock and sync.

    If a step fails, manifest, lock and environment stay as they were.
    """
    settings, request = settings_from(given), edit_request_from(given, anywhere=False)
    outcome = edit(settings, request, now=datetime.now(UTC))
    print_edit(settings.reporter, outcome, dry_run=request.dry_run)
