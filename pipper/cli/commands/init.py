"""`pipper init`."""

import sys
from pathlib import Path
from typing import Any

import click

from pipper.cli.command import Command, LocalPath
from pipper.cli.options.settings import output_options, project_option, repository_text, settings_from
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.ops.context.project_files import PIPPER_TOML
from pipper.ops.init import adopt_project, init_project

_EXAMPLES = """
Examples:
  pipper init -R acme=s3://acme-packages     # with a repository
  pipper init --from pipper.json             # convert a 0.x manifest
  pipper init --from requirements.txt
"""


@click.command("init", cls=Command, epilog=_EXAMPLES)
@click.option(
    "-R",
    "--repository-url",
    "repositories",
    multiple=True,
    metavar="ALIAS=URL",
    help="Add a repository to the manifest: s3://BUCKET[/PREFIX] or a directory (/DIR, ../DIR).",
)
@click.option(
    "--from",
    "source",
    type=LocalPath(exists=True),
    metavar="FILE|DIR",
    help="Convert pipper.json, pipper.yaml, pyproject.toml (standard, Poetry, uv, PDM), setup.cfg or requirements.txt.",
)
@project_option
@output_options
def command(repositories: tuple[str, ...], source: Path | None, **shared: Any) -> None:
    """Create pipper.toml, or convert the manifest of another tool.

    pipper warns about each line that it cannot convert.
    """
    settings = settings_from(shared)
    entries = []
    for text in repositories:
        alias, separator, url = text.partition("=")
        if not separator:
            raise click.BadParameter(f"{text!r} is not ALIAS=URL", param_hint="--repository-url")
        entries.append(RepositoryEntry(alias=alias, url=repository_text(url, keep_relative=True)))
    python = f"3.{sys.version_info.minor}"
    if source is None:
        other = init_project(settings.directory, python=python, repositories=entries)
        if other:
            convert = f"to convert it, remove {PIPPER_TOML} and run `pipper init --from {other}`"
            settings.reporter.warning(f"{PIPPER_TOML} has nothing of {other}: {convert}")
    else:
        for note in adopt_project(settings.directory, source, python=python, repositories=entries):
            settings.reporter.warning(f"not converted: {note}")
    path = settings.directory / PIPPER_TOML
    first = _next(converted=source is not None, has_repositories=bool(entries))
    settings.reporter.info(f"Wrote {path}. {first}, then run `pipper lock && pipper sync`")


def _next(*, converted: bool, has_repositories: bool) -> str:
    if not converted:
        return "Add your requirements to it"
    return "Read it" if has_repositories else "Read it and add your repositories to it"
