"""`pipper yank`."""

from typing import Any

import click

from pipper.cli.options.shared import (
    Command,
    output_options,
    project_option,
    repository_options,
    settings_from,
)
from pipper.ops.repository.yank import YankRequest, parse_release, yank


@click.command("yank", cls=Command, epilog='Example: pipper yank foo:1.2.3 --reason "breaks on Windows"')
@click.argument("release", metavar="NAME:VERSION")
@click.option("--reason", default="", metavar="TEXT", help="Why, in one line; others are told.")
@click.option("--undo", is_flag=True, help="Take the mark away.")
@project_option
@repository_options
@output_options
def command(release: str, reason: str, undo: bool, **shared: Any) -> int:
    """Mark a published version as not to be chosen any more (PEP 592).

    Nothing is removed: locks that hold the version sync as before, and `foo==1.2.3` still finds it.
    """
    if undo and reason:
        raise click.UsageError("--undo takes no --reason")
    settings = settings_from(shared)
    name, version = parse_release(release)
    outcome = yank(settings, YankRequest(name=name, version=version, reason=reason, undo=undo))
    done = "no longer yanked" if undo else "yanked"
    text = f"{done}: {name} {version} in {outcome.location}"
    settings.reporter.info(text if outcome.changed else f"nothing to do, {text}")
    return 0
