"""`pipper tree`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.completion import locked
from pipper.cli.options.environment import place_from, query_options
from pipper.cli.options.settings import settings_from
from pipper.cli.output import give, give_result
from pipper.cli.render.pictures import dot_lines, mermaid_lines
from pipper.cli.render.queries import tree_document, tree_lines
from pipper.cli.render.table import draws_branches
from pipper.ops.query.locked import show_tree

_EXAMPLES = """
Examples:
  pipper tree                     # everything in the lock
  pipper tree acme-models         # acme-models and its dependencies
  pipper tree --depth 0           # only what the manifest requires
  pipper tree --invert numpy      # what requires numpy
  pipper tree --format mermaid    # a picture for a page of Markdown
"""


@click.command("tree", cls=Command, epilog=_EXAMPLES)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=locked)
@click.option(
    "--invert",
    metavar="NAME",
    default="",
    shell_complete=locked,
    help="Show what requires NAME, up to the manifest.",
)
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Show N levels below the first.")
@click.option(
    "--format",
    "picture",
    type=click.Choice(["text", "mermaid", "dot"]),
    default="text",
    show_default=True,
    metavar="FORMAT",
    help="text, or a picture: mermaid, or dot for Graphviz.",
)
@query_options
def command(
    names: tuple[str, ...], invert: str, depth: int | None, picture: str, as_json: bool, **shared: Any
) -> None:
    """Show the locked packages and their dependencies as a tree, for one environment. Sends no request.

    With NAME, only NAME and its dependencies. The dependencies of a package are listed once; `(*)` marks where
    it appears again.
    """
    if names and invert:
        raise click.UsageError("NAME and --invert NAME cannot be combined")
    if as_json and picture != "text":
        raise click.UsageError("--json and --format cannot be combined")
    settings = settings_from(shared)
    tree = show_tree(settings, place_from(shared), names=names, invert=invert, depth=depth)
    pictures = {"mermaid": mermaid_lines, "dot": dot_lines}
    if picture in pictures:
        give("\n".join(pictures[picture](tree)))
    else:
        give_result(tree_lines(tree, drawn=draws_branches()), tree_document(tree), as_json=as_json)
    if not tree.sections and not as_json:
        settings.reporter.info(f"The lock has no packages for {tree.environment}")
