"""The options of commands that take a lock elsewhere, which become `InputOptions`, a `MemberChoice`, a `Selection`."""

from collections.abc import Mapping
from typing import Any

import click
from packaging.utils import canonicalize_name

from pipper.cli.command import path_option, together
from pipper.cli.options.completion import published
from pipper.core.lock.selection import Selection
from pipper.ops.share.inputs import InputOptions
from pipper.ops.share.members import MemberChoice

input_options = together(
    click.argument("requirements", metavar="[REQ]...", nargs=-1, shell_complete=published),
    path_option(
        "-i",
        "--input",
        "input_path",
        metavar="FILE",
        help="Read requirements from pipper.json, pipper.yaml or pipper.toml, or take a lock.",
    ),
    click.option("--dev", "--devel", "--development", "dev", is_flag=True, hidden=True),
)

member_options = together(
    click.option(
        "--build-members",
        is_flag=True,
        help="Build the members and include their wheels.",
    ),
    click.option("--no-project", is_flag=True, help="Leave out the project itself, not what it requires."),
)


def members_from(given: Mapping[str, Any]) -> MemberChoice:
    """Return the choice for the values of `member_options`."""
    return MemberChoice(build=given["build_members"], no_project=given["no_project"])


def inputs_from(given: Mapping[str, Any]) -> InputOptions:
    """Return the input for the values of `input_options`, and of `--lock` if the command has it."""
    return InputOptions(
        requirements=given["requirements"],
        input_path=given["input_path"],
        lock_path=given.get("lock_path"),
        dev=given["dev"],
    )


def selection_from(given: Mapping[str, Any]) -> Selection:
    """Return the selection for the values of `selection_options`, and of `only_group_option` if the command has it."""
    return Selection(
        groups=frozenset(map(canonicalize_name, given["groups"])),
        only_groups=frozenset(map(canonicalize_name, given.get("only_groups", ()))),
        all_groups=given["all_groups"],
        default_group=not given["no_dev"],
        extras=frozenset(map(canonicalize_name, given["extras"])),
        all_extras=given["all_extras"],
    )
