"""`pipper repository prune`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.completion import published
from pipper.cli.options.settings import (
    by_option,
    json_option,
    object_options,
    repository_options,
    settings_from,
)
from pipper.cli.output import give_json, render_errors, tell
from pipper.cli.render.prunes import prune_document, prune_lines, prune_summary
from pipper.core.duration import parse_duration
from pipper.ops.repository.prune import PruneRequest, prune
from pipper.ops.repository.prune_rules import Rules


@click.command(
    "prune",
    cls=Command,
    short_help="Remove versions from a repository.",
    epilog="""
Examples:
  pipper repository prune --keep 5 --older-than 90d --dry-run
  pipper repository prune --keep 5 --older-than 90d --lock pipper.lock
  pipper repository prune acme-models --prereleases
  pipper repository prune acme-models:1.4.1 -r acme
""",
)
@click.argument("releases", metavar="[NAME[:VERSION]]...", nargs=-1, shell_complete=published)
@click.option(
    "--keep", type=click.IntRange(min=1), metavar="N", help="Keep the N newest versions of each package."
)
@click.option(
    "--older-than", metavar="AGE", help="Remove only what was uploaded at least that long ago, as in 90d."
)
@click.option("--prereleases", is_flag=True, help="Remove only pre-releases that a final version follows.")
@click.option(
    "--lock",
    "lock_paths",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keep what this lock holds; may be given several times.",
)
@by_option
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@object_options
@repository_options
@json_option
def prune_(
    releases: tuple[str, ...],
    keep: int | None,
    older_than: str | None,
    prereleases: bool,
    lock_paths: tuple[Path, ...],
    by: str,
    dry_run: bool,
    as_json: bool,
    **shared: Any,
) -> int:
    """Remove versions from a repository: those given, or those that all given rules select.

    NAME without a version limits the rules to that package. Rules never remove the newest version. Locks that are
    not given with --lock cannot sync what was removed. The page keeps the name and the hash of each removed file, so
    the version cannot come back with other bytes.
    """
    settings = settings_from(shared)
    age = timedelta(seconds=parse_duration(older_than)) if older_than else None
    request = PruneRequest(
        releases=releases,
        rules=Rules(keep=keep, older_than=age, prereleases=prereleases),
        lock_paths=lock_paths,
        by=by,
        dry_run=dry_run,
    )
    outcome = prune(settings, request, now=datetime.now(UTC))
    if as_json:
        give_json(prune_document(outcome))
    else:
        for line in prune_lines(outcome, dry_run=dry_run):
            tell(line) if dry_run else settings.reporter.info(line)
    render_errors(outcome.errors)
    settings.reporter.info(prune_summary(outcome, dry_run=dry_run))
    return outcome.exit_code
