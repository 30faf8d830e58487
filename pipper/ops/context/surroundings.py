"""The projects around a manifest that is not their own: their rules on sources and their private names count for it."""

import os
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.core.lock.merge import merged_lock
from pipper.core.lock.model import Lock
from pipper.core.manifest.members import ITSELF
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.rules import with_rules
from pipper.errors import IntegrityError, UsageError
from pipper.ops.context.declared_repositories import absolute_entry
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.open_repositories import given_alias
from pipper.ops.context.other_tools import with_other_tools
from pipper.ops.context.project import Project, find_project, load_lock
from pipper.ops.context.settings import Settings
from pipper.python.venv import STATE
from pipper.repository.access import with_options
from pipper.system.files import read_bytes


def projects_around(settings: Settings, manifest_path: Path) -> tuple[Project, ...]:
    """Return the other projects that a manifest lies in or is used in.

    That is the project of the working directory; for an environment that is its own project, also the one that
    the environment lies in. Raises what `find_project` raises.
    """
    root = manifest_path.parent
    folders = [settings.directory, *([root.parent] if is_of_environment(manifest_path) else ())]
    found: dict[Path, Project] = {}
    for folder in folders:
        path = find_manifest(folder.absolute())
        if path is not None and path.parent != root.absolute() and path not in found:
            project = find_project(path.parent)
            found |= {path: project} if project else {}
    return tuple(found.values())


def is_of_environment(manifest_path: Path) -> bool:
    """Return whether this is the manifest of an environment that is its own project."""
    return manifest_path.parent.name == STATE


def with_rules_around(settings: Settings, project: Project, around: Iterable[Project]) -> Project:
    """Return the project with the rules of those `around` it, unless an option names the repository.

    `[sources]` and the index of those projects always count; their repositories only if no option replaces them.
    """
    follows, is_replaced = is_of_environment(project.manifest_path), bool(given_alias(settings))
    manifest = with_other_tools(project)
    for each in around:
        rules = portable_rules(settings, each)
        rules = replace(rules, repositories=()) if is_replaced else rules
        manifest = with_rules(manifest, rules, follows=follows)
    return replace(project, manifest=manifest)


def portable_rules(settings: Settings, project: Project) -> Manifest:
    """Return the manifest of a project with absolute directories, also of its members, and the prefix and the
    endpoint of options."""
    absolute = (absolute_entry(entry, project.root) for entry in project.manifest.repositories)
    entries = tuple(with_options(entry, settings.repositories) for entry in absolute)
    members = tuple(
        replace(each, path=os.path.realpath(project.root / each.path)) for each in project.manifest.members
    )
    return replace(with_other_tools(project), repositories=entries, members=members)


def private_names(
    project: Project, known: Lock | None, around: Iterable[Project]
) -> frozenset[NormalizedName]:
    """Return the names that the lock of the project, or of one `around` it, took from a repository or a folder.

    `known` is the project's own lock if the caller has read it. Raises what `load_lock` raises: without the lock,
    nobody knows what is private.
    """
    locks = [known or read_for_names(project.lock_path), *(read_for_names(each.lock_path) for each in around)]
    members = {package.name for lock in locks if lock for package in lock.members if package.path != ITSELF}
    return frozenset(members.union(package.name for lock in locks if lock for package in lock.private))


def locked_sources(manifest: Manifest, around: Iterable[Project]) -> dict[str, str]:
    """Return the alias of each name that a lock of `around` took from a repository and `[sources]` does not match.

    Raises what `load_lock` raises.
    """
    locks = [lock for each in around if (lock := read_for_names(each.lock_path))]
    locked = {package.name: package.source for lock in locks for package in lock.private}
    return {
        name: alias
        for name, alias in sorted(locked.items())
        if not any(fnmatchcase(name, pattern) for pattern in manifest.sources)
    }


def read_for_names(path: Path) -> Lock | None:
    """Return the lock at `path`, None if there is none; of one with merge conflicts, the packages of both sides."""
    try:
        return load_lock(path)
    except (UsageError, IntegrityError):
        merged = merged_lock(read_bytes(path) or b"", label=path.name)
        if merged is None:
            raise
        return merged
