"""`pipper authorize`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipper.cli.command import Command, path_option
from pipper.cli.options.inputs import input_options, inputs_from, member_options, members_from, selection_from
from pipper.cli.options.selection import selection_options
from pipper.cli.options.settings import json_option, repository_options, settings_from
from pipper.cli.render.authorized import print_signed
from pipper.core.duration import parse_duration
from pipper.ops.share.authorize import AuthorizeRequest, authorize

_EXAMPLES = """
Examples:
  pipper authorize -o app.lock -e 1h        # for pipper
  pipper authorize -o pylock.toml --no-dev  # for any installer
  pipper authorize 'foo:1.2.*' -e 30mins    # foo and its dependencies
  pipper authorize -i pipper.json --json    # a 0.x manifest
"""


@click.command("authorize", cls=Command, epilog=_EXAMPLES)
@path_option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write a lock: pylock.toml or pylock.NAME.toml for any installer; other names get pipper's format.",
)
@input_options
@click.option(
    "-e",
    "--expires",
    default="10m",
    show_default=True,
    metavar="TIME",
    help="How long the URLs are valid: 18s, 12mins, 3hr; at most 7d.",
)
@selection_options
@member_options
@click.option("-l", "--list", "as_list", is_flag=True, hidden=True)
@repository_options
@json_option
def command(output: Path | None, expires: str, as_list: bool, as_json: bool, **given: Any) -> None:
    """Sign URLs for packages and their dependencies, for hosts without credentials.

    Without REQ and -i pipper signs the project's lock. Without -o the URLs go to standard output, one per line.
    Anybody who has the URLs can read these files until the URLs expire.
    """
    settings = settings_from(given)
    request = AuthorizeRequest(
        seconds=parse_duration(expires),
        input=inputs_from(given),
        selection=selection_from(given),
        members=members_from(given),
        output=output,
    )
    done = authorize(settings, request, now=datetime.now(UTC))
    print_signed(settings.reporter, done, as_json=as_json, separator=" " if as_list else "\n")
