"""`pipper add`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.edit import add_options, run_edit
from pipper.cli.options.settings import repository_options

_EXAMPLES = """
Examples:
  pipper add 'acme-models>=1.2' pandas    # into dependencies
  pipper add --dev pytest                 # into the dependency group dev
  pipper add -u acme-models               # and take its newest version
  pipper add --editable ../acme-lab       # a project you are developing
  pipper add -i pipper.json               # all requirements of a 0.x manifest
  pipper add acme-models --dry-run        # show what would be installed
"""


@click.command("add", cls=Command, epilog=_EXAMPLES)
@add_options
@repository_options
def command(**given: Any) -> None:
    """Add requirements to the manifest, then lock and sync.

    REQ is a requirement (foo, foo:1.2.*, 'foo>=1.2'), or the path or https URL of a wheel or bundle. If a step
    fails, manifest, lock and environment stay as they were.
    """
    run_edit(given, anywhere=False)
