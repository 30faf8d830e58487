"""`pipper repository`: what a repository holds, its care, and the named repositories of this machine."""

from importlib import import_module

import click

from pipper.cli.command import Group

_MODULES = {
    **dict.fromkeys(("add", "modify", "remove", "list", "exists"), "named"),
    **{name: name for name in ("packages", "copy", "prune", "site", "serve", "check", "repair", "policy")},
}
"""The module of each command, which is imported only when the command runs."""

_EXAMPLES = """
Examples:
  pipper repository add acme -b acme-packages -p work
  pipper repository packages -r acme
  pipper repository copy acme-models:1.4.2 --from staging --to acme
  pipper repository prune --keep 5 --older-than 90d --dry-run -r acme
  pipper repository site -r acme
  pipper repository check -r acme
  pipper repository policy --for publish -r acme
"""


class _LazyGroup(Group):
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _MODULES:
            return None
        module = import_module(f"{__name__}.{_MODULES[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_")
        return command


@click.group(
    "repository",
    cls=_LazyGroup,
    commands={name: click.Command(name) for name in _MODULES},  # for "Did you mean"
    epilog=_EXAMPLES,
)
def command() -> None:
    """See, copy, prune, show, serve, check and repair repositories; name the repositories of this machine.

    Named repositories (add, modify, remove, list, exists) are in ~/.pipper/repositories.json, which pipper 0.x
    reads too. They hold the credentials for a bucket; the manifest says which repositories a project uses.
    """
