"""Options of the commands that take a part of a lock. Not beside the others: what they become is not light."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from packaging.utils import canonicalize_name

from pipper.core.lock.selection import Selection

F = TypeVar("F", bound=Callable[..., Any])


def selection_options(function: F) -> F:
    """Which part of a lock."""
    for option in reversed(
        (
            click.option("-g", "--group", "groups", multiple=True, metavar="G", help="With this group too."),
            click.option("--no-dev", is_flag=True, help="Without the group dev, which is in otherwise."),
            click.option("--extra", "extras", multiple=True, metavar="E", help="With this extra too."),
        )
    ):
        function = option(function)
    return function


def selection_from(given: Mapping[str, Any]) -> Selection:
    """Return the selection that these options amount to."""
    return Selection(
        groups=frozenset(map(canonicalize_name, given["groups"])),
        default_group=not given["no_dev"],
        extras=frozenset(map(canonicalize_name, given["extras"])),
    )
