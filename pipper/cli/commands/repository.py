"""`pipper repository`: named repositories on this machine, and the care of a repository itself."""

from datetime import UTC, datetime
from typing import Any

import click

from pipper.cli.options.named import change_options, named_document, named_lines
from pipper.cli.options.shared import (
    Command,
    Group,
    limit_option,
    output_options,
    project_option,
    repository_options,
    settings_from,
)
from pipper.cli.output import give, give_json, render_error
from pipper.cli.render.findings import check_document, check_lines, repair_document, repair_lines
from pipper.core.layout.iam_policy import PURPOSES, Purpose
from pipper.errors import PipperError
from pipper.ops.repository.check import check
from pipper.ops.repository.named import NamedChange, add_named, list_named, modify_named, remove_named
from pipper.ops.repository.policy import policy
from pipper.ops.repository.repair import RepairRequest, repair


@click.group(
    "repository", cls=Group, epilog="Example: pipper repository add acme -b acme-packages -p acme --default"
)
def command() -> None:
    """Named repositories of this machine (add, modify, remove, list, exists); check, repair and policy of one.

    Named repositories stand in ~/.pipper/repositories.json, which pipper 0.x reads too. The manifest says where
    packages are, this file says who asks.
    """


@command.command("add", cls=Command, epilog="Example: pipper repository add acme -b acme-packages -p work")
@change_options
@output_options
def add(name: str, default: bool, default_of_old: bool, **shared: Any) -> int:
    """Add a named repository: a bucket, and who asks for it (a profile or an access key)."""
    settings = settings_from(shared)
    add_named(
        settings, NamedChange(name=name, options=settings.repositories, default=default or default_of_old)
    )
    settings.reporter.info(f"added `{name}`; use it with -r {name}")
    return 0


@command.command("modify", cls=Command, epilog="Example: pipper repository modify acme --prefix python")
@change_options
@output_options
def modify(name: str, default: bool, default_of_old: bool, **shared: Any) -> int:
    """Change a named repository; what no option names stays. -p and -c replace each other."""
    settings = settings_from(shared)
    modify_named(
        settings, NamedChange(name=name, options=settings.repositories, default=default or default_of_old)
    )
    settings.reporter.info(f"modified `{name}`")
    return 0


@command.command("remove", epilog="Example: pipper repository remove acme")
@click.argument("name", metavar="NAME")
@output_options
def remove(name: str, **shared: Any) -> int:
    """Remove a named repository from this machine. The repository itself is left alone."""
    settings = settings_from(shared)
    remove_named(settings, name)
    settings.reporter.info(f"removed `{name}`")
    return 0


@command.command("list", epilog="Example: pipper repository list --json")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@output_options
def list_(as_json: bool, **shared: Any) -> int:
    """List named repositories: name, bucket and prefix, who asks (a key, a profile, or -), the default."""
    named = list_named(settings_from(shared))
    if as_json:
        give_json(named_document(named))
    else:
        for line in named_lines(named):
            give(line)
    return 0


@command.command("exists", epilog="Example: pipper repository exists acme && echo yes")
@click.argument("name", metavar="NAME")
@output_options
def exists(name: str, **shared: Any) -> int:
    """Tell by exit code whether a named repository exists: 0 where it does, 1 where not."""
    settings = settings_from(shared)
    found = name in list_named(settings).entries
    settings.reporter.info(f"`{name}` {'exists' if found else 'does not exist'}")
    return 0 if found else 1


@command.command("check", cls=Command, epilog="Example: pipper repository check -r acme")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@limit_option
@project_option
@repository_options
@output_options
def check_(as_json: bool, **shared: Any) -> int:
    """Hold every object against its page and hash, and try each permission. Changes nothing.

    Exit 1 where there are differences: `pipper repository repair` mends what can be mended.
    """
    settings = settings_from(shared)
    outcome = check(settings, now=datetime.now(UTC))
    if as_json:
        give_json(check_document(outcome))
    else:
        for line in check_lines(outcome):
            give(line)
    _render_all(outcome.errors)
    return outcome.exit_code


@command.command("repair", cls=Command, epilog="Example: pipper repository repair -r acme --dry-run")
@click.option(
    "--format", "layout_format", type=click.Choice(["2"]),
    help="Move the repository over: from then on pages alone say what is published.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Tell what would be done, do nothing.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@limit_option
@project_option
@repository_options
@output_options
def repair_(layout_format: str | None, dry_run: bool, as_json: bool, **shared: Any) -> int:
    """Make pages agree with what is there, and take in what pipper 0.x published, so that pip and uv find it.

    Removes objects that no page names and that are older than a day, and nothing else. May run while others
    publish. Exit 1 where something is left that only a person can decide.
    """
    settings = settings_from(shared)
    request = RepairRequest(to_format_2=layout_format == "2", dry_run=dry_run)
    outcome = repair(settings, request, now=datetime.now(UTC))
    if as_json:
        give_json(repair_document(outcome))
    else:
        for line in repair_lines(outcome):
            give(line)
    _render_all(outcome.errors)
    return outcome.exit_code


@command.command(
    "policy", cls=Command, epilog="Example: pipper repository policy --for publish -b acme-packages"
)
@click.option(
    "--for", "purpose", type=click.Choice(PURPOSES), default="read", show_default=True,
    help="What the policy is to allow.",
)  # fmt: skip
@project_option
@repository_options
@output_options
def policy_(purpose: Purpose, **shared: Any) -> int:
    """Print the least IAM policy for the repository at hand, as JSON. Asks nothing of it."""
    give_json(policy(settings_from(shared), purpose))
    return 0


def _render_all(errors: tuple[PipperError, ...]) -> None:
    for error in errors:
        render_error(error.message, error.cause, error.hint)
