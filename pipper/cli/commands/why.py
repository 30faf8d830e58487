"""`pipper why`."""

from typing import Any

import click

from pipper.cli.options.environment import environment_options, place_from
from pipper.cli.options.shared import Command, output_options, project_option, settings_from
from pipper.cli.output import give, give_json
from pipper.cli.render.queries import why_document, why_lines
from pipper.ops.query.locked import explain


@click.command("why", cls=Command, epilog="Examples: pipper why numpy, pipper why numpy --json")
@click.argument("name", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@environment_options
@project_option
@output_options
def command(name: str, as_json: bool, **shared: Any) -> None:
    """Show every chain of requirements from the manifest to NAME, the shortest first; asks no repository.

    Where there are very many, it ends after 100.
    """
    settings = settings_from(shared)
    reasons = explain(settings, name, place_from(shared))
    if as_json:
        give_json(why_document(reasons))
        return
    for line in why_lines(reasons):
        give(line)
    if not reasons.chains.complete:
        settings.reporter.info("There are more chains; these are the shortest")
