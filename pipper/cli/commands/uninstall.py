"""`pipper uninstall`."""

from typing import Any

import click

from pipper.cli.options.edit import remove_options, run_uninstall
from pipper.cli.options.shared import (
    Command,
    output_options,
    project_option,
    repository_options,
    settings_from,
)
from pipper.ops.edit.install import require_installed


@click.command("uninstall", cls=Command, epilog="Example: pipper uninstall foo")
@remove_options
@project_option
@repository_options
@output_options
def command(**given: Any) -> int:
    """Take out packages: in a project as `remove` does, elsewhere from the active environment."""
    if given["target"] is not None:
        require_installed(settings_from(given), given["target"])
    return run_uninstall(given, anywhere=True)
