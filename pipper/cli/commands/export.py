"""`pipper export`."""

from pathlib import Path
from typing import Any

import click

from pipper.cli.options.selection import selection_from, selection_options
from pipper.cli.options.shared import (
    Command,
    output_options,
    project_option,
    repository_options,
    settings_from,
)
from pipper.cli.output import give
from pipper.ops.share.export import ExportRequest, export


class _Format(click.Choice[str]):
    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's signature
        return f"Give {' or '.join(self.choices)}"


@click.command(
    "export",
    cls=Command,
    epilog="Examples: pipper export -f requirements -o requirements.txt, pipper export -f pylock -o pylock.toml",
)
@click.option(
    "-f",
    "--format",
    "kind",
    type=_Format(["pylock", "requirements"]),
    required=True,
    help="pylock.toml (PEP 751), or a requirements.txt with hashes.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write FILE, not standard output."
)
@selection_options
@project_option
@repository_options
@output_options
def command(kind: Any, output: Path | None, **given: Any) -> None:
    """Write the project's lock in the format of another tool. Nothing is signed, and no secret is in it."""
    settings = settings_from(given)
    text = export(settings, ExportRequest(format=kind, selection=selection_from(given), output=output))
    if output is None:
        give(text.removesuffix("\n"))
    else:
        settings.reporter.info(f"Wrote {settings.directory / output}")
