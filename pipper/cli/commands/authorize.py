"""`pipper authorize`."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipper.cli.options.selection import selection_from, selection_options
from pipper.cli.options.shared import (
    Command,
    output_options,
    project_option,
    repository_options,
    settings_from,
)
from pipper.cli.output import give_signed
from pipper.core.duration import parse_duration
from pipper.ops.share.authorize import Authorized, AuthorizeRequest, authorize
from pipper.ops.share.inputs import Ask


@click.command(
    "authorize",
    cls=Command,
    epilog="Examples: pipper authorize -o pylock.toml -e 1h, pipper authorize 'foo:1.2.*' -e 30mins",
)
@click.argument("requirements", metavar="[REQ]...", nargs=-1)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a lock: pylock.toml and pylock.NAME.toml for any installer, another name in pipper's own format.",
)
@click.option(
    "-i",
    "--input",
    "input_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take what FILE names: pipper.json, pipper.yaml, pipper.toml or a lock.",
)
@click.option(
    "-e",
    "--expires",
    default="10m",
    show_default=True,
    metavar="TIME",
    help="How long it holds, as in 18s, 12mins, 3hr or 7d (at most).",
)
@selection_options
@click.option("-l", "--list", "as_list", is_flag=True, hidden=True)
@click.option("--dev", "--devel", "--development", "dev", is_flag=True, hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Give the result as JSON.")
@project_option
@repository_options
@output_options
def command(
    requirements: tuple[str, ...],
    output: Path | None,
    input_path: Path | None,
    expires: str,
    as_list: bool,
    dev: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Sign URLs for packages and all they need, for hosts without credentials.

    Without REQ and -i it is the project's lock. Without -o the URLs go to standard output, one a line. Whoever
    has them can read these files until they expire.
    """
    settings = settings_from(given)
    request = AuthorizeRequest(
        seconds=parse_duration(expires),
        ask=Ask(requirements=requirements, input_path=input_path, dev=dev),
        selection=selection_from(given),
        output=output,
    )
    done = authorize(settings, request, now=datetime.now(UTC))
    if as_json:
        give_signed(json.dumps(_document(done), indent=2))
    elif done.path is None:
        urls = [file.url for package in done.packages for file in package.wheels]
        give_signed((" " if as_list else "\n").join(urls))
    until = f"{done.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    settings.reporter.info(
        f"Wrote {done.path}: it holds until {until}" if done.path else f"They hold until {until}"
    )


def _document(done: Authorized) -> dict[str, object]:
    """expires-at, path, packages (name, version, files: filename, sha256, size, url); no URLs beside a path."""
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
                    for file in package.wheels
                ],
            }
            for package in done.packages
        ],
    }
