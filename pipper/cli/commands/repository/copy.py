"""`pipper repository copy`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipper.cli.command import Command, path_option
from pipper.cli.options.build import names_from
from pipper.cli.options.completion import repositories
from pipper.cli.options.settings import (
    by_option,
    ends_options,
    json_option,
    limit_option,
    object_options,
    repository_text,
    settings_from,
)
from pipper.cli.output import give_json, render_errors, tell
from pipper.cli.render.copies import copy_document, copy_lines, copy_summary
from pipper.ops.repository.copy import CopyRequest, copy


@click.command(
    "copy",
    cls=Command,
    short_help="Copy packages into another repository.",
    epilog="""
Examples:
  pipper repository copy acme-models:1.4.2 --from staging --to acme
  pipper repository copy pandas --deps --from index --to acme
  pipper repository copy --lock pipper.lock --from index --to acme
  pipper repository copy mysqlclient --build mysqlclient --from index --to acme
  pipper repository copy --all --from acme --to file:///srv/backup
""",
)
@click.argument("names", metavar="[NAME[:VERSION]]...", nargs=-1)
@click.option(
    "--from",
    "source",
    required=True,
    metavar="A",
    shell_complete=repositories,
    help="Copy from A: an alias, a named repository, s3://…, a directory, `index`, or one of [indexes].",
)
@click.option(
    "--to",
    "target",
    required=True,
    metavar="B",
    shell_complete=repositories,
    help="Copy to the repository B.",
)
@click.option("--deps", is_flag=True, help="Also copy all that they require: the newest that fits.")
@path_option("--lock", "lock_path", metavar="FILE", help="Copy the wheels of this lock that come from A.")
@click.option(
    "--all", "every", is_flag=True, help="Copy all versions of NAME, or without names the whole repository."
)
@click.option(
    "--build",
    multiple=True,
    metavar="NAME",
    help="Build NAME from its source distribution, here, if the index has no wheel that fits this Python.",
)
@by_option
@click.option("--dry-run", is_flag=True, help="Compare the pages and show what would be copied.")
@limit_option
@object_options
@ends_options
@json_option
def copy_(names: tuple[str, ...], lock_path: Path | None, dry_run: bool, as_json: bool, **given: Any) -> int:
    """Copy packages into another repository: promote, mirror or back up.

    NAME is the newest version that is not yanked, NAME:1.4.2 that version with all its wheels. The bytes,
    METADATA, upload time and yank marks stay the same. Existing files are skipped, so you can resume an interrupted
    copy by running the command again; other bytes under the same file name are a conflict (exit 7). The index is
    never asked for a name that may be private.
    """
    settings = settings_from(given)
    request = CopyRequest(
        source=repository_text(given["source"]),
        target=repository_text(given["target"]),
        names=names,
        every=given["every"],
        dependencies=given["deps"],
        lock_path=lock_path,
        build=names_from(given["build"]),
        by=given["by"],
        dry_run=dry_run,
    )
    outcome = copy(settings, request, now=datetime.now(UTC))
    if as_json:
        give_json(copy_document(outcome))
    else:
        for line in copy_lines(outcome):
            tell(line) if dry_run else settings.reporter.info(line)
    render_errors(each.error for each in outcome.files if each.error is not None)
    settings.reporter.info(copy_summary(outcome))
    return outcome.exit_code
