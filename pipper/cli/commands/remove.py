"""`pipper remove`."""

from typing import Any

import click

from pipper.cli.options.edit import remove_options, run_uninstall
from pipper.cli.options.shared import Command, output_options, project_option, repository_options


@click.command("remove", cls=Command, epilog="Example: pipper remove foo")
@remove_options
@project_option
@repository_options
@output_options
def command(**given: Any) -> int:
    """Take requirements out of the project's manifest, then lock and sync; all of it or nothing."""
    return run_uninstall(given, anywhere=False)
