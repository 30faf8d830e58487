"""`pipper list`."""

from typing import Any

import click

from pipper.cli.options.environment import environment_options, place_from
from pipper.cli.options.shared import Command, output_options, project_option, settings_from
from pipper.cli.output import give_json
from pipper.cli.render.queries import list_document
from pipper.cli.render.table import give_table
from pipper.ops.query.locked import list_installed


@click.command("list", cls=Command, epilog="Examples: pipper list, pipper list -t build/packages --json")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@environment_options
@project_option
@output_options
def command(as_json: bool, **shared: Any) -> None:
    """List what the environment holds: name, version, source and installer.

    Into a pipe goes one line a package: name, space, version.
    """
    settings = settings_from(shared)
    listing = list_installed(settings, place_from(shared))
    if as_json:
        give_json(list_document(listing))
        return
    rows = [(each.name, each.version, each.source, each.installer) for each in listing.distributions]
    give_table(("Name", "Version", "Source", "Installer"), rows, fields=2)
    if not rows:
        settings.reporter.info(f"{listing.environment.root} holds no packages")
