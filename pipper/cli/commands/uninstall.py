"""`pipper uninstall`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.edit import remove_options, run_edit, target_options
from pipper.cli.options.settings import repository_options

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
    run_edit(given, anywhere=True)
