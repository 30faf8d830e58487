"""`pipper bundle`."""

from pathlib import Path
from shlex import quote
from typing import Any

import click

from pipper.cli.command import Command, LocalPath, path_option
from pipper.cli.options.settings import limit_option, repository_options, settings_from
from pipper.cli.output import give
from pipper.ops.repository.publish import bundle_project

_EXAMPLES = """
Examples:
  pipper bundle                           # the project in this directory
  pipper bundle ./acme-models -o dist     # into dist
"""


@click.command("bundle", cls=Command, epilog=_EXAMPLES)
@click.argument("directory", metavar="[DIR]", default=".", type=LocalPath())
@path_option(
    "-o", "--output", metavar="DIR", help="Write the bundle to DIR (default: the working directory)."
)
@limit_option
@repository_options
def command(directory: Path, output: Path | None, **shared: Any) -> None:
    """Build the project in DIR with its build backend (PEP 517) and write a bundle (.pipper).

    DIR is the working directory by default. pipper installs what the backend needs from the sources of the
    project. The bundle includes the dependencies that a pipper.json or pipper.yaml in DIR names. The path of
    the bundle goes to standard output, and the command that publishes it to standard error.
    """
    settings = settings_from(shared)
    settings.reporter.info(f"Building {directory}")
    bundle = bundle_project(settings, directory.absolute(), output.absolute() if output else None)
    give(str(bundle))
    # Relative where that works: `publish` takes paths from the working directory, without one from `dist`.
    path = bundle.relative_to(Path.cwd()) if bundle.is_relative_to(Path.cwd()) else bundle
    settings.reporter.info(f"To publish it: pipper publish {quote(str(path))}")
