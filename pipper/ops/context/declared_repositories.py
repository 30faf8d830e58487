"""The repositories that manifest, lock and this machine name; a lock that is up to date opens none of them."""

from pathlib import Path

from msgspec.structs import replace

from pipper.core.lock.model import Lock
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.redaction import shown
from pipper.ops.context.settings import Settings
from pipper.repository.access import directory_of
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


def named_for(settings: Settings, declared: tuple[RepositoryEntry, ...]) -> NamedRepositories:
    """Return the named repositories as `list_named` does; none if the command has only directories.

    They need no credentials, so a damaged file must not stop what does not use it. `declared` are the repositories
    that count if no option names one.
    """
    options = settings.repositories
    is_given = options.bucket and not options.access_only
    urls = [options.bucket] if is_given else [entry.url for entry in declared]
    if urls and not options.repository and all(url.startswith("file:") for url in urls):
        return NamedRepositories(path=named_repositories_path(settings.home))
    return list_named(settings)


def warn_of_unnamed(settings: Settings, manifest: Manifest, lock: Lock) -> None:
    """Warn if the lock has packages of a repository that an option names now and the manifest does not."""
    options = settings.repositories
    unnamed = lock.repositories.keys() - {entry.alias for entry in manifest.repositories}
    if unnamed and (options.bucket or options.repository):
        alias = min(unnamed)
        settings.reporter.warning(
            f"the lock names the repository `{alias}`, {shown(lock.repositories[alias])},"
            " which only this command knows: add it to [repositories] of the manifest"
        )


def absolute_entry(entry: RepositoryEntry, base: Path) -> RepositoryEntry:
    """Return the entry with the absolute URL of its directory, for a manifest elsewhere."""
    if not entry.url.startswith("file:"):
        return entry
    return replace(entry, url=directory_of(entry.url, base).as_uri())
