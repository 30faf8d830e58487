"""Open the store of a repository with its credentials; a lock that is remembered needs no more of a repository."""

from pathlib import Path

from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.ports import Store
from pipper.errors import StoreError
from pipper.ops.context.settings import Settings
from pipper.repository.access import DEFAULT_ALIAS, choose_access, directory_of, open_bucket
from pipper.repository.named_repositories import NamedRepositories
from pipper.storage.directory.store import DirectoryStore
from pipper.system.os_errors import os_errors


def open_store(
    settings: Settings, entry: RepositoryEntry, named: NamedRepositories, *, base: Path, offline: bool = False
) -> Store:
    """Return the store of a repository; send no request. `base` is where a relative directory begins.

    Raises StoreError if one that is not a directory is to be read `offline`, and what `choose_access` raises.
    """
    if entry.url.startswith("file:"):
        return DirectoryStore(directory_of(entry.url, base))
    if offline:
        raise StoreError(
            f"{entry.url} cannot be read offline",
            cause="what it holds is asked for each time, so that no private name goes to the index",
            hint="leave out --offline, or lock from a copy in a directory: -b ./DIR",
        )
    name = settings.repositories.bucket
    if entry.alias == DEFAULT_ALIAS and has_directory_of_bucket(settings):
        settings.reporter.warning(
            f"-b {name} is the bucket {entry.url}; for the directory of that name write -b ./{name}"
        )
    access = choose_access(settings.repositories, entry, named, settings.environ)
    store = open_bucket(entry, access)
    settings.reporter.detail(f"{store.location}: uses {access.step}")
    return store


def has_directory_of_bucket(settings: Settings) -> bool:
    """Return whether a bucket's name is that of a repository in this directory, or of an empty folder for one.

    Raises MachineError if that folder cannot be read.
    """
    name = settings.repositories.bucket
    if not name or ":" in name:
        return False
    from pipper.core.layout.keys import MARKER_KEY  # noqa: PLC0415 - few commands get a bucket by its name alone

    folder = settings.directory / name
    with os_errors("read", folder):
        return folder.is_dir() and ((folder / MARKER_KEY).exists() or not any(folder.iterdir()))
