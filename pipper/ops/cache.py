"""`cache`: its directory, its size, and the removal of its files."""

from pathlib import Path

from pipper.cache.cache import cache_root
from pipper.cache.cleaning import Freed, clean, prune, size
from pipper.ops.context.environments import open_cache
from pipper.ops.context.settings import Settings


def cache_directory(settings: Settings) -> Path:
    """Return the directory of the cache, which may be missing."""
    return cache_root(settings.environ)


def cache_size(settings: Settings) -> Freed:
    """Return number and bytes of the files in the cache."""
    return size(open_cache(settings))


def prune_cache(settings: Settings, *, days: float) -> Freed:
    """Remove files that were not used for `days`; wait for commands that use the cache, and report that."""
    return prune(open_cache(settings), unused_days=days, waiting=lambda: _report_waiting(settings))


def clean_cache(settings: Settings) -> Freed:
    """Remove all files; wait for commands that use the cache, and report that."""
    return clean(open_cache(settings), waiting=lambda: _report_waiting(settings))


def _report_waiting(settings: Settings) -> None:
    settings.reporter.info("Waiting for another pipper command that uses the cache")
