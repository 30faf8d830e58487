"""`pipper add`."""

from typing import Any

import click

from pipper.cli.options.edit import add_options, run_install
from pipper.cli.options.shared import Command, output_options, project_option, repository_options


@click.command("add", cls=Command, epilog="Examples: pipper add 'foo>=1.2', pipper add --dev acme-testing")
@add_options
@project_option
@repository_options
@output_options
def command(**given: Any) -> int:
    """Add requirements to the project's manifest, then lock and sync; all of it or nothing."""
    return run_install({**given, "target": None, "user": False}, anywhere=False)
