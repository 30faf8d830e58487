"""`pipper list`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.environment import place_from, query_options
from pipper.cli.options.settings import settings_from
from pipper.cli.output import give_json
from pipper.cli.render.installed import list_document
from pipper.cli.render.table import give_table
from pipper.ops.query.installed import list_installed

_EXAMPLES = """
Examples:
  pipper list                      # the project's .venv
  pipper list -t build/packages    # a plain directory
  pipper list --json
"""


@click.command("list", cls=Command, epilog=_EXAMPLES)
@query_options
def command(as_json: bool, **shared: Any) -> None:
    """List the installed packages: name, version, source and installer.

    In a pipe each line is a name, a space and a version.
    """
    settings = settings_from(shared)
    listing = list_installed(settings, place_from(shared))
    if as_json:
        give_json(list_document(listing))
        return
    rows = [(each.name, each.version, each.source, each.installer) for each in listing.distributions]
    give_table(("Name", "Version", "Source", "Installer"), rows, fields=2)
    if not rows:
        settings.reporter.info(f"No packages are installed in {listing.environment.root}")
