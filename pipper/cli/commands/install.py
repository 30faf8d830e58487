"""`pipper install`."""

from pathlib import Path
from typing import Any

import click

from pipper.cli.options.edit import add_options, run_install
from pipper.cli.options.shared import Command, output_options, project_option, repository_options


@click.command(
    "install",
    cls=Command,
    epilog="Examples: pipper install foo, pipper install 'foo:1.2.*' -b my-bucket, pipper install -i pipper.json",
)
@add_options
@click.option(
    "-t", "--target", type=click.Path(path_type=Path), metavar="DIR", help="Install into a plain directory."
)
@click.option("--user", is_flag=True, help="Install into the user's own packages.")
@project_option
@repository_options
@output_options
def command(**given: Any) -> int:
    """Install packages: in a project as `add` does, elsewhere into the active environment.

    What is locked or installed stays unless -u is given. Without REQ: lock if needed, then sync.
    """
    return run_install(given, anywhere=True)
