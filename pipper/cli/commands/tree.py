"""`pipper tree`."""

from typing import Any

import click

from pipper.cli.options.environment import environment_options, place_from
from pipper.cli.options.shared import Command, output_options, project_option, settings_from
from pipper.cli.output import give, give_json
from pipper.cli.render.queries import tree_document, tree_lines
from pipper.cli.render.table import draws_branches
from pipper.ops.query.locked import TreeRequest, show_tree


@click.command(
    "tree",
    cls=Command,
    epilog="Examples: pipper tree, pipper tree acme-models, pipper tree --invert numpy",
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--invert", metavar="NAME", default="", help="Show who requires NAME, up to the manifest.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@environment_options
@project_option
@output_options
def command(names: tuple[str, ...], invert: str, as_json: bool, **shared: Any) -> None:
    """Show the lock as a tree of who requires what, for the environment at hand; asks no repository.

    With NAME only what stands below it. A package is unfolded once: where it comes again, (*) stands.
    """
    if names and invert:
        raise click.UsageError("give NAME or --invert NAME, not both")
    settings = settings_from(shared)
    tree = show_tree(settings, TreeRequest(names=names, invert=invert, place=place_from(shared)))
    if as_json:
        give_json(tree_document(tree))
        return
    for line in tree_lines(tree, drawn=draws_branches()):
        give(line)
    if not tree.sections:
        settings.reporter.info(f"The lock holds no packages for {tree.environment}")
