"""`pipper remove`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.edit import remove_options, run_edit
from pipper.cli.options.settings import repository_options

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
    run_edit(given, anywhere=False)
