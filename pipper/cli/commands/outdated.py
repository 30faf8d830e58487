"""`pipper outdated`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.environment import environment_options, place_from
from pipper.cli.options.settings import json_option, repository_options, settings_from
from pipper.cli.output import give_json
from pipper.cli.render.table import give_table
from pipper.cli.render.versions import outdated_document
from pipper.ops.query.published_status import outdated

_EXAMPLES = """
Examples:
  pipper outdated
  pipper outdated --python /usr/bin/python3.12    # for another environment
  pipper outdated --json
"""


@click.command("outdated", cls=Command, epilog=_EXAMPLES)
@environment_options
@repository_options
@json_option
def command(as_json: bool, **shared: Any) -> None:
    """List locked packages that have newer versions: name, locked, newest, allowed.

    Allowed is the newest version that the manifest (with its limits) and the locked packages allow, or `-` if there
    is none. `pipper lock -P NAME` upgrades NAME. The exit code is always 0.
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
        settings.reporter.info("All locked packages are up to date")
