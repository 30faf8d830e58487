"""`pipper init`."""

import sys
from pathlib import Path
from typing import Any

import click

from pipper.cli.options.shared import Command, output_options, project_option, settings_from
from pipper.ops.context.project import init_project
from pipper.ops.init import adopt_project


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
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE|DIR",
    help="Bring over pipper.json, pipper.yaml, a pyproject.toml (standard, Poetry, uv, PDM) or requirements.txt.",
)
def command(repositories: tuple[str, ...], source: Path | None, **shared: Any) -> None:
    """Begin a project: write a first pipper.toml."""
    settings = settings_from(shared)
    pairs = []
    for text in repositories:
        alias, separator, url = text.partition("=")
        if not separator:
            raise click.BadParameter(f"{text!r} is not ALIAS=URL", param_hint="--repository-url")
        pairs.append((alias, url))
    python = f"3.{sys.version_info.minor}"
    if source is not None:
        path, adopted = adopt_project(settings.directory, source, python=python, repositories=pairs)
        for note in adopted.notes:
            settings.reporter.warning(f"left behind: {note}")
        settings.reporter.info(
            f"Wrote {path}. Name your repositories in it, then: pipper lock && pipper sync"
        )
        return
    path = init_project(settings.directory, python=python, repositories=pairs)
    settings.reporter.info(f"Wrote {path}. Name what you need in it, then: pipper lock && pipper sync")
