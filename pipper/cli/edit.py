"""The options of `add`, `install`, `remove` and `uninstall`, what these commands run, and what they print."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import click
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from pipper.cli.command import F, Option, path_option, together
from pipper.cli.options.build import build_option, names_from
from pipper.cli.options.completion import groups, published, required
from pipper.cli.options.environment import python_option, system_option
from pipper.cli.options.settings import limit_option, settings_from
from pipper.cli.output import tell
from pipper.cli.render.plan import change_lines, plan_lines, plan_summary
from pipper.core.redaction import redacted
from pipper.core.wording import listed
from pipper.errors import UsageError
from pipper.ops.context.settings import Place
from pipper.ops.edit.edit import EditRequest
from pipper.ops.edit.folders import MemberFolder
from pipper.ops.edit.install import install, requested, uninstall


def _common(group_help: str, dev_help: str) -> tuple[Callable[[F], F], ...]:
    return (
        click.option("-g", "--group", metavar="G", shell_complete=groups, help=group_help),
        click.option("--dev", cls=Option, old=("--devel", "--development"), is_flag=True, help=dev_help),
        python_option,
        system_option,
        click.option("--dry-run", is_flag=True, help="Show the changes without making them."),
        click.option("--no-sync", is_flag=True, help="Change only the manifest and the lock."),
        limit_option,
    )


add_options = together(
    click.argument("requirements", metavar="[REQ]...", nargs=-1, shell_complete=published),
    path_option(
        "-i",
        "--input",
        "source",
        metavar="FILE",
        help="Read requirements from pipper.json, pipper.yaml or pipper.toml, or install a lock.",
    ),
    click.option(
        "-u",
        "--upgrade",
        cls=Option,
        old=("--update",),
        is_flag=True,
        help="Upgrade REQ, or everything, to the newest versions that fit.",
    ),
    path_option(
        "--path",
        "paths",
        multiple=True,
        metavar="DIR",
        help="Require the project in DIR, and build it from there whenever it changed.",
    ),
    path_option(
        "--editable",
        "editable",
        multiple=True,
        metavar="DIR",
        help="Require the project in DIR; changes take effect without a sync.",
    ),
    build_option,
    *_common(
        "Add to this dependency group.",
        "Short for --group dev. With -i: the development dependencies of FILE.",
    ),
)
"""Arguments and options of `add` and `install`."""

remove_options = together(
    click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=required),
    *_common("Remove from this dependency group.", "Short for --group dev."),
)
"""Arguments and options of `remove` and `uninstall`."""

target_options = together(
    path_option("-t", "--target", metavar="DIR", help="Work on this plain directory of packages."),
    click.option("--user", is_flag=True, help="Work on the user's own site-packages."),
)
"""Options of `install` and `uninstall`: an environment that is its own project."""


def run_edit(given: Mapping[str, Any], *, anywhere: bool) -> None:
    """Run a command with these option values; `anywhere` allows an environment that is its own project.

    Prints a line for each change (to standard output in a dry run, else as messages) and a summary. Raises
    click.UsageError for options that contradict each other, UsageError for a REQ that is not one, and what the
    operation raises.
    """
    settings, request = settings_from(given), _request(given, anywhere=anywhere)
    now, reporter = datetime.now(UTC), settings.reporter
    if request.remove:
        outcome = uninstall(settings, request, now=now)
    else:
        outcome = install(settings, request, given["source"], dev=given["dev"], now=now)
    for line in change_lines(outcome.changes) if outcome.sync is None else plan_lines(outcome.sync):
        (tell if request.dry_run else reporter.info)(line)
    changed = f"{'Would change' if request.dry_run else 'Changed'} {listed(path.name for path in outcome.documents)}"
    if outcome.documents and outcome.reason:
        reporter.info(f"No version changes in the lock, but {outcome.reason}")
    if outcome.sync is None:
        reporter.info(
            f"{changed}; run `pipper sync` to install" if outcome.documents else "Nothing to change"
        )
    elif outcome.documents and not outcome.sync.plan.changes:
        reporter.info(f"{changed}; {outcome.sync.environment.root} matches already")
    else:
        reporter.info(plan_summary(outcome.sync, done=not request.dry_run))


def _request(given: Mapping[str, Any], *, anywhere: bool) -> EditRequest:
    from_file = given.get("source") is not None
    folders = (
        *(MemberFolder(path=path, editable=False) for path in given.get("paths", ())),
        *(MemberFolder(path=path, editable=True) for path in given.get("editable", ())),
    )
    if from_file and (given["requirements"] or folders):
        raise click.UsageError("REQ and -i FILE cannot be combined")
    if given["dev"] and given["group"] not in (None, "dev"):
        raise click.UsageError("--dev means --group dev: give one of them")
    if given.get("user") and given.get("target") is not None:
        raise click.UsageError("-t and --user cannot be combined: each names an environment")
    group = "dev" if given["dev"] and not from_file else given["group"]
    return EditRequest(
        add=tuple(requested(text) for text in given.get("requirements", ())),
        folders=folders,
        remove=tuple(map(_removed, given.get("names", ()))),
        group=_group(group) if group is not None else None,
        build=names_from(given.get("build", ())),
        upgrade=bool(given.get("upgrade")),
        place=Place(
            python=given["python"],
            target=given.get("target"),
            user=bool(given.get("user")),
            system=given["system"],
        ),
        anywhere=anywhere,
        sync=not given["no_sync"],
        dry_run=given["dry_run"],
    )


def _removed(text: str) -> NormalizedName:
    """Return the name of a project to remove; raise UsageError for a requirement, whose parts cannot be removed."""
    name = re.match(r"([A-Za-z0-9][\w.-]*)[\[<>=!~; ]", text, re.ASCII)
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise UsageError(
            f"`{redacted(text)[:200]}` is not the name of a project",
            cause="a requirement is removed whole, by its name",
            hint=f"give `{name[1]}`, then add what should stay of it again" if name else "give names only",
        ) from error


def _group(text: str) -> NormalizedName:
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise click.BadParameter(f"{text!r} is not a valid group name", param_hint="-g") from error
