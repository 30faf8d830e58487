"""The repositories that manifest, lock and this machine name; a lock that is up to date opens none of them."""

from pipper.core.lock.model import Lock
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.ops.context.settings import Settings
from pipper.repository.named_repositories import (
    NamedRepositories,
    named_repositories_path,
    read_named_repositories,
)


def declared_repositories(manifest: Manifest | None, lock: Lock | None) -> tuple[RepositoryEntry, ...]:
    """Return the repositories of the manifest, else those of the lock."""
    if manifest is not None and manifest.repositories:
        return manifest.repositories
    if lock is None:
        return ()
    return tuple(RepositoryEntry(alias=alias, url=url) for alias, url in lock.repositories.items())


def list_named(settings: Settings) -> NamedRepositories:
    """Return the named repositories of this machine; raises AccessError if the file is damaged."""
    return read_named_repositories(named_repositories_path(settings.home), settings.reporter)
