"""`pipper repository packages`."""

import sys
from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.completion import published
from pipper.cli.options.settings import json_option, repository_options, settings_from
from pipper.cli.output import give_json, render_errors
from pipper.cli.render.packages import (
    PACKAGE_HEADERS,
    VERSION_HEADERS,
    package_rows,
    packages_document,
    packages_summary,
    version_rows,
)
from pipper.cli.render.table import give_table
from pipper.ops.repository.packages import packages


@click.command(
    "packages",
    cls=Command,
    short_help="List the packages of a repository.",
    epilog="""
Examples:
  pipper repository packages -r acme
  pipper repository packages "acme-*" --versions
  pipper repository packages --json -b s3://acme-packages
""",
)
@click.argument("pattern", metavar="[PATTERN]", default="", shell_complete=published)
@click.option("--versions", is_flag=True, help="List every version: upload, files, size, yanked, by whom.")
@repository_options
@json_option
def packages_(pattern: str, versions: bool, as_json: bool, **shared: Any) -> int:
    """List the packages of a repository: name, newest, versions, uploaded, yanked, size.

    PATTERN limits the names, as in acme-*. Newest is the newest version that is not yanked, and not a pre-release
    if there is a final one. In a pipe, sizes are in bytes. Reads one listing, and a page for each package.
    """
    settings = settings_from(shared)
    outcome = packages(settings, pattern)
    in_bytes = not sys.stdout.isatty()
    if as_json:
        give_json(packages_document(outcome, with_versions=versions))
    elif versions:
        give_table(VERSION_HEADERS, list(version_rows(outcome, in_bytes=in_bytes)))
    else:
        give_table(PACKAGE_HEADERS, list(package_rows(outcome, in_bytes=in_bytes)))
    render_errors(outcome.errors)
    settings.reporter.info(packages_summary(outcome))
    return outcome.exit_code
