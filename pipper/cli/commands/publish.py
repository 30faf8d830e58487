"""`pipper publish`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipper.cli.command import Command, LocalPath
from pipper.cli.options.settings import (
    by_option,
    limit_option,
    object_options,
    repository_options,
    settings_from,
)
from pipper.cli.output import render_errors, tell
from pipper.errors import gravest
from pipper.ops.repository.publish import PublishRequest, publish

_EXAMPLES = """
Examples:
  pipper publish                   # wheels and bundles in dist
  pipper publish dist/*.whl -b s3://acme-packages/pipper
  pipper publish dist --dry-run    # check the files, upload nothing
  pipper publish dist --strict     # fail if a file is published already
  pipper publish dist --acl bucket-owner-full-control
"""


@click.command("publish", cls=Command, epilog=_EXAMPLES)
@click.argument("paths", metavar="[PATH]...", nargs=-1, type=LocalPath())
@click.option("-f", "--force", is_flag=True, help="Replace published files that have other contents.")
@click.option(
    "--strict",
    is_flag=True,
    help="Fail (exit 7) if a file is published already, even with the same contents.",
)
@click.option("--skip-fails", is_flag=True, hidden=True)
@by_option
@click.option("--dry-run", is_flag=True, help="Check the files and show what would be published.")
@limit_option
@object_options
@repository_options
def command(
    paths: tuple[Path, ...],
    force: bool,
    strict: bool,
    skip_fails: bool,
    by: str,
    dry_run: bool,
    **shared: Any,
) -> int:
    """Upload bundles (.pipper) and wheels (.whl) to a repository.

    PATH is a file or a directory (default: dist). Given a directory, pipper uploads all its wheels and, for each
    project, the bundle with the highest version; it lists what it skips, and why. It verifies all files before it
    uploads the first; one that fails does not stop the others. A file that is published already with the same
    contents is skipped; with other contents it is a conflict (exit 7). The page notes when each file was
    published, by whom (--by, or the URL of the CI job) and with which pipper.
    """
    settings = settings_from(shared)
    request = PublishRequest(paths=paths, force=force, strict=strict or skip_fails, by=by, dry_run=dry_run)
    results = publish(settings, request, now=datetime.now(UTC))
    for result in results:
        if result.error is not None:
            continue
        status = "would publish" if result.status == "new" else result.status
        line = f"{status} {result.path.name}" + (f": {result.reason}" if result.reason else "")
        tell(line) if dry_run else settings.reporter.info(line)
    render_errors(result.error for result in results if result.error is not None)
    return gravest(result.error.exit_code for result in results if result.error is not None)
