"""`pipper sync`. The module imports only what a sync with nothing to do needs."""

from typing import Any

import click

from pipper.cli.command import Command, path_option
from pipper.cli.options.completion import locked
from pipper.cli.options.environment import python_option, system_option
from pipper.cli.options.selection import only_group_option, selection_options
from pipper.cli.options.settings import json_option, limit_option, repository_options, settings_from
from pipper.cli.syncing import sync_and_tell
from pipper.ops.context.project_files import ProjectFiles
from pipper.ops.context.settings import Place
from pipper.ops.sync.request import ALL, SyncRequest

_EXAMPLES = """
Examples:
  pipper sync --extra gpu --no-dev      # choose extras and groups
  pipper sync -t build/packages         # into a plain directory
  pipper sync --lock pylock.toml        # from another lock
  pipper sync --offline --from wheels   # without a network
  pipper sync --check --verify          # compare files with the locked wheels
  pipper sync --verify                  # and replace packages that differ
  pipper sync --reinstall acme-models
  pipper sync --exact --dry-run         # show what would be removed
"""


@click.command("sync", cls=Command, epilog=_EXAMPLES)
@path_option(
    "--lock",
    "lock_path",
    metavar="FILE",
    help="Use this lock: pipper's own, an authorized lock or any pylock.toml.",
)
@selection_options
@only_group_option
@python_option
@system_option
@click.option("--active", is_flag=True, help="Sync the active environment instead of the project's .venv.")
@path_option("-t", "--target", metavar="DIR", help="Sync this plain directory of packages.")
@click.option(
    "--reinstall",
    is_flag=False,
    flag_value=ALL,
    multiple=True,
    metavar="[NAME]",
    shell_complete=locked,
    help="Replace NAME, or every package, even if it is as locked.",
)
@click.option("--no-project", is_flag=True, help="Leave out the project itself, not what it requires.")
@click.option("--no-editable", is_flag=True, help="Install members from wheels, not from their directories.")
@click.option("--exact", is_flag=True, help="Also remove packages that pipper did not install.")
@click.option(
    "--no-build", is_flag=True, help="Build no source distribution; wheels that were built before are used."
)
@click.option("--check", is_flag=True, help="Show differences, change nothing; exit 1 if there are any.")
@click.option("--verify", is_flag=True, help="Compare files with the locked wheels; replace what differs.")
@click.option("--dry-run", is_flag=True, help="Show the changes without making them.")
@click.option("--offline", is_flag=True, help="Send no request: use the cache and the --from directory.")
@path_option(
    "--from", "folder", metavar="DIR", help="Use files in DIR (see `pipper download`) before downloading."
)
@click.option(
    "--link-mode",
    type=click.Choice(["auto", "reflink", "hardlink", "copy"]),
    default="auto",
    show_default=True,
    metavar="MODE",
    help="How to place files from the cache: auto, reflink, hardlink or copy.",
)
@click.option("--compile", "compile_bytecode", is_flag=True, help="Compile modules to bytecode.")
@limit_option
@repository_options
@json_option
@click.pass_obj
def command(likely: ProjectFiles | None, /, check: bool, verify: bool, as_json: bool, **given: Any) -> int:
    """Make the environment match the lock: install, replace and remove packages.

    The environment is the project's .venv, which pipper creates if it is missing. pipper changes it only after
    it has downloaded and verified all files.
    """
    settings = settings_from(given)
    named = {name: given[name] for name in ("python", "target", "active", "system")}
    place = Place(**named)
    options = {name: given[name] for name in SyncRequest.__struct_fields__ if name in given}
    request = SyncRequest(place=place, check=check, hashes=verify, whole_plan=as_json, **options)
    return sync_and_tell(settings, request, likely, as_json=as_json)
