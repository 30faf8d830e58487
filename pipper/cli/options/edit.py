"""What `add`, `install`, `remove` and `uninstall` have in common."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from pipper.cli.options.shared import Option, limit_option, settings_from
from pipper.cli.output import give
from pipper.cli.render.plan import change_lines, plan_lines, plan_summary
from pipper.ops.context.environments import Place
from pipper.ops.context.settings import Settings
from pipper.ops.edit.edit import EditOutcome, EditRequest, edit
from pipper.ops.edit.install import install_again, install_from, requested

F = TypeVar("F", bound=Callable[..., Any])


def add_options(function: F) -> F:
    """Arguments and options of `add` and `install`."""
    for option in reversed(
        (
            click.argument("requirements", metavar="[REQ]...", nargs=-1),
            click.option(
                "-i", "--input", "source", type=click.Path(path_type=Path), metavar="FILE",
                help="Take requirements from pipper.json, pipper.yaml or pipper.toml, or install a lock.",
            ),
            click.option(
                "-u", "--upgrade", cls=Option, old=("--update",), is_flag=True,
                help="Take the newest versions that fit: of REQ, or of everything.",
            ),
            *_common("Add to this dependency group."),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def remove_options(function: F) -> F:
    """Arguments and options of `remove` and `uninstall`."""
    for option in reversed(
        (
            click.argument("names", metavar="NAME...", nargs=-1, required=True),
            *_common("Take out of this dependency group."),
            click.option(
                "-t", "--target", type=click.Path(path_type=Path), metavar="DIR", help="A plain directory."
            ),
            click.option("--user", is_flag=True, help="The user's own packages."),
        )
    ):
        function = option(function)
    return function


def _common(group_help: str) -> tuple[Callable[[F], F], ...]:
    return (
        click.option("-g", "--group", metavar="G", help=group_help),
        click.option(
            "--dev", cls=Option, old=("--devel", "--development"), is_flag=True, help="The same as -g dev."
        ),
        click.option(
            "--python", type=click.Path(path_type=Path), metavar="EXE", help="This interpreter's environment."
        ),
        click.option("--dry-run", is_flag=True, help="Tell what would be done, do nothing."),
        click.option("--no-sync", is_flag=True, help="Edit manifest and lock only."),
        limit_option,
    )


def run_install(given: Mapping[str, Any], *, anywhere: bool) -> int:
    """Carry out `add` or `install`; return the exit code."""
    settings = settings_from(given)
    request = _request(given, anywhere=anywhere)
    now = datetime.now(UTC)
    if given["source"] is not None:
        if given["requirements"]:
            raise click.UsageError("give REQ or -i FILE, not both")
        return _tell(
            settings, request, install_from(settings, request, given["source"], dev=given["dev"], now=now)
        )
    if not given["requirements"]:
        return _tell(settings, request, install_again(settings, request, dev=given["dev"], now=now))
    added = tuple(requested(text) for text in given["requirements"])
    return _tell(settings, request, edit(settings, request.with_added(added), now=now))


def run_uninstall(given: Mapping[str, Any], *, anywhere: bool) -> int:
    """Carry out `remove` or `uninstall`; return the exit code."""
    settings = settings_from(given)
    names = tuple(canonicalize_name(name) for name in given["names"])
    request = _request(given, anywhere=anywhere).with_removed(names)
    return _tell(settings, request, edit(settings, request, now=datetime.now(UTC)))


def _request(given: Mapping[str, Any], *, anywhere: bool) -> EditRequest:
    if given["dev"] and given["group"] not in (None, "dev"):
        raise click.UsageError("--dev means -g dev")
    group = "dev" if given["dev"] and given.get("source") is None else given["group"]
    return EditRequest(
        group=_group(group) if group is not None else None,
        upgrade=bool(given.get("upgrade")),
        place=Place(python=given["python"], target=given["target"], user=given["user"]),
        anywhere=anywhere,
        sync=not given["no_sync"],
        dry_run=given["dry_run"],
    )


def _group(text: str) -> NormalizedName:
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise click.BadParameter(f"{text!r} cannot be the name of a group", param_hint="-g") from error


def _tell(settings: Settings, request: EditRequest, outcome: EditOutcome) -> int:
    tell = give if request.dry_run else settings.reporter.info
    lines = change_lines(outcome.changes) if outcome.sync is None else plan_lines(outcome.sync)
    for line in lines:
        tell(line)
    if outcome.sync is None:
        settings.reporter.info(f"Wrote {outcome.manifest_path} and its lock; `pipper sync` installs")
    else:
        settings.reporter.info(plan_summary(outcome.sync, done=not request.dry_run))
    return 0
