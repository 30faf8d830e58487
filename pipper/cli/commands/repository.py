"""`pipper repository`: the named repositories of this machine; checks and repairs of one repository."""

from datetime import UTC, datetime
from typing import Any

import click

from pipper.cli.command import CREDENTIALS, Group, Option, together
from pipper.cli.options.settings import (
    json_option,
    limit_option,
    output_options,
    repository_options,
    settings_from,
)
from pipper.cli.output import give_json, give_result, render_error
from pipper.cli.render.findings import check_document, check_lines, repair_document, repair_lines
from pipper.cli.render.named_repositories import named_document, named_lines
from pipper.core.layout.iam_policy import PURPOSES, Purpose
from pipper.ops.context.declared_repositories import list_named
from pipper.ops.repository.check import CheckOutcome, check
from pipper.ops.repository.named import add_named, modify_named, remove_named
from pipper.ops.repository.policy import policy
from pipper.ops.repository.repair import RepairOutcome, repair

_EXAMPLES = """
Examples:
  pipper repository add acme -b acme-packages -p work
  pipper repository check -r acme
  pipper repository policy --for publish -r acme
"""

# No `envvar` here: a variable that selects a repository to read must not change the stored ones.
_change_options = together(
    click.argument("name", metavar="NAME"),
    click.option("--default", cls=Option, old=("-d",), is_flag=True, help="Make it the default repository."),
    click.option("-r", "--repository", metavar="NAME", help="Start from a copy of this named repository."),
    click.option("-b", "--bucket", metavar="BUCKET", help="Store this bucket: a name or s3://BUCKET/PREFIX."),
    click.option(
        "-p",
        "--profile",
        metavar="PROFILE",
        help="Store this AWS profile; replaces a stored access key.",
    ),
    click.option(
        *CREDENTIALS,
        nargs=3,
        allow_from_autoenv=False,
        metavar="KEY SECRET [TOKEN]",
        help="Store this access key; replaces a stored profile. Write -c last, or another option after it.",
    ),
    click.option(
        "--prefix",
        cls=Option,
        old=("--root-prefix",),
        metavar="PREFIX",
        help="Store the folder in the bucket that holds the packages (default: pipper).",
    ),
)


@click.group("repository", cls=Group, epilog=_EXAMPLES)
def command() -> None:
    """Manage the named repositories of this machine; check and repair a repository.

    Named repositories (add, modify, remove, list, exists) are in ~/.pipper/repositories.json, which pipper 0.x
    reads too. They hold the credentials for a bucket; the manifest says which repositories a project uses.
    """


@command.command(
    "add",
    short_help="Add a named repository: a bucket and its credentials.",
    epilog="""
Examples:
  pipper repository add acme -b acme-packages -p work      # an AWS profile
  pipper repository add lab -b s3://lab/py -c KEY SECRET   # an access key
  pipper repository add staging -r acme -b acme-staging    # copied from acme
""",
)
@_change_options
@output_options
def add(name: str, default: bool, **given: Any) -> None:
    """Add a named repository: a bucket, and a profile or an access key for it."""
    settings = settings_from(given)
    add_named(settings, name, default=default)
    settings.reporter.info(f"added `{name}`; use it with -r {name}")


@command.command(
    "modify",
    epilog="""
Examples:
  pipper repository modify acme --prefix python
  pipper repository modify acme -p work --default
""",
)
@_change_options
@output_options
def modify(name: str, default: bool, **given: Any) -> None:
    """Change a named repository. Values without an option stay as they are."""
    settings = settings_from(given)
    modify_named(settings, name, default=default)
    settings.reporter.info(f"modified `{name}`")


@command.command(
    "remove",
    epilog="""
Example:
  pipper repository remove acme
""",
)
@click.argument("name", metavar="NAME")
@output_options
def remove(name: str, **shared: Any) -> None:
    """Remove a named repository from this machine. The bucket does not change."""
    settings = settings_from(shared)
    remove_named(settings, name)
    settings.reporter.info(f"removed `{name}`")


@command.command(
    "list",
    short_help="List the named repositories.",
    epilog="""
Examples:
  pipper repository list
  pipper repository list --json
""",
)
@output_options
@json_option
def list_(as_json: bool, **shared: Any) -> None:
    """List the named repositories: name, bucket and prefix, credentials, and which is the default.

    Credentials are a profile, a key, or `-` for none. Keys are never printed.
    """
    named = list_named(settings_from(shared))
    give_result(named_lines(named), named_document(named), as_json=as_json)


@command.command(
    "exists",
    epilog="""
Example:
  pipper repository exists acme && echo yes
""",
)
@click.argument("name", metavar="NAME")
@output_options
def exists(name: str, **shared: Any) -> int:
    """Exit with 0 if a named repository exists, else with 1."""
    settings = settings_from(shared)
    found = name in list_named(settings).entries
    settings.reporter.info(f"`{name}` {'exists' if found else 'does not exist'}")
    return 0 if found else 1


@command.command(
    "check",
    short_help="Verify all files of a repository, and the permissions.",
    epilog="""
Examples:
  pipper repository check -r acme
  pipper repository check -b s3://acme-packages --json
""",
)
@limit_option
@repository_options
@json_option
def check_(as_json: bool, **shared: Any) -> int:
    """Verify every file of a repository against its page and its hash, and try each permission.

    Changes nothing. Exit 1 if there are differences: `pipper repository repair` repairs what can be repaired.
    """
    outcome = check(settings_from(shared), now=datetime.now(UTC))
    give_result(check_lines(outcome), check_document(outcome), as_json=as_json)
    return _ended(outcome)


@command.command(
    "repair",
    short_help="Make the pages of a repository match its files.",
    epilog="""
Examples:
  pipper repository repair -r acme --dry-run    # show what would be repaired
  pipper repository repair -r acme              # include what 0.x published
  pipper repository repair -r acme --format 2   # when no 0.x publishes here
""",
)
@click.option(
    "--format",
    "layout_format",
    type=click.Choice(["2"]),
    metavar="2",
    help="Convert the repository to format 2: then only its pages say what is published.",
)
@click.option("--dry-run", is_flag=True, help="Show the changes without making them.")
@limit_option
@repository_options
@json_option
def repair_(layout_format: str | None, dry_run: bool, as_json: bool, **shared: Any) -> int:
    """Make the pages of a repository match its files, and add to them what pipper 0.x published.

    Then pip and uv find these packages too. repair removes only files that no page names and that are older
    than a day. It may run while others publish. Exit 1 if something is left that needs a decision.
    """
    outcome = repair(
        settings_from(shared), to_format_2=layout_format == "2", dry_run=dry_run, now=datetime.now(UTC)
    )
    give_result(repair_lines(outcome), repair_document(outcome), as_json=as_json)
    return _ended(outcome)


@command.command(
    "policy",
    short_help="Print the least IAM policy for a repository.",
    epilog="""
Examples:
  pipper repository policy -b acme-packages                  # to read
  pipper repository policy -b acme-packages --for publish
""",
)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(PURPOSES),
    metavar="PURPOSE",
    default="read",
    show_default=True,
    help="What the policy allows: read, publish, authorize or repair.",
)
@repository_options
def policy_(purpose: Purpose, **shared: Any) -> None:
    """Print the least IAM policy for a repository, as JSON. Sends no request."""
    give_json(policy(settings_from(shared), purpose))


def _ended(outcome: CheckOutcome | RepairOutcome) -> int:
    for error in outcome.errors:
        render_error(error.message, error.cause, error.hint)
    return outcome.exit_code
