"""Names for the shell to complete. An error, or a store that takes long, gives no names: nobody asked for a message."""

import re
import threading
from collections.abc import Callable, Iterable

from packaging.utils import NormalizedName

from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requirement import name_of
from pipper.errors import PipperError
from pipper.ops.context.declared_repositories import list_named
from pipper.ops.context.open_repositories import open_repositories
from pipper.ops.context.project import find_project, load_lock
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import declared_here

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PATIENCE = 3.0
"""Seconds that a shell waits for names."""


def locked_names(settings: Settings) -> list[str]:
    """Return the names in the project's lock; sends no request."""

    def names() -> set[NormalizedName]:
        project = find_project(settings.directory)
        lock = load_lock(project.lock_path) if project else None
        return {package.name for package in lock.packages} if lock else set()

    return _found(names)


def published_names(settings: Settings) -> list[str]:
    """Return the names in the repository that the user names, else in the directories of the manifest.

    Buckets that only a manifest names are not asked: a clone brings it along, and a key press is no consent.
    """

    def names() -> set[NormalizedName]:
        declared, base = declared_here(settings)
        near = tuple(each for each in declared if each.url.startswith("file:"))
        if declared and not near and not (settings.repositories.bucket or settings.repositories.repository):
            return set()
        repositories = open_repositories(settings, near, base=base)
        return {name for each in repositories for name in each.folders()}

    return _found(names)


def required_names(settings: Settings) -> list[str]:
    """Return the names that the manifest requires; sends no request."""

    def names(manifest: Manifest) -> Iterable[str]:
        return (name_of(each) for requirements in manifest.roots.values() for each in requirements)

    return _of_manifest(settings, names)


def group_names(settings: Settings) -> list[str]:
    """Return the dependency groups of the manifest; sends no request."""
    return _of_manifest(settings, lambda manifest: manifest.groups)


def extra_names(settings: Settings) -> list[str]:
    """Return the extras of the manifest; sends no request."""
    return _of_manifest(settings, lambda manifest: manifest.extras)


def named_repositories(settings: Settings) -> list[str]:
    """Return the named repositories of this machine."""
    return _found(lambda: list_named(settings).entries)


def repository_names(settings: Settings) -> list[str]:
    """Return the named repositories of this machine and the aliases of the manifest."""
    aliases = _of_manifest(settings, lambda manifest: (each.alias for each in manifest.repositories))
    return sorted({*named_repositories(settings), *aliases})


def _of_manifest(settings: Settings, names: Callable[[Manifest], Iterable[str]]) -> list[str]:
    def found() -> Iterable[str]:
        project = find_project(settings.directory)
        return names(project.manifest) if project else ()

    return _found(found)


def _found(work: Callable[[], Iterable[str]]) -> list[str]:
    result: set[str] = set()

    def look() -> None:
        try:
            result.update(work())
        except (PipperError, OSError, ValueError, RecursionError):
            return  # the command itself will say it

    # A daemon: the process ends without it if a store does not answer.
    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(_PATIENCE)
    # A shell inserts a name as it is: what a clone or a bucket calls a package must not be a command.
    return [] if thread.is_alive() else sorted(name for name in result if _NAME.fullmatch(name))
