"""The options of commands that take a part of a lock, which become a `Selection`."""

from collections.abc import Mapping
from typing import Any

import click
from packaging.utils import canonicalize_name

from pipper.cli.command import together
from pipper.core.lock.selection import Selection

selection_options = together(
    click.option(
        "-g", "--group", "groups", multiple=True, metavar="G", help="Include this dependency group."
    ),
    click.option("--no-dev", is_flag=True, help="Exclude the group dev, which is included by default."),
    click.option("--extra", "extras", multiple=True, metavar="E", help="Include this extra."),
)


def selection_from(given: Mapping[str, Any]) -> Selection:
    """Return the selection for the values of `selection_options`."""
    return Selection(
        groups=frozenset(map(canonicalize_name, given["groups"])),
        default_group=not given["no_dev"],
        extras=frozenset(map(canonicalize_name, given["extras"])),
    )
