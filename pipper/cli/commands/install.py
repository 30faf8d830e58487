"""`pipper install`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.edit import add_options, run_edit, target_options
from pipper.cli.options.settings import repository_options

_EXAMPLES = """
Examples:
  pipper install 'foo:1.2.*' -b my-bucket    # from one repository
  pipper install                             # lock if needed, then sync
  pipper install -u                          # upgrade everything
  pipper install -i pipper.json              # requirements of a 0.x manifest
  pipper install foo -t build/packages       # into a plain directory
  pipper install foo --dry-run               # show what would be installed
"""


@click.command("install", cls=Command, epilog=_EXAMPLES)
@add_options
@target_options
@repository_options
def command(**given: Any) -> None:
    """Install packages: in a project as `pipper add` does, elsewhere into the active environment.

    REQ is a requirement (foo, foo:1.2.*, 'foo>=1.2'), or the path or https URL of a wheel or bundle. Locked and
    installed versions stay, unless -u is given. Without REQ and -i: lock if needed, then sync.
    """
    run_edit(given, anywhere=True)
