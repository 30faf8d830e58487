"""The options of commands that read an environment, which become a `Place`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pipper.cli.command import together
from pipper.ops.context.place import Place

environment_options = together(
    click.option(
        "-t",
        "--target",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Read this plain directory of packages.",
    ),
    click.option(
        "--python",
        type=click.Path(path_type=Path),
        metavar="EXE",
        help="Read the environment of this interpreter.",
    ),
)


def place_from(given: Mapping[str, Any]) -> Place:
    """Return the environment for the values of `environment_options`."""
    return Place(python=given["python"], target=given["target"])
