"""`pipper export`."""

from pathlib import Path
from typing import Any

import click

from pipper.cli.command import Command, path_option
from pipper.cli.options.selection import (
    member_options,
    members_from,
    selection_from,
    selection_options,
)
from pipper.cli.options.settings import repository_options, settings_from
from pipper.cli.output import give
from pipper.ops.share.export import export

_EXAMPLES = """
Examples:
  pipper export -f pylock -o pylock.toml
  pipper export -f requirements -o requirements.txt
  pipper export -f cyclonedx -o sbom.json
  pipper export -f requirements --extra gpu --no-dev    # to standard output
"""


class _Format(click.Choice[str]):
    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002 - click's signature
        return f"Give {' or '.join(self.choices)}"


@click.command("export", cls=Command, epilog=_EXAMPLES)
@click.option(
    "-f",
    "--format",
    "kind",
    type=_Format(["pylock", "requirements", "cyclonedx"]),
    metavar="FORMAT",
    required=True,
    help="pylock: a PEP 751 lock. requirements: a requirements.txt with hashes. cyclonedx: a bill of materials.",
)
@path_option("-o", "--output", metavar="FILE", help="Write FILE (default: standard output).")
@selection_options
@member_options
@repository_options
def command(kind: Any, output: Path | None, **given: Any) -> None:
    """Write the project's lock in the format of another tool.

    The file has no signed URLs and no secrets: to install from it, a host needs access to the repositories.
    """
    settings = settings_from(given)
    text = export(settings, kind, selection_from(given), output, members_from(given))
    if output is None:
        give(text.removesuffix("\n"))
    else:
        settings.reporter.info(f"Wrote {settings.directory / output}")
