"""`pipper export`."""

from pathlib import Path
from typing import Any

import click

from pipper.cli.command import Command, path_option
from pipper.cli.options.inputs import member_options, members_from, selection_from
from pipper.cli.options.selection import only_group_option, selection_options
from pipper.cli.options.settings import repository_options, settings_from
from pipper.cli.output import give
from pipper.errors import UsageError
from pipper.ops.share.export import Format, export

_EXAMPLES = """
Examples:
  pipper export -o pylock.toml
  pipper export -o requirements.txt
  pipper export -o sbom.json                            # CycloneDX
  pipper export -f requirements --extra gpu --no-dev    # to standard output
"""


def _kind(given: Format | None, output: Path | None) -> Format:
    """Return the format that is asked for, else the one that the name of the output tells."""
    name = output.name if output else ""
    if given:
        return given
    if name.startswith("pylock.") and name.endswith(".toml"):
        return "pylock"
    if name.endswith(".txt"):
        return "requirements"
    if name.endswith(".json"):
        return "cyclonedx"
    raise UsageError(
        f"the name {output.name} does not tell a format" if output else "no format is given",
        hint="give -f pylock, -f requirements or -f cyclonedx, or -o with pylock.toml, a .txt or a .json",
    )


@click.command("export", cls=Command, epilog=_EXAMPLES)
@click.option(
    "-f",
    "--format",
    "kind",
    type=click.Choice(["pylock", "requirements", "cyclonedx"]),
    metavar="FORMAT",
    help="pylock (PEP 751), requirements (with hashes) or cyclonedx (bill of materials); default: by the name of FILE.",
)
@path_option("-o", "--output", metavar="FILE", help="Write FILE (default: standard output).")
@selection_options
@only_group_option
@member_options
@repository_options
def command(kind: Format | None, output: Path | None, **given: Any) -> None:
    """Write the project's lock in the format of another tool.

    The file has no signed URLs and no secrets: to install from it, a host needs access to the repositories.
    """
    settings = settings_from(given)
    text = export(settings, _kind(kind, output), selection_from(given), output, members_from(given))
    if output is None:
        give(text.removesuffix("\n"))
    else:
        written = settings.directory / output
        settings.reporter.info(f"Wrote {written.resolve() if '..' in written.parts else written}")
