"""What a shell completes beside commands and options. What it needs is imported when a shell asks."""

from collections.abc import Callable
from importlib import import_module

import click

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _completing(function: str) -> Complete:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        from pipper.errors import PipperError  # noqa: PLC0415 - see above

        try:
            # By name, as the next one: its options are completed by this module.
            settings = import_module("pipper.cli.options.settings").settings_from(
                {**ctx.params, "quiet": True}
            )
        except PipperError:
            return []
        names: list[str] = getattr(import_module("pipper.ops.query.completion"), function)(settings)
        given = ctx.params.get(param.name or "") or ()
        begun = incomplete.lower().replace("_", "-")
        return [name for name in names if name.startswith(begun) and name not in given]

    return complete


locked = _completing("locked_names")
"""For what must be in the lock."""
published = _completing("published_names")
"""For what a repository may hold."""
required = _completing("required_names")
"""For what the manifest requires."""
groups = _completing("group_names")
extras = _completing("extra_names")
named = _completing("named_repositories")
repositories = _completing("repository_names")
"""For a named repository, or an alias of the manifest."""
