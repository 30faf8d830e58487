"""The options of `repository add` and `repository modify`, which become a `NamedChange`."""

from collections.abc import Mapping
from typing import Any

import click

from pipper.cli.command import CREDENTIALS, Option, together
from pipper.core.access import RepositoryOptions
from pipper.ops.repository.named import NamedChange

# No `envvar` here: a variable that selects a repository to read must not change the stored ones.
change_options = together(
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


def change_from(given: Mapping[str, Any], options: RepositoryOptions) -> NamedChange:
    """Return the change for the values of `change_options`, of which `options` holds bucket and credentials."""
    return NamedChange(name=given["name"], options=options, default=given["default"])
