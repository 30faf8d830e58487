"""`pipper lock`."""

from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace
from packaging.requirements import Requirement

from pipper.cli.command import Command, path_option
from pipper.cli.options.build import build_option, names_from
from pipper.cli.options.completion import locked
from pipper.cli.options.settings import json_option, limit_option, repository_options, settings_from
from pipper.cli.output import presentable
from pipper.cli.render.lock import print_check, print_lock, result_lines, unchanged_lines
from pipper.core.manifest.constraints import parse_as_of
from pipper.core.manifest.requirement import name_of, parse_requirement
from pipper.errors import UsageError
from pipper.ops.context.find_manifest import find_project_files
from pipper.ops.context.project import no_project
from pipper.ops.context.project_files import ProjectFiles
from pipper.ops.lock.lock import check_lock, keep_answers, lock_project
from pipper.ops.lock.options import BARE

_EXAMPLES = """
Examples:
  pipper lock                              # keep locked versions
  pipper lock -P acme-models               # upgrade one package (-U: all)
  pipper lock -P acme-models==1.4.1        # change it to this version
  pipper lock --check                      # for CI: exit 1 if out of date
  pipper lock --as-of 2026-11-01           # as on that day
  pipper lock --resolution lowest-direct   # test the lower bounds
"""


@click.command("lock", cls=Command, epilog=_EXAMPLES)
@click.option("-U", "--upgrade", is_flag=True, help="Upgrade every package to its newest version.")
@click.option(
    "-P",
    "--upgrade-package",
    "packages",
    multiple=True,
    metavar="NAME",
    shell_complete=locked,
    help="Upgrade NAME to its newest version, NAME==VERSION to that version.",
)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if the lock is out of date.")
@click.option("--dry-run", is_flag=True, help="Show the changes without writing the lock.")
@path_option("--python", metavar="PY", help="Lock for this Python: 3.12, python3.12, pypy3.10 or a path.")
@click.option(
    "--as-of",
    metavar="DATE",
    help="Ignore files uploaded after DATE: 2026-11-01 (the whole day, UTC), or a time with a time zone.",
)
@click.option(
    "--resolution",
    type=click.Choice(["highest", "lowest-direct"]),
    default="highest",
    show_default=True,
    metavar="MODE",
    help="highest, or lowest-direct: the oldest versions of the manifest's own requirements.",
)
@build_option
@limit_option
@click.option(
    "--offline", is_flag=True, help="Send no request: use cached answers of the index, and directories."
)
@repository_options
@json_option
@click.pass_obj
def command(
    likely: ProjectFiles | None,
    /,
    *,
    upgrade: bool,
    packages: tuple[str, ...],
    check: bool,
    dry_run: bool,
    python: Path | None,
    as_of: str | None,
    resolution: str,
    build: tuple[str, ...],
    offline: bool,
    as_json: bool,
    **shared: Any,
) -> int:
    """Resolve the manifest to exact versions with hashes, and write pipper.lock.

    A lock that is up to date stays as it is. Locked versions that still fit stay, unless -U or -P is given.
    """
    settings = settings_from(shared)
    files = find_project_files(settings.directory, likely)
    if files is None:
        raise no_project(settings.directory)
    if check:
        return print_check(check_lock(settings, files), settings.reporter, as_json=as_json)
    upgrades = [_upgrade(text) for text in packages]
    options = replace(
        BARE,
        upgrade=upgrade,
        upgrade_packages=frozenset(map(name_of, upgrades)),
        limits=tuple(each for each in upgrades if each.specifier),
        as_of=parse_as_of(as_of, where="--as-of") if as_of else None,
        lowest_direct=resolution == "lowest-direct",
        offline=offline,
    )
    outcome = lock_project(settings, files, options, python=python, dry_run=dry_run, build=names_from(build))
    print_lock(outcome, settings.reporter, dry_run=dry_run, as_json=as_json)
    keep_answers(
        settings,
        files,
        outcome,
        result=result_lines(outcome),
        unchanged=unchanged_lines(outcome),
        presentable=presentable,
    )
    return 0


def _upgrade(text: str) -> Requirement:
    """Return a value of `-P`: a name, with or without versions."""
    found = parse_requirement(text, where="-P")
    if found.extras or found.marker or found.url:
        raise UsageError(
            f"-P: `{text}` is not a name with versions", hint="write it as in `-P foo` or `-P foo==1.2`"
        )
    return found
