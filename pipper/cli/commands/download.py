"""`pipper download`."""

from pathlib import Path
from typing import Any

import click

from pipper.cli.command import Command, LocalPath, path_option
from pipper.cli.options.inputs import input_options, inputs_from, member_options, members_from, selection_from
from pipper.cli.options.selection import selection_options
from pipper.cli.options.settings import limit_option, repository_options, settings_from
from pipper.cli.output import give
from pipper.core.wording import counted
from pipper.ops.share.download import DownloadRequest, download

_EXAMPLES = """
Examples:
  pipper download -d wheels                     # the project's lock
  pipper download -d wheels --extra gpu --no-dev
  pipper download -d wheels --all-environments  # of the lock
  pipper download 'foo:1.2.*' -d wheels         # foo and its dependencies
  pipper download -i pipper.json -d wheels      # a 0.x manifest
  pipper download foo -d wheels --bundles       # also as bundles (.pipper)
  pipper download -d wheels --build             # for hosts without a compiler
"""


@click.command("download", cls=Command, epilog=_EXAMPLES)
@click.option(
    "-d",
    "--directory",
    type=LocalPath(file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Save the files in DIR (default: the working directory).",
)
@input_options
@path_option("--lock", "lock_path", metavar="FILE", help="Use this lock.")
@selection_options
@member_options
@click.option("--all-environments", is_flag=True, help="Save the wheels for every environment of the lock.")
@click.option("--build", is_flag=True, help="Build source distributions, and save the wheels in their place.")
@click.option("--bundles", is_flag=True, help="Also save a bundle (.pipper) of each wheel.")
@click.option("-e", "--extract", is_flag=True, help="Also save the metadata of each bundle: WHEEL.meta.json.")
@limit_option
@repository_options
def command(
    directory: Path, all_environments: bool, build: bool, bundles: bool, extract: bool, **given: Any
) -> None:
    """Save the wheels of packages and of their dependencies in a directory.

    Without REQ, -i and --lock pipper takes the project's lock. Install from the directory with
    `pipper sync --offline --from DIR`, or with another installer's `--no-index --find-links DIR`. The paths of
    the files go to standard output.
    """
    settings = settings_from(given)
    request = DownloadRequest(
        directory=directory,
        input=inputs_from(given),
        selection=selection_from(given),
        members=members_from(given),
        bundles=bundles,
        extract=extract,
        all_environments=all_environments,
        build=build,
    )
    saved = download(settings, request)
    for each in saved:
        give(str(each.path))
    new = sum(each.new for each in saved)
    there = f", {len(saved) - new} already there" if new < len(saved) else ""
    settings.reporter.info(f"Saved {counted(new, 'file')} in {settings.directory / directory}{there}")
