"""All projects that a command touches besides its own: their rules on sources and their private names count for it."""

import os
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct
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
from pipper.ops.context.member_files import name_in
from pipper.ops.context.open_repositories import given_alias
from pipper.ops.context.other_tools import with_other_tools
from pipper.ops.context.project import Project, find_project, load_lock
from pipper.ops.context.settings import Settings
from pipper.python.venv import STATE
from pipper.repository.access import with_options
from pipper.system.files import read_bytes


class Surroundings(Struct, frozen=True, kw_only=True):
    """The other projects that a command touches."""

    around: tuple[Project, ...]
    """Those that the project lies in or is used in."""
    touched: tuple[Project, ...]
    """`Project.touched`, and those that they lie in."""

    @property
    def projects(self) -> tuple[Project, ...]:
        """All of them."""
        return (*self.around, *self.touched)


def surroundings_of(settings: Settings, project: Project) -> Surroundings:
    """Return the other projects that a command touches. Every command gathers them here.

    Around a project are that of the working directory and the one that it lies in: its workspace, or the project
    around a file or an environment that is its own project. Raises what `find_project` raises.
    """
    root, seen = project.root, {_place(project.manifest_path)}
    outer = (root.parent,) if is_of_environment(project.manifest_path) else ()
    around = tuple(_projects_at((settings.directory, root, *outer), seen, project))
    touched = (found for each in project.touched for found in (each, *_projects_at((each.root,), seen, each)))
    return Surroundings(around=around, touched=tuple(touched))


def project_beside(path: Path) -> Project:
    """Return the folder of a file that is no manifest, or of a missing one, as a project that a command touches.

    What counts for it is its name, the files of other tools in it, its lock, and the project that it lies in. Raises
    UsageError for an invalid file.
    """
    return Project(manifest_path=path, manifest=Manifest(name=name_in(path.parent)))


def _projects_at(folders: Iterable[Path], seen: set[Path], known: Project) -> Iterator[Project]:
    """Yield the projects that these folders are in, but `known` and those that were `seen`, and note them there."""
    named = known.manifest_path.absolute()
    for folder in dict.fromkeys(each.absolute() for each in folders):
        path = find_manifest(folder, named=named)
        if path is not None and path != named and _place(path) not in seen:
            seen.add(_place(path))
            project = find_project(path.parent)
            yield from (project,) if project else ()


def _place(manifest_path: Path) -> Path:
    return Path(os.path.realpath(manifest_path.parent), manifest_path.name)


def is_of_environment(manifest_path: Path) -> bool:
    """Return whether this is the manifest of an environment that is its own project."""
    return manifest_path.parent.name == STATE


def with_rules_around(settings: Settings, project: Project, near: Surroundings | None = None) -> Project:
    """Return the project with the rules of those `near` it, by default of all that a command touches.

    `[sources]` and the index of those projects always count; their repositories only if no option replaces them. Only
    those around an environment overrule what it says itself.
    """
    near = near or surroundings_of(settings, project)
    follows, is_replaced = is_of_environment(project.manifest_path), bool(given_alias(settings))
    manifest = with_other_tools(project)
    for number, each in enumerate(near.projects):
        rules = portable_rules(settings, each)
        rules = replace(rules, repositories=()) if is_replaced else rules
        manifest = with_rules(manifest, rules, follows=follows and number < len(near.around))
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


def private_names(project: Project, known: Lock | None, near: Surroundings) -> frozenset[NormalizedName]:
    """Return the names that the lock of the project, or of one `near` it, took from a repository or a folder.

    `known` is the project's own lock if the caller has read it. Raises what `load_lock` raises: without the lock,
    nobody knows what is private.
    """
    locks = [
        known or read_for_names(project.lock_path),
        *(read_for_names(each.lock_path) for each in near.projects),
    ]
    members = {package.name for lock in locks if lock for package in lock.members if package.path != ITSELF}
    return frozenset(members.union(package.name for lock in locks if lock for package in lock.private))


def locked_sources(manifest: Manifest, near: Surroundings) -> dict[str, str]:
    """Return the alias of each name that a lock of `near` took from a repository and `[sources]` does not match.

    Raises what `load_lock` raises.
    """
    locks = [lock for each in near.projects if (lock := read_for_names(each.lock_path))]
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
