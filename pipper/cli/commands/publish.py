"""`pipper publish`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipper.cli.options.shared import (
    Command,
    limit_option,
    output_options,
    project_option,
    repository_options,
    settings_from,
)
from pipper.cli.output import give, render_error
from pipper.errors import gravest
from pipper.ops.repository.publish import PublishRequest, publish

_ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
)
"""The canned ACLs that S3 has for objects."""


@click.command(
    "publish", cls=Command, epilog="Example: pipper publish dist/*.whl -b s3://acme-packages/pipper"
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-f", "--force", is_flag=True, help="Replace what is published with other bytes.")
@click.option("--strict", is_flag=True, help="Make it a conflict (exit 7) where a file is published already.")
@click.option("--skip-fails", is_flag=True, hidden=True)
@click.option(
    "--acl",
    type=click.Choice(_ACLS),
    metavar="ACL",
    help="A canned ACL for the objects, as in bucket-owner-full-control.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be published, send nothing.")
@limit_option
@project_option
@repository_options
@output_options
def command(
    paths: tuple[Path, ...],
    force: bool,
    strict: bool,
    skip_fails: bool,
    acl: str | None,
    dry_run: bool,
    **shared: Any,
) -> int:
    """Publish bundles (.pipper) and wheels (.whl); of a directory its newest bundle, else its wheels.

    Every file passes the gate before anything is sent. What is published already with the same bytes is left
    as it is; with other bytes it is a conflict (exit 7).
    """
    settings = settings_from(shared)
    request = PublishRequest(paths=paths, force=force, strict=strict or skip_fails, acl=acl, dry_run=dry_run)
    results = publish(settings, request, now=datetime.now(UTC))
    for result in results:
        if result.error is not None:
            render_error(result.error.message, result.error.cause, result.error.hint)
        elif dry_run:
            give(f"{'would publish' if result.status == 'new' else result.status} {result.path.name}")
        else:
            settings.reporter.info(f"{result.status} {result.path.name}")
    return gravest(result.error.exit_code for result in results if result.error is not None)
