"""`pipper cache`."""

from typing import Any

import click
from msgspec.structs import asdict

from pipper.cache import cleaning
from pipper.cache.cache import cache_root
from pipper.cache.cleaning import Freed
from pipper.cli.command import Group
from pipper.cli.options.settings import json_option, output_options, settings_from
from pipper.cli.output import give, give_json, give_result
from pipper.core.wording import counted, human_size
from pipper.ops.context.environments import open_cache
from pipper.ops.context.settings import Settings

_WAITING = "Waiting for another pipper command that uses the cache"
_EXAMPLES = """
Examples:
  pipper cache size
  pipper cache prune --days 7
"""


@click.group("cache", cls=Group, epilog=_EXAMPLES)
def command() -> None:
    """Show the size of the cache; prune or clean it.

    The cache holds each downloaded wheel once for all environments. It is the directory PIPPER_CACHE_DIR, or
    the platform's cache directory. Installed packages do not need it.
    """


@command.command(
    "dir",
    epilog="""
Example:
  pipper cache dir
""",
)
@output_options
def show_dir(**shared: Any) -> None:
    """Print the path of the cache."""
    give(str(cache_root(settings_from(shared).environ)))


@command.command(
    "size",
    epilog="""
Examples:
  pipper cache size           # as in: 1.2 GB in 340 files
  pipper cache size --json    # in bytes
""",
)
@output_options
@json_option
def show_size(as_json: bool, **shared: Any) -> None:
    """Show the size of the cache."""
    settings = settings_from(shared)
    held = cleaning.size(open_cache(settings))
    document = {"directory": str(cache_root(settings.environ))} | asdict(held)
    give_result([_amount(held)], document, as_json=as_json)


@command.command(
    "prune",
    epilog="""
Examples:
  pipper cache prune             # not used for 30 days
  pipper cache prune --days 7    # not used for a week
""",
)
@click.option(
    "--days",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    metavar="N",
    help="Remove files that were not used for N days.",
)
@output_options
@json_option
def prune(days: int, as_json: bool, **shared: Any) -> None:
    """Remove files that were not used for some time.

    Waits until no other command uses the cache.
    """
    settings = settings_from(shared)
    freed = cleaning.prune(
        open_cache(settings), unused_days=days, waiting=lambda: settings.reporter.info(_WAITING)
    )
    _print_freed(settings, freed, as_json=as_json)


@command.command(
    "clean",
    epilog="""
Example:
  pipper cache clean
""",
)
@output_options
@json_option
def clean(as_json: bool, **shared: Any) -> None:
    """Remove all files that pipper put into the cache.

    Waits until no other command uses the cache.
    """
    settings = settings_from(shared)
    freed = cleaning.clean(open_cache(settings), waiting=lambda: settings.reporter.info(_WAITING))
    _print_freed(settings, freed, as_json=as_json)


def _print_freed(settings: Settings, freed: Freed, *, as_json: bool) -> None:
    if as_json:
        give_json(asdict(freed))
    else:
        settings.reporter.info(f"Removed {_amount(freed)}")


def _amount(files: Freed) -> str:
    return f"{human_size(files.size)} in {counted(files.files, 'file')}"
