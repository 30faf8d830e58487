"""`pipper lock`."""

from pathlib import Path
from typing import Any

import click
from packaging.utils import canonicalize_name

from pipper.cli.options.shared import (
    Command,
    output_options,
    project_option,
    repository_options,
    settings_from,
)
from pipper.cli.output import give, give_json
from pipper.cli.render.lock import lock_document, lock_lines, lock_summary
from pipper.core.manifest.constraints import parse_as_of
from pipper.ops.context.project import load_project
from pipper.ops.lock.lock import LockRequest, check_lock, lock_project


@click.command(
    "lock", cls=Command, epilog="Examples: pipper lock, pipper lock -P acme-models, pipper lock --check"
)
@click.option("-U", "--upgrade", is_flag=True, help="Take the newest versions of everything.")
@click.option(
    "-P",
    "--upgrade-package",
    "packages",
    multiple=True,
    metavar="NAME",
    help="Take the newest version of NAME.",
)
@click.option(
    "--check", is_flag=True, help="Only tell whether the lock is up to date (exit 1 where it is not)."
)
@click.option("--dry-run", is_flag=True, help="Tell what would change, write nothing.")
@click.option(
    "--python",
    type=click.Path(path_type=Path),
    metavar="EXE",
    help="Lock for this interpreter's environment.",
)
@click.option(
    "--as-of",
    metavar="DATE",
    help="Choose among what was published by then: 2026-11-01 (to its end, UTC) or a time with its zone.",
)
@click.option(
    "--resolution",
    type=click.Choice(["highest", "lowest-direct"]),
    default="highest",
    help="lowest-direct takes the oldest versions of what the manifest names itself: for testing its bounds.",
)
@click.option("--offline", is_flag=True, help="Ask the index for nothing: use what is remembered of it.")
@click.option("--json", "as_json", is_flag=True, help="Give the result as JSON.")
@project_option
@repository_options
@output_options
def command(
    *,
    upgrade: bool,
    packages: tuple[str, ...],
    check: bool,
    dry_run: bool,
    python: Path | None,
    as_of: str | None,
    resolution: str,
    offline: bool,
    as_json: bool,
    **shared: Any,
) -> int:
    """Solve the manifest into exact versions, hashes and keys, and write pipper.lock.

    What is locked stays as it is wherever it still fits, unless -U or -P says otherwise.
    """
    settings = settings_from(shared)
    project = load_project(settings.directory)
    if check:
        difference = check_lock(project)
        if as_json:
            give_json({"fresh": not difference, "difference": difference})
        elif difference:
            give(f"pipper.lock is out of date: {difference}")
            settings.reporter.info("hint: pipper lock")
        else:
            settings.reporter.info("pipper.lock is up to date")
        return 1 if difference else 0
    request = LockRequest(
        upgrade=upgrade,
        upgrade_packages=frozenset(canonicalize_name(name) for name in packages),
        python=python,
        as_of=parse_as_of(as_of, where="--as-of") if as_of else None,
        lowest_direct=resolution == "lowest-direct",
        offline=offline,
        dry_run=dry_run,
    )
    outcome = lock_project(settings, project, request)
    if as_json:
        give_json(lock_document(outcome))
    else:
        for line in lock_lines(outcome):
            (give if dry_run else settings.reporter.info)(line)
    settings.reporter.info(lock_summary(outcome, dry_run=dry_run))
    return 0
