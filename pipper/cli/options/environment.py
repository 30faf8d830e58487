"""The options of queries: those that name an environment become a `Place`, the others `Settings`."""

from collections.abc import Mapping
from typing import Any

import click

from pipper.cli.command import path_option, together
from pipper.cli.options.settings import json_option, output_options, project_option
from pipper.ops.context.settings import Place

environment_options = together(
    path_option("-t", "--target", metavar="DIR", help="Read this plain directory of packages."),
    path_option("--python", metavar="PY", help="Read the environment of this interpreter."),
)

python_option = path_option(
    "--python",
    metavar="PY",
    help="Use this Python: 3.12, python3.12, pypy3.10 or a path. A Python inside an environment selects it.",
)

system_option = click.option(
    "--system", is_flag=True, help="With --python: change the packages of that Python itself."
)

query_options = together(environment_options, project_option, output_options, json_option)
"""The options of queries that send no request."""


def place_from(given: Mapping[str, Any]) -> Place:
    """Return the environment for the values of `environment_options`."""
    return Place(python=given["python"], target=given["target"], reads=True)
