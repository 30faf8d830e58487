"""Open the repositories of a command, each with its credentials."""

from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from pipper.core.lock.model import Lock
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.reads import ReadLog
from pipper.core.reporter import Reporter
from pipper.errors import UsageError
from pipper.ops.context.declared_repositories import absolute_entry, declared_repositories, named_for
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.open_stores import open_store
from pipper.ops.context.project import Project, find_project
from pipper.ops.context.settings import Settings
from pipper.repository.access import alias_of, choose_repositories
from pipper.repository.source import Repository


def open_repositories(
    settings: Settings,
    declared: tuple[RepositoryEntry, ...],
    *,
    base: Path,
    may_be_empty: bool = False,
    offline: bool = False,
    log: ReadLog | None = None,
) -> tuple[Repository, ...]:
    """Return the repositories a command reads, in order of trust; send no request.

    With `may_be_empty`, a place without a repository counts as an empty one. What they read is noted in `log`. Raises
    StoreError if one that is not a directory is to be read `offline`.
    """
    named = named_for(settings, declared)
    entries = choose_repositories(settings.repositories, declared, named)
    if not entries and settings.repositories.repository:
        raise UsageError(
            f"the named repository `{settings.repositories.repository}` has no bucket",
            hint=f"run `pipper repository modify {settings.repositories.repository} -b BUCKET`",
        )
    repositories = []
    for entry in entries:
        store = open_store(settings, entry, named, base=base, offline=offline)
        found = Repository(
            store,
            entry.alias,
            url=entry.url,
            may_be_empty=may_be_empty,
            reporter=settings.reporter,
            log=log,
        )
        repositories.append(found)
    return tuple(repositories)


def given_repositories(settings: Settings) -> tuple[RepositoryEntry, ...]:
    """Return the one repository that `-b` or `-r` names instead of all others, with an absolute directory."""
    options = settings.repositories
    if not (options.bucket or options.repository):
        return ()
    options = replace(options, access_only=False)
    # `open_repositories` warns of what is wrong with the file; here that would be said twice.
    named = named_for(replace(settings, repositories=options, reporter=Reporter()), ())
    project = find_project(settings.directory) if alias_of(options, named) else None
    declared = project.manifest.repositories if project else ()
    chosen = choose_repositories(options, declared, replace(named, default=""))
    manifest = find_manifest(settings.directory)
    base = manifest.parent if manifest else settings.directory
    return tuple(absolute_entry(entry, base) for entry in chosen)


def default_repositories(settings: Settings) -> tuple[RepositoryEntry, ...]:
    """Return the repository that is used if neither an option nor a manifest names one."""
    return choose_repositories(settings.repositories, (), named_for(settings, ()))


def given_alias(settings: Settings) -> str:
    """Return the alias of the repository in `given_repositories`; empty without one."""
    return next((entry.alias for entry in given_repositories(settings)), "")


def require_repository(repositories: tuple[Repository, ...]) -> Repository:
    """Return the first repository; raise UsageError if there is none."""
    if not repositories:
        raise UsageError(
            "no repository is named",
            cause="neither the manifest, nor an option, nor a default repository names one",
            hint="add one to [repositories] of the manifest, or give -b BUCKET, -b s3://… or -b file:///…",
        )
    return repositories[0]


def by_alias(repositories: tuple[Repository, ...]) -> Mapping[str, Repository]:
    """Return repositories by alias."""
    return {repository.alias: repository for repository in repositories}


def locked_repositories(settings: Settings, lock: Lock, project: Project | None) -> Mapping[str, Repository]:
    """Return a repository for each alias whose files the lock locates by key; open none if no file has a key.

    If `-b` or `-r` names a repository and the lock has only one alias, the repository serves that alias. Raises
    UsageError for an alias that neither the project, nor the lock, nor an option defines.
    """
    needed = {package.source for package in lock.packages if any(file.key for file in package.wheels)}
    if not needed:
        return {}
    declared = declared_repositories(project.manifest if project else None, lock)
    base = project.root if project else settings.directory
    repositories = open_repositories(settings, declared, base=base)
    found = by_alias(repositories)
    missing = sorted(needed - found.keys())
    if len(needed) == 1 and len(repositories) == 1 and missing:
        return {missing[0]: repositories[0]}
    if missing:
        raise UsageError(
            f"the lock has packages from `{missing[0]}`, but no repository has that alias",
            hint=f'add `{missing[0]} = "s3://BUCKET/PREFIX"` to [repositories] of the manifest',
        )
    return {alias: found[alias] for alias in needed}
