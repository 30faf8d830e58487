"""The options that select groups and extras of a lock. Cheap: `run` and `sync` import it each time."""

import click

from pipper.cli.command import together
from pipper.cli.options.completion import extras, groups

selection_options = together(
    click.option(
        *("-g", "--group", "groups"),
        multiple=True,
        metavar="G",
        shell_complete=groups,
        help="Include this dependency group.",
    ),
    click.option("--all-groups", is_flag=True, help="Include every dependency group."),
    click.option("--no-dev", is_flag=True, help="Exclude the group dev, which is included by default."),
    click.option(
        *("--extra", "extras"),
        multiple=True,
        metavar="E",
        shell_complete=extras,
        help="Include this extra.",
    ),
    click.option("--all-extras", is_flag=True, help="Include every extra."),
)

only_group_option = click.option(
    "--only-group",
    "only_groups",
    multiple=True,
    metavar="G",
    shell_complete=groups,
    help="Include this dependency group and nothing else.",
)
