"""`cache`: where it is, how big, and taking away what is not needed."""

from pathlib import Path

from pipper.cache.cache import Freed, cache_root
from pipper.ops.context.environments import open_cache
from pipper.ops.context.settings import Settings


def cache_directory(settings: Settings) -> Path:
    """Return where the cache is, or will be."""
    return cache_root(settings.environ)


def cache_size(settings: Settings) -> Freed:
    """Return how many files the cache holds and how large they are."""
    return open_cache(settings).size()


def prune_cache(settings: Settings, *, days: float) -> Freed:
    """Remove what was not used for so many days; waits for commands that use the cache, and says so."""
    return open_cache(settings).prune(unused_days=days, waiting=lambda: _tell(settings))


def clean_cache(settings: Settings) -> Freed:
    """Remove everything; waits for commands that use the cache, and says so."""
    return open_cache(settings).clean(waiting=lambda: _tell(settings))


def _tell(settings: Settings) -> None:
    settings.reporter.info("Waiting for another pipper command that uses the cache")
