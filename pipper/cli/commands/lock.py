"""`pipper lock`."""

from pathlib import Path
from typing import Any

import click
from msgspec.structs import asdict, replace
from packaging.requirements import Requirement

from pipper.cli.command import Command, path_option
from pipper.cli.options.build import build_option, names_from
from pipper.cli.options.completion import locked
from pipper.cli.options.settings import json_option, limit_option, repository_options, settings_from
from pipper.cli.output import give_json, presentable, tell
from pipper.cli.render.plan import change_lines
from pipper.core.manifest.constraints import parse_as_of
from pipper.core.manifest.requirement import name_of, parse_requirement
from pipper.core.wording import counted
from pipper.errors import UsageError
from pipper.ops.context.find_manifest import find_project_files
from pipper.ops.context.project import no_project
from pipper.ops.context.project_files import ProjectFiles
from pipper.ops.lock.lock import LockOutcome, check_lock, lock_project
from pipper.ops.lock.lock_stamp import write_lock_stamp
from pipper.ops.lock.memorable import remember
from pipper.ops.lock.options import BARE

_UNCHANGED = "Unchanged:"
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
        difference = check_lock(settings, files)
        if as_json:
            give_json({"fresh": not difference, "difference": difference})
        elif difference:
            tell(f"pipper.lock is out of date: {difference}")
            settings.reporter.info("hint: pipper lock")
        else:
            settings.reporter.info("pipper.lock is up to date")
        return 1 if difference else 0
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
    if as_json:
        give_json(_document(outcome))
    else:
        for line in change_lines(outcome.changes):
            (tell if dry_run else settings.reporter.info)(line)
    done = "Locked" if outcome.written else _UNCHANGED
    settings.reporter.info(_summary(outcome, "Would lock" if dry_run else done))
    if outcome.stamp:
        warnings = [presentable(f"warning: {text}") for text in outcome.warnings]
        lines = [*warnings, presentable(_summary(outcome, _UNCHANGED))]
        write_lock_stamp(settings, files, outcome.stamp.key, lines, outcome.stamp.watched)
    if outcome.memo:
        remember(
            settings, outcome.memo, [*change_lines(outcome.changes), _summary(outcome, done)], presentable
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


def _summary(outcome: LockOutcome, done: str) -> str:
    """Return one sentence on the whole lock."""
    count = counted(len(outcome.lock.packages), "package")
    replaced = [f"{each.name} {version}" for each in outcome.changes for version in each.other_bytes]
    more = f"; other bytes for {', '.join(replaced)}" if replaced else ""
    return f"{done} {count} for {_environments(outcome)}{more}"


def _environments(outcome: LockOutcome) -> str:
    """Return for what the lock has a solution: the environment at hand, and how many of the others."""
    others = len(outcome.environments) - 1
    if not others:
        return outcome.environments[0]
    solved = len(outcome.solved) - 1
    if not outcome.at_hand:
        return (
            f"{solved + 1} of {others + 1} environments" if solved < others else f"{others + 1} environments"
        )
    some = counted(others, "other") if solved == others else f"{solved} of {counted(others, 'other')}"
    return f"{outcome.at_hand} and {some}"


def _document(outcome: LockOutcome) -> dict[str, object]:
    """`lock --json`: written, environments, packages (name, version, source), changes (name, before, after).

    A change has `other_bytes`, a list of versions, only if there are some.
    """
    return {
        "written": outcome.written,
        "environments": list(outcome.environments),
        "packages": [
            {"name": package.name, "version": package.version or None, "source": package.source}
            for package in outcome.lock.packages
        ],
        "changes": [
            {
                key: value
                for key, value in asdict(change).items()
                if key in ("name", "before", "after") or (key == "other_bytes" and value)
            }
            for change in outcome.changes
        ],
    }
