"""Options of commands that only look at an environment; apart from `options`, which every command imports."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pipper.cli.options.shared import F
from pipper.ops.context.environments import Place


def environment_options(function: F) -> F:
    """`-t DIR` and `--python EXE`; see `place_from`."""
    function = click.option(
        "--python",
        type=click.Path(path_type=Path),
        metavar="EXE",
        help="Look at the environment of this interpreter.",
    )(function)
    return click.option(
        "-t",
        "--target",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Look at this directory of packages.",
    )(function)


def place_from(given: Mapping[str, Any]) -> Place:
    """Return the environment that `environment_options` amount to."""
    return Place(python=given["python"], target=given["target"])
