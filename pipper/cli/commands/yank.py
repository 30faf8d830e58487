"""`pipper yank`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.completion import published
from pipper.cli.options.settings import object_options, repository_options, settings_from
from pipper.ops.repository.yank import YankRequest, yank

_EXAMPLES = """
Examples:
  pipper yank foo:1.2.3 --reason "breaks on Windows"
  pipper yank foo:1.2.3 --undo
"""


@click.command("yank", cls=Command, epilog=_EXAMPLES)
@click.argument("release", metavar="NAME:VERSION", shell_complete=published)
@click.option("--reason", default="", metavar="TEXT", help="Why, in one line, for other users.")
@click.option("--undo", is_flag=True, help="Remove the mark.")
@object_options
@repository_options
def command(release: str, reason: str, undo: bool, **shared: Any) -> None:
    """Mark a published version as yanked (PEP 592), so that it is not chosen any more.

    No file is removed: locks that hold the version still sync, and `foo==1.2.3` still finds it.
    """
    if undo and reason:
        raise click.UsageError("--undo takes no --reason")
    settings = settings_from(shared)
    request = YankRequest.of(release, reason=reason, undo=undo)
    outcome = yank(settings, request)
    done = "no longer yanked" if undo else "yanked"
    text = f"{done}: {request.name} {request.version} in {outcome.location}"
    settings.reporter.info(text if outcome.changed else f"nothing to do, {text}")
