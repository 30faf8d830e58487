"""`pipper uninstall`."""

from typing import Any

import click

from pipper.cli.editing import remove_options, run_uninstall
from pipper.cli.options import Command, output_options, project_option, repository_options


@click.command("uninstall", cls=Command, epilog="Example: pipper uninstall foo")
@remove_options
@project_option
@repository_options
@output_options
def command(**given: Any) -> int:
    """Take out packages: in a project as `remove` does, elsewhere from the active environment."""
    return run_uninstall(given, anywhere=True)
