"""`pipper repository policy`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.settings import repository_options, settings_from
from pipper.cli.output import give_json
from pipper.core.layout.iam_policy import PURPOSES, Purpose
from pipper.ops.repository.policy import policy


@click.command(
    "policy",
    cls=Command,
    short_help="Print the least IAM policy for a repository.",
    epilog="""
Examples:
  pipper repository policy -b acme-packages                  # to read
  pipper repository policy -b acme-packages --for publish --name acme-models
""",
)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(PURPOSES),
    metavar="PURPOSE",
    default="read",
    show_default=True,
    help="What the policy allows: read, publish, authorize or repair.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="PATTERN",
    help="Only for the packages of this name, as in acme-models or acme-*; may be repeated.",
)
@repository_options
def policy_(purpose: Purpose, names: tuple[str, ...], **shared: Any) -> None:
    """Print the least IAM policy for a repository, as JSON. Sends no request."""
    give_json(policy(settings_from(shared), purpose, names))
