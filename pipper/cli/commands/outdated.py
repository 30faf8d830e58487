"""`pipper outdated`."""

from typing import Any

import click

from pipper.cli.options.environment import environment_options, place_from
from pipper.cli.options.shared import (
    Command,
    output_options,
    project_option,
    repository_options,
    settings_from,
)
from pipper.cli.output import give_json
from pipper.cli.render.published import outdated_document
from pipper.cli.render.table import give_table
from pipper.ops.query.published_status import outdated


@click.command("outdated", cls=Command, epilog="Examples: pipper outdated, pipper outdated --json")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@environment_options
@project_option
@repository_options
@output_options
def command(as_json: bool, **shared: Any) -> None:
    """List locked packages of which newer versions are published: name, locked, newest, allowed.

    Allowed is the newest that the manifest's own requirement admits, `-` where it has none on that package.
    Then `pipper lock -P NAME` takes it. The exit code is 0 either way.
    """
    settings = settings_from(shared)
    found = outdated(settings, place_from(shared))
    if as_json:
        give_json(outdated_document(found))
        return
    rows = [
        (each.name, each.locked, str(each.newest), str(each.allowed) if each.allowed else "-")
        for each in found
    ]
    give_table(("Name", "Locked", "Newest", "Allowed"), rows)
    if not rows:
        settings.reporter.info("Nothing newer is published than what is locked")
