"""The commands by name; each module is imported only when its command runs."""

from importlib import import_module

import click
from click.shell_completion import CompletionItem

from pipper import __version__
from pipper.cli.command import HelpLayout
from pipper.cli.output import say

_SECTIONS = {
    "Project": {
        "init": "Create pipper.toml, or convert another tool's manifest.",
        "add": "Add requirements to the manifest, then lock and sync.",
        "remove": "Remove requirements from the manifest, then lock and sync.",
        "lock": "Resolve the manifest to exact versions: pipper.lock.",
        "sync": "Make the environment match the lock.",
        "run": "Sync, then run a program in the environment.",
    },
    "Environment": {
        "install": "Install packages: like add, also without a project.",
        "uninstall": "Uninstall packages: like remove, also without a project.",
    },
    "Sharing": {
        "export": "Write the lock as pylock.toml, requirements.txt or CycloneDX.",
        "download": "Save wheels in a directory, for hosts without a network.",
        "authorize": "Write a lock with signed URLs, for hosts without credentials.",
    },
    "Queries": {
        "info": "Show the installed and the published versions of a package.",
        "list": "List the installed packages.",
        "tree": "Show the locked packages and their dependencies as a tree.",
        "why": "Show why a package is in the lock.",
        "outdated": "List locked packages that have newer versions.",
        "audit": "List known vulnerabilities of locked packages from the index.",
    },
    "Publishing": {
        "bundle": "Build a project into a bundle (.pipper).",
        "publish": "Upload bundles and wheels to a repository.",
        "yank": "Mark a published version so that no new lock chooses it.",
    },
    "Maintenance": {
        "repository": "See, copy, prune, check and repair repositories.",
        "cache": "Show the size of the cache; prune or clean it.",
    },
}
COMMANDS = {name: summary for commands in _SECTIONS.values() for name, summary in commands.items()}

_EPILOG = """
First steps:
  pipper init -R acme=s3://acme-packages   # create pipper.toml
  pipper add acme-models                   # edit it, lock, install into .venv
  pipper install foo -b acme-packages      # without a project

Variables (`pipper COMMAND --help` shows those of its options; a flag takes 1):
  PIPPER_CACHE_DIR            the cache directory
  PIPPER_INDEX_URL            the index, if the manifest does not name one
  PIPPER_AWS_ACCESS_KEY_ID    an access key, with PIPPER_AWS_SECRET_ACCESS_KEY
                              and PIPPER_AWS_SESSION_TOKEN

Completion:
  eval "$(_PIPPER_COMPLETE=bash_source pipper)"   # in zsh: zsh_source
  _PIPPER_COMPLETE=fish_source pipper | source    # in fish
"""


class _LazyGroup(click.Group, HelpLayout):
    """Knows its commands by name and summary, so that `--help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"pipper.cli.commands.{cmd_name}").command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands and the options that begin with `incomplete`."""
        names = [
            CompletionItem(name, help=COMMANDS[name]) for name in COMMANDS if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        width = max(map(len, COMMANDS))
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), summary) for name, summary in commands.items()])


@click.command(
    cls=_LazyGroup,
    commands={name: click.Command(name) for name in COMMANDS},  # for "Did you mean"
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "PIPPER"},
    epilog=_EPILOG,
    invoke_without_command=True,
)
@click.version_option(
    __version__,
    *("-v", "-V", "--version"),
    message="pipper %(version)s",
    allow_from_autoenv=False,  # container images set PIPPER_VERSION to the version that they install
)
@click.pass_context
def app(ctx: click.Context) -> None:
    """A private Python package manager that needs no server: packages live in an S3 bucket or a directory."""
    if ctx.invoked_subcommand is None:
        say(ctx.get_help())
        ctx.exit(2)
