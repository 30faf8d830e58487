"""`pipper cache`."""

from typing import Any

import click

from pipper.cache.cache import Freed
from pipper.cli.options.shared import Command, Group, output_options, settings_from
from pipper.cli.output import give, give_json
from pipper.cli.render.queries import freed_document, human_size
from pipper.core.wording import counted
from pipper.ops.cache import cache_directory, cache_size, clean_cache, prune_cache
from pipper.ops.context.settings import Settings


@click.group("cache", cls=Group, epilog="Examples: pipper cache size, pipper cache prune --days 7")
def command() -> None:
    """Tell where the cache is and how large; prune or clean it.

    It holds wheels that were fetched, each once for all environments: PIPPER_CACHE_DIR, or the platform's place
    for caches. Nothing in it is needed for what is installed already.
    """


@command.command("dir", cls=Command, epilog="Example: pipper cache dir")
@output_options
def show_dir(**shared: Any) -> None:
    """Print the path of the cache."""
    give(str(cache_directory(settings_from(shared))))


@command.command("size", cls=Command, epilog="Examples: pipper cache size, pipper cache size --json")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, in bytes.")
@output_options
def show_size(as_json: bool, **shared: Any) -> None:
    """Tell how large the cache is."""
    settings = settings_from(shared)
    held = cache_size(settings)
    if as_json:
        directory = str(cache_directory(settings))
        give_json({"directory": directory, "files": held.files, "size": held.size})
    else:
        give(f"{human_size(held.size)} in {counted(held.files, 'file')}")


@command.command(
    "prune", cls=Command, epilog="Examples: pipper cache prune, pipper cache prune --days 7 --json"
)
@click.option(
    "--days",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    metavar="N",
    help="Remove what was not used for N days.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, in bytes.")
@output_options
def prune(days: int, as_json: bool, **shared: Any) -> None:
    """Remove what was not used for some time.

    Waits until no other command uses the cache.
    """
    settings = settings_from(shared)
    _tell(settings, prune_cache(settings, days=days), as_json=as_json)


@command.command("clean", cls=Command, epilog="Example: pipper cache clean")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, in bytes.")
@output_options
def clean(as_json: bool, **shared: Any) -> None:
    """Remove everything that pipper put there.

    Waits until no other command uses the cache.
    """
    settings = settings_from(shared)
    _tell(settings, clean_cache(settings), as_json=as_json)


def _tell(settings: Settings, freed: Freed, *, as_json: bool) -> None:
    if as_json:
        give_json(freed_document(freed))
    else:
        settings.reporter.info(f"Removed {human_size(freed.size)} in {counted(freed.files, 'file')}")
