"""`pipper why`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.completion import locked
from pipper.cli.options.environment import place_from, query_options
from pipper.cli.options.settings import settings_from
from pipper.cli.output import give_result
from pipper.cli.render.queries import why_document, why_lines
from pipper.ops.query.locked import explain

_EXAMPLES = """
Examples:
  pipper why numpy
  pipper why numpy --python /usr/bin/python3.12    # for another environment
  pipper why numpy --json
"""


@click.command("why", cls=Command, epilog=_EXAMPLES)
@click.argument("name", metavar="NAME", shell_complete=locked)
@query_options
def command(name: str, as_json: bool, **shared: Any) -> None:
    """Show why NAME is in the lock: each chain of requirements from the manifest to NAME. Sends no request.

    The shortest chains come first, at most 100.
    """
    settings = settings_from(shared)
    reasons = explain(settings, name, place_from(shared))
    give_result(why_lines(reasons), why_document(reasons), as_json=as_json)
    for label in () if as_json else reasons.unsolved:
        settings.reporter.info(f"The {label.kind} `{label.name}` has no solution, so it has no chain here")
    if not reasons.chains.complete and not as_json:
        settings.reporter.info("There are more chains; these are the shortest")
