"""`pipper repository repair`."""

from datetime import UTC, datetime
from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.settings import (
    json_option,
    limit_option,
    object_options,
    repository_options,
    settings_from,
)
from pipper.cli.output import give_result, render_errors
from pipper.cli.render.findings import repair_document, repair_lines
from pipper.ops.repository.repair import repair


@click.command(
    "repair",
    cls=Command,
    short_help="Make the pages of a repository match its files.",
    epilog="""
Examples:
  pipper repository repair -r acme --dry-run    # show what would be repaired
  pipper repository repair -r acme              # include what 0.x published
  pipper repository repair -r acme --format 2   # when no 0.x publishes here
""",
)
@click.option(
    "--format",
    "layout_format",
    type=click.Choice(["2"]),
    metavar="2",
    help="Convert the repository to format 2: then only its pages say what is published.",
)
@click.option("--dry-run", is_flag=True, help="Show the changes without making them.")
@limit_option
@object_options
@repository_options
@json_option
def repair_(layout_format: str | None, dry_run: bool, as_json: bool, **shared: Any) -> int:
    """Make the pages of a repository match its files, and add to them what pipper 0.x published.

    Then pip and uv find these packages too. repair removes only files that no page names and that are older
    than a day. It may run while others publish. Exit 1 if something is left that needs a decision.
    """
    outcome = repair(
        settings_from(shared), to_format_2=layout_format == "2", dry_run=dry_run, now=datetime.now(UTC)
    )
    give_result(repair_lines(outcome, dry_run=dry_run), repair_document(outcome), as_json=as_json)
    render_errors(outcome.errors)
    return outcome.exit_code
