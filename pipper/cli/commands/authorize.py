"""`pipper authorize`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipper.cli.command import Command, path_option
from pipper.cli.options.inputs import input_options, inputs_from, member_options, members_from, selection_from
from pipper.cli.options.selection import selection_options
from pipper.cli.options.settings import json_option, repository_options, settings_from
from pipper.cli.output import give_signed
from pipper.core.duration import parse_duration
from pipper.core.reporter import Reporter
from pipper.ops.share.authorize import Authorized, AuthorizeRequest, authorize

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
    _print(settings.reporter, done, as_json=as_json, separator=" " if as_list else "\n")


def _print(reporter: Reporter, done: Authorized, *, as_json: bool, separator: str) -> None:
    """Print the document, or the URLs if they are not in a file; then report when the URLs expire."""
    if as_json:
        give_signed(json.dumps(_document(done), indent=2))
    elif done.path is None:
        give_signed(separator.join(file.url for package in done.packages for file in package.files))
    until = f"valid until {done.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    reporter.info(f"Wrote {done.path}: its URLs are {until}" if done.path else f"The URLs are {until}")


def _document(done: Authorized) -> dict[str, object]:
    """Return expires-at, path, packages (name, version, files: filename, sha256, size, url); with a path no URLs."""
    return {
        "expires-at": f"{done.expires_at:%Y-%m-%dT%H:%M:%SZ}",
        "path": str(done.path) if done.path else None,
        "packages": [
            {
                "name": package.name,
                "version": package.version,
                "files": [
                    {"filename": file.filename, "sha256": file.sha256, "size": file.size}
                    | ({} if done.path else {"url": file.url})
                    for file in package.files
                ],
            }
            for package in done.packages
        ],
    }
