"""`pipper init`."""

import sys
from typing import Any

import click

from pipper.cli.options import Command, output_options, project_option, settings_from
from pipper.ops.project import init_project


@click.command(
    "init", cls=Command, epilog="Example: pipper init --repository-url acme=s3://acme-packages/pipper"
)
@project_option
@output_options
@click.option(
    "-R",
    "--repository-url",
    "repositories",
    multiple=True,
    metavar="ALIAS=URL",
    help="A repository for the manifest: s3://BUCKET[/PREFIX] or file:///DIR.",
)
def command(repositories: tuple[str, ...], **shared: Any) -> None:
    """Begin a project: write a first pipper.toml."""
    settings = settings_from(shared)
    pairs = []
    for text in repositories:
        alias, separator, url = text.partition("=")
        if not separator:
            raise click.BadParameter(f"{text!r} is not ALIAS=URL", param_hint="--repository-url")
        pairs.append((alias, url))
    path = init_project(settings.directory, python=f"3.{sys.version_info.minor}", repositories=pairs)
    settings.reporter.info(f"Wrote {path}. Name what you need in it, then: pipper lock && pipper sync")
