"""`pipper tree`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.environment import place_from, query_options
from pipper.cli.options.settings import settings_from
from pipper.cli.output import give_result
from pipper.cli.render.queries import tree_document, tree_lines
from pipper.cli.render.table import draws_branches
from pipper.ops.query.locked import show_tree

_EXAMPLES = """
Examples:
  pipper tree                     # everything in the lock
  pipper tree acme-models         # acme-models and its dependencies
  pipper tree --invert numpy      # what requires numpy
"""


@click.command("tree", cls=Command, epilog=_EXAMPLES)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--invert", metavar="NAME", default="", help="Show what requires NAME, up to the manifest.")
@query_options
def command(names: tuple[str, ...], invert: str, as_json: bool, **shared: Any) -> None:
    """Show the locked packages and their dependencies as a tree, for one environment. Sends no request.

    With NAME, only NAME and its dependencies. The dependencies of a package are listed once; `(*)` marks where
    it appears again.
    """
    if names and invert:
        raise click.UsageError("give NAME or --invert NAME, not both")
    settings = settings_from(shared)
    tree = show_tree(settings, place_from(shared), names=names, invert=invert)
    give_result(tree_lines(tree, drawn=draws_branches()), tree_document(tree), as_json=as_json)
    if not tree.sections and not as_json:
        settings.reporter.info(f"The lock has no packages for {tree.environment}")
