"""`pipper bundle`."""

from pathlib import Path
from typing import Any

import click

from pipper.cli.options.shared import Command, limit_option, output_options, settings_from
from pipper.cli.output import give
from pipper.ops.repository.publish import bundle_project


@click.command("bundle", cls=Command, epilog="Example: pipper bundle ./acme-models -o dist")
@click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where the bundle goes (default: here).",
)
@limit_option
@output_options
def command(directory: Path, output: Path | None, **shared: Any) -> None:
    """Build the project in DIR into a bundle (.pipper), with whatever build backend it names (PEP 517).

    Dependencies in a pipper.json or pipper.yaml beside it go along. The bundle's path is written to stdout.
    """
    settings = settings_from(shared)
    settings.reporter.info(f"Building {directory}")
    give(str(bundle_project(settings, directory.absolute(), output.absolute() if output else None)))
