"""The commands by name; each module is imported only when its command runs."""

from importlib import import_module

import click
from click.shell_completion import CompletionItem

from pipper import __version__
from pipper.cli.output import say

_SECTIONS = {
    "A project": {
        "init": "Begin a project: write a first pipper.toml.",
        "add": "Add requirements to the manifest, lock and sync.",
        "remove": "Take requirements out of the manifest, lock and sync.",
        "lock": "Solve the manifest into exact versions: pipper.lock.",
        "sync": "Make the environment match the lock.",
        "export": "Write the lock as pylock.toml or requirements.txt.",
    },
    "Any environment": {
        "install": "Like add; without a project, into the environment at hand.",
        "uninstall": "Like remove; without a project, from the environment at hand.",
        "download": "Save wheels into a folder, for hosts without network.",
        "authorize": "Write a lock of signed URLs, for hosts without credentials.",
    },
    "Looking": {
        "info": "Tell what is installed and what is published of a package.",
        "list": "List what the environment holds.",
        "tree": "Show the lock as a tree of who requires what.",
        "why": "Show every chain of requirements that leads to a package.",
        "outdated": "List locked packages of which newer versions are published.",
    },
    "Publishing": {
        "bundle": "Build a project into a bundle (.pipper).",
        "publish": "Publish bundles and wheels into a repository.",
        "yank": "Mark a published version: it is not to be chosen any more.",
    },
    "Housekeeping": {
        "repository": "Name repositories; check and repair them; print IAM policies.",
        "cache": "Tell where the cache is and how large; prune or clean it.",
    },
}
_COMMANDS = {name: said for commands in _SECTIONS.values() for name, said in commands.items()}

_FIRST_STEPS = """\b
First steps:
  pipper init -R acme=s3://acme-packages     then name what you need in pipper.toml
  pipper lock && pipper sync                 installs it into .venv
  pipper install foo -b acme-packages        without a project

\b
`pipper COMMAND --help` has examples. Completion of commands and options:
  eval "$(_PIPPER_COMPLETE=bash_source pipper)"     (or zsh_source)
  _PIPPER_COMPLETE=fish_source pipper | source      (in fish)
"""


class _LazyGroup(click.Group):
    """Knows its commands by name and first line, so that `--help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(f"pipper.cli.commands.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(cmd_name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names of commands from the table, and options."""
        names = [
            CompletionItem(name, help=_COMMANDS[name]) for name in _COMMANDS if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        width = max(map(len, _COMMANDS))
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), said) for name, said in commands.items()])


@click.command(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "PIPPER"},
    epilog=_FIRST_STEPS,
    invoke_without_command=True,
)
@click.version_option(
    __version__,
    *("-v", "-V", "--version"),
    message="pipper %(version)s",
    allow_from_autoenv=False,  # PIPPER_VERSION is what an image calls the one it installs
)
@click.pass_context
def app(ctx: click.Context) -> None:
    """Private Python packages from an S3 bucket or a directory: locked, synced and published without a server."""
    if ctx.invoked_subcommand is None:
        say(ctx.get_help())
        ctx.exit(2)
