"""`pipper run`."""

from pathlib import Path
from typing import Any

import click

from pipper.cli.command import HelpLayout
from pipper.cli.options.selection import selection_options
from pipper.cli.options.settings import settings_from, source_options
from pipper.cli.output import flush
from pipper.errors import MachineError
from pipper.ops.context.find_manifest import find_project_files
from pipper.ops.context.own_venv import own_venv
from pipper.ops.context.project import no_project
from pipper.ops.context.project_files import ProjectFiles, environment_path
from pipper.ops.sync.request import SyncRequest
from pipper.ops.sync.sync import sync
from pipper.python.activation import run_in

_EXAMPLES = """
Examples:
  pipper run pytest -q              # sync, then run a program
  pipper run script.py              # a Python file
  pipper run --extra gpu -- train   # with an extra
  pipper run --no-sync python       # do not sync before
"""


class _Runner(HelpLayout):
    """A command whose options end at the name of a program: all that follows is the program's."""

    allow_interspersed_args = False


@click.command("run", cls=_Runner, epilog=_EXAMPLES)
@click.argument("words", metavar="CMD [ARGS]...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--no-sync", is_flag=True, help="Run in the environment as it is.")
@selection_options
@source_options
@click.pass_obj
def command(likely: ProjectFiles | None, /, words: tuple[str, ...], no_sync: bool, **given: Any) -> int:
    """Sync the project's .venv, then run a program in it.

    The exit code is the program's. The packages of extras and groups that an earlier sync installed stay.
    """
    settings = settings_from(given)
    files = find_project_files(settings.directory, likely)
    if files is None:
        raise no_project(settings.directory)
    if not no_sync:
        options = {name: given[name] for name in ("groups", "all_groups", "no_dev", "extras", "all_extras")}
        request = SyncRequest(keeps_others=True, **options)
        outcome = sync(settings, request, files)
        if outcome and outcome.plan.changes:
            from pipper.cli.render.plan import print_sync  # noqa: PLC0415 - a sync with nothing to do does not need it

            print_sync(outcome, request, settings.reporter, as_json=False)
    if own_venv(settings, Path(files.root)) is None:
        raise MachineError("the project has no environment", hint="run `pipper sync` to create it")
    flush()  # what is buffered would be lost with this process
    return run_in(environment_path(files.root, settings.environ), words)
