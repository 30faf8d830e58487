"""`pipper sync`. What is not needed to see that there is nothing to do is imported later."""

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
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.sync.freshness import NOTHING_TO_DO, holds, stamp_basis


@click.command(
    "sync",
    cls=Command,
    epilog="Examples: pipper sync, pipper sync --check, pipper sync --lock pylock.toml,"
    " pipper sync --offline --from wheels",
)
@click.option(
    "--lock",
    "lock_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use this lock: pipper's, an authorized one, or any pylock.toml.",
)
@click.option("-g", "--group", "groups", multiple=True, metavar="G", help="Install this group too.")
@click.option(
    "--only-group", "only_groups", multiple=True, metavar="G", help="Install this group and nothing else."
)
@click.option("--all-groups", is_flag=True, help="Install every group.")
@click.option("--no-dev", is_flag=True, help="Leave out the group dev, which is in otherwise.")
@click.option("--extra", "extras", multiple=True, metavar="E", help="Install this extra too.")
@click.option("--all-extras", is_flag=True, help="Install every extra.")
@click.option(
    "--python", type=click.Path(path_type=Path), metavar="EXE", help="Sync this interpreter's environment."
)
@click.option("--active", is_flag=True, help="Sync the active environment, not the project's .venv.")
@click.option(
    "-t", "--target", type=click.Path(path_type=Path), metavar="DIR", help="Sync a plain directory."
)
@click.option("--exact", is_flag=True, help="Also remove what pipper did not install.")
@click.option("--check", is_flag=True, help="Only tell what differs (exit 1 where something does).")
@click.option("--verify", is_flag=True, help="With --check: also hash every installed file.")
@click.option("--dry-run", is_flag=True, help="Tell what would be done, do nothing.")
@click.option("--offline", is_flag=True, help="Send no request: all must be in the cache or in --from.")
@click.option(
    "--from",
    "folder",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Take files from DIR (see `pipper download`) before fetching any.",
)
@click.option(
    "--link-mode",
    type=click.Choice(["auto", "reflink", "hardlink", "copy"]),
    default="auto",
    show_default=True,
    help="How files come from the cache.",
)
@click.option("--compile", "compile_bytecode", is_flag=True, help="Compile modules to bytecode.")
@click.option("--json", "as_json", is_flag=True, help="Give the result as JSON.")
@limit_option
@project_option
@repository_options
@output_options
def command(check: bool, dry_run: bool, verify: bool, as_json: bool, **given: Any) -> int:
    """Make the environment match the lock: install, replace and remove until nothing differs.

    Nothing is touched before everything is there and verified. The environment is the project's .venv, which
    is made where it is missing.
    """
    if verify and not check:
        raise click.UsageError("--verify goes with --check")
    settings = settings_from(given)
    manifest = find_manifest(settings.directory)
    basis = stamp_basis(manifest, given) if manifest else ""
    if manifest and not (check or dry_run or as_json) and holds(manifest, basis):
        settings.reporter.info(NOTHING_TO_DO)
        return 0
    from pipper.cli.run_sync import run_sync  # noqa: PLC0415 - all that a sync with something to do needs

    return run_sync(
        settings, given, stamp=basis, check=check, hashes=verify, dry_run=dry_run, as_json=as_json
    )
