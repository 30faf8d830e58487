"""The repository that an option names when a project is edited: it goes into the manifest, which others have too."""

import os
from collections.abc import Collection, Iterable
from itertools import chain, count
from pathlib import Path
from urllib.parse import quote

from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.core.manifest.edit import set_repository, set_rules
from pipper.core.manifest.indexes import is_alias
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.manifest.rules import FILES_ALIAS
from pipper.ops.context.open_repositories import given_repositories
from pipper.ops.context.settings import Settings
from pipper.repository.access import DEFAULT_ALIAS, bucket_location, directory_of


def with_given_repository(
    settings: Settings, data: bytes, manifest: Path, names: Iterable[NormalizedName]
) -> tuple[Settings, bytes, str]:
    """Return the settings, the text of the manifest in which the repository of `-b` or `-r` has an alias, and a note.

    The note says which alias a new repository has; it is empty if the manifest names the repository already.

    If the manifest names other repositories too, `[sources]` gives it the projects `names`: for these it was named.
    """
    options, own = settings.repositories, parse_manifest(data, label=manifest.name)
    given = next(iter(given_repositories(settings)), None)
    aliases = [entry.alias for entry in own.repositories]
    if given is None or (given.alias in aliases and given.alias in (options.bucket, options.repository)):
        return settings, data, ""
    place, note = _place(given, manifest.parent), ""
    entry = next((each for each in own.repositories if _place(each, manifest.parent) == place), None)
    if entry is None:
        url = _portable(settings, given.url, manifest.parent)
        entry = replace(given, alias=_free(given.alias, own), url=url)
        data = set_repository(data, entry, label=manifest.name)
        note = f"the repository {entry.url} `{entry.alias}` from now on"
    if own.repositories and entry != own.repositories[0]:
        sources = {name: entry.alias for name in sorted(names) if name not in own.paths}
        data = set_rules(data, replace(own, repositories=(), sources=sources), label=manifest.name)
    return replace(settings, repositories=replace(options, access_only=True)), data, note


def _place(entry: RepositoryEntry, base: Path) -> tuple[object, ...]:
    """Return what is equal for two entries of one repository."""
    if entry.url.startswith("file:"):
        return (os.path.normpath(directory_of(entry.url, base)),)
    found = bucket_location(entry)
    return (found.bucket, found.prefix, found.endpoint_url)


def _free(alias: str, manifest: Manifest) -> str:
    taken: Collection[str] = {*(each.alias for each in manifest.repositories), *manifest.indexes, FILES_ALIAS}
    alias = alias if is_alias(alias) else DEFAULT_ALIAS
    names = chain([alias], (f"{alias}-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _portable(settings: Settings, url: str, base: Path) -> str:
    """Return the URL of a directory as it was written: relative, or absolute."""
    bucket = settings.repositories.bucket
    is_relative = settings.repositories.is_relative or not bucket.startswith("file:/")
    if not (url.startswith("file:") and is_relative):
        return url
    return f"file:{quote(Path(os.path.relpath(directory_of(url, base), base)).as_posix())}"
