"""`list`: query the environment, without a change or a request; it imports nothing about locks."""

from msgspec import Struct

from pipper.apply.pending import pending
from pipper.core.plan import Installed
from pipper.errors import UsageError
from pipper.ops.context.environments import choose_environment
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.settings import Place, Settings
from pipper.python.environment import Environment, installed


class Listing(Struct, frozen=True, kw_only=True):
    """The distributions of an environment, sorted by name."""

    environment: Environment
    distributions: tuple[Installed, ...]


def list_installed(settings: Settings, place: Place) -> Listing:
    """Return every distribution in the environment, also those of other installers."""
    environment = find_environment(settings, place)
    found = sorted(installed(environment), key=lambda each: (each.name, each.version))
    return Listing(environment=environment, distributions=tuple(found))


def find_environment(settings: Settings, place: Place) -> Environment:
    """Return the environment of a query; warn of an interrupted change, create nothing.

    Raises UsageError if `-t` does not name a directory: a typo must not look like an empty one.
    """
    if place.target is not None and not (settings.directory / place.target).is_dir():
        raise UsageError(
            f"`{place.target}` is not a directory", hint="run `pipper sync -t DIR` to create one"
        )
    manifest = find_manifest(settings.directory)
    environment = choose_environment(settings, manifest.parent if manifest else None, place)
    if unfinished := pending(environment):
        settings.reporter.warning(unfinished)
    return environment
