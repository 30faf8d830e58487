"""`pipper repository add`, `modify`, `remove`, `list` and `exists`: the named repositories of this machine."""

from typing import Any

import click

from pipper.cli.command import CREDENTIALS, Command, Option, together
from pipper.cli.options.completion import named
from pipper.cli.options.settings import (
    bucket_options_of_repository,
    json_option,
    output_options,
    settings_from,
)
from pipper.cli.output import give_result
from pipper.cli.render.named_repositories import named_document, named_lines
from pipper.ops.context.declared_repositories import list_named
from pipper.ops.repository.named import add_named, modify_named, remove_named

# No `envvar` here: a variable that selects a repository to read must not change the stored ones.
_change_options = together(
    click.argument("name", metavar="NAME", shell_complete=named),
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
        help="Store this access key; replaces a stored profile. Put -c last, or follow it with another option.",
    ),
    click.option(
        "--prefix",
        cls=Option,
        old=("--root-prefix",),
        metavar="PREFIX",
        help="Store this key prefix in the bucket (default: pipper).",
    ),
    click.option(
        "--endpoint-url",
        metavar="URL",
        help="Store the S3 server that the credentials are for. A manifest may name it, too.",
    ),
    bucket_options_of_repository,
)


@click.command(
    "add",
    cls=Command,
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
def add_(name: str, default: bool, **given: Any) -> None:
    """Add a named repository: a bucket, and a profile or an access key for it."""
    settings = settings_from(given)
    add_named(settings, name, default=default)
    settings.reporter.info(f"added `{name}`; use it with -r {name}")


@click.command(
    "modify",
    cls=Command,
    epilog="""
Examples:
  pipper repository modify acme --prefix python
  pipper repository modify acme -p work --default
""",
)
@_change_options
@output_options
def modify_(name: str, default: bool, **given: Any) -> None:
    """Change a named repository. Values without an option stay as they are."""
    settings = settings_from(given)
    modify_named(settings, name, default=default)
    settings.reporter.info(f"modified `{name}`")


@click.command(
    "remove",
    cls=Command,
    epilog="""
Example:
  pipper repository remove acme
""",
)
@click.argument("name", metavar="NAME", shell_complete=named)
@output_options
def remove_(name: str, **shared: Any) -> None:
    """Remove a named repository from this machine. The bucket does not change."""
    settings = settings_from(shared)
    remove_named(settings, name)
    settings.reporter.info(f"removed `{name}`")


@click.command(
    "list",
    cls=Command,
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


@click.command(
    "exists",
    cls=Command,
    epilog="""
Example:
  pipper repository exists acme && echo yes
""",
)
@click.argument("name", metavar="NAME", shell_complete=named)
@output_options
def exists_(name: str, **shared: Any) -> int:
    """Exit with 0 if a named repository exists, otherwise with 1."""
    settings = settings_from(shared)
    found = name in list_named(settings).entries
    settings.reporter.info(f"`{name}` {'exists' if found else 'does not exist'}")
    return 0 if found else 1
