"""`pipper info`."""

from typing import Any

import click

from pipper.cli.options.environment import environment_options, place_from
from pipper.cli.options.shared import (
    Command,
    output_options,
    project_option,
    repository_options,
    settings_from,
)
from pipper.cli.output import give, give_json
from pipper.cli.render.published import info_document, info_lines
from pipper.ops.query.published_status import package_info


@click.command(
    "info",
    cls=Command,
    epilog="Examples: pipper info acme-models, pipper info acme-models -b s3://acme-packages, "
    "pipper info acme-models --local",
)
@click.argument("name", metavar="NAME")
@click.option("-l", "--local", is_flag=True, help="Only what is installed: asks no repository.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@environment_options
@project_option
@repository_options
@output_options
def command(name: str, local: bool, as_json: bool, **shared: Any) -> None:
    """Tell what is installed and what is published of NAME: versions, upload time, size, dependencies.

    The last line says whether it is missing, behind, ahead or current. The newest version is the newest that
    is neither yanked nor, unless there is nothing else, a pre-release.
    """
    settings = settings_from(shared)
    info = package_info(settings, name, place_from(shared), local=local)
    if as_json:
        give_json(info_document(info))
    else:
        for line in info_lines(info):
            give(line)
