"""`pipper repository check`."""

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
from pipper.cli.render.findings import check_document, check_lines
from pipper.ops.repository.check import check


@click.command(
    "check",
    cls=Command,
    short_help="Verify all files of a repository, and the permissions.",
    epilog="""
Examples:
  pipper repository check -r acme
  pipper repository check -b s3://acme-packages --json
""",
)
@limit_option
@object_options
@repository_options
@json_option
def check_(as_json: bool, **shared: Any) -> int:
    """Verify every file of a repository against its page and its hash, and try each permission.

    Changes nothing. Exit 1 if there are differences: `pipper repository repair` repairs what can be repaired.
    """
    outcome = check(settings_from(shared), now=datetime.now(UTC))
    give_result(check_lines(outcome), check_document(outcome), as_json=as_json)
    render_errors(outcome.errors)
    return outcome.exit_code
