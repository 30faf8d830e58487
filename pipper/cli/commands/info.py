"""`pipper info`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.completion import published
from pipper.cli.options.environment import environment_options, place_from
from pipper.cli.options.settings import json_option, repository_options, settings_from
from pipper.cli.output import give_result
from pipper.cli.render.versions import info_document, info_lines
from pipper.ops.query.published_status import package_info

_EXAMPLES = """
Examples:
  pipper info acme-models                        # installed and published
  pipper info acme-models --local                # only installed
  pipper info acme-models -b s3://acme-packages  # in one repository
  pipper info acme-models -t build/packages      # in a plain directory
"""


@click.command("info", cls=Command, epilog=_EXAMPLES)
@click.argument("name", metavar="NAME", shell_complete=published)
@click.option("-l", "--local", is_flag=True, help="Show only what is installed: send no request.")
@click.option("--all", "every", is_flag=True, help="List all versions, not only the newest ten.")
@environment_options
@repository_options
@json_option
def command(name: str, local: bool, every: bool, as_json: bool, **shared: Any) -> None:
    """Show the installed and the published versions of NAME, with upload time, size and dependencies.

    The last line says whether the package is missing, behind, ahead or current. The newest version is the
    newest one that is not yanked; a pre-release counts only if nothing else is published.
    """
    settings = settings_from(shared)
    info = package_info(settings, name, place_from(shared), local=local)
    give_result(info_lines(info, every=every), info_document(info), as_json=as_json)
