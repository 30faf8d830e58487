"""`pipper download`."""

from pathlib import Path
from typing import Any

import click

from pipper.cli.options.selection import selection_from, selection_options
from pipper.cli.options.shared import (
    Command,
    limit_option,
    output_options,
    project_option,
    repository_options,
    settings_from,
)
from pipper.cli.output import give
from pipper.ops.share.download import DownloadRequest, download
from pipper.ops.share.inputs import Ask


@click.command(
    "download",
    cls=Command,
    epilog="Examples: pipper download -d wheels, pipper download 'foo:1.2.*' -d wheels --bundles",
)
@click.argument("requirements", metavar="[REQ]...", nargs=-1)
@click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="DIR",
    help="Where to save (default: the working directory).",
)
@click.option(
    "-i",
    "--input",
    "input_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take what FILE names: pipper.json, pipper.yaml, pipper.toml or a lock.",
)
@click.option("--lock", "lock_path", type=click.Path(path_type=Path), metavar="FILE", help="Use this lock.")
@selection_options
@click.option("--all-environments", is_flag=True, help="For every environment of the lock.")
@click.option("--bundles", is_flag=True, help="Add a bundle (.pipper) of each wheel.")
@click.option("-e", "--extract", is_flag=True, help="Add the metadata of each bundle: WHEEL.meta.json.")
@click.option("--dev", "--devel", "--development", "dev", is_flag=True, hidden=True)
@limit_option
@project_option
@repository_options
@output_options
def command(
    requirements: tuple[str, ...],
    directory: Path,
    input_path: Path | None,
    lock_path: Path | None,
    all_environments: bool,
    bundles: bool,
    extract: bool,
    dev: bool,
    **given: Any,
) -> None:
    """Save the wheels of packages and of all they need, under their own names.

    Without REQ, -i and --lock they are those of the project's lock. The folder serves `pipper sync --offline
    --from DIR`, and `--no-index --find-links DIR` of other installers. The paths go to standard output.
    """
    settings = settings_from(given)
    request = DownloadRequest(
        directory=directory,
        ask=Ask(requirements=requirements, input_path=input_path, lock_path=lock_path, dev=dev),
        selection=selection_from(given),
        bundles=bundles,
        extract=extract,
        all_environments=all_environments,
    )
    saved = download(settings, request)
    for each in saved:
        give(str(each.path))
    new = sum(each.new for each in saved)
    settings.reporter.info(
        f"Saved {new}, {len(saved) - new} there already, in {settings.directory / directory}"
    )
