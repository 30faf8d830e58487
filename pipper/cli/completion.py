"""What a shell completes beside commands and options: groups, extras, packages and repositories of the project.

It asks nobody: all of it stands in the manifest, the lock and the named repositories of this machine.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pipper.core.access import RepositoryOptions
from pipper.core.archive_limits import DEFAULT_LIMITS
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requirement import name_of
from pipper.core.reporter import Reporter
from pipper.errors import PipperError
from pipper.ops.context.declared_repositories import list_named
from pipper.ops.context.project import find_project, load_lock
from pipper.ops.context.settings import Settings

Kind = Literal["groups", "extras", "required", "locked", "named", "repositories"]
"""What a shell completes: parts of the manifest, packages, or repositories."""


def values(kind: Kind, incomplete: str) -> list[str]:
    """Return the values of this kind that begin with `incomplete`; none where the project cannot be read."""
    try:
        return sorted({each for each in _all(kind, _settings()) if each.startswith(incomplete)})
    except (PipperError, OSError, RuntimeError):
        return []  # a shell shows what completion writes in the middle of the line


def _settings() -> Settings:
    return Settings(
        directory=Path.cwd(),
        home=Path.home(),
        environ=os.environ,
        repositories=RepositoryOptions(),
        reporter=Reporter(),
        limits=DEFAULT_LIMITS,
    )


def _all(kind: Kind, settings: Settings) -> Iterable[str]:
    project = find_project(settings.directory)
    if kind in ("named", "repositories"):
        aliases = [entry.alias for entry in project.manifest.repositories] if project else []
        return [*list_named(settings).entries, *(aliases if kind == "repositories" else ())]
    if project is None:
        return ()
    if kind == "locked":
        lock = load_lock(project.lock_path)
        return (package.name for package in lock.packages) if lock else ()
    return _of_manifest(kind, project.manifest)


def _of_manifest(kind: Kind, manifest: Manifest) -> Iterable[str]:
    if kind == "groups":
        return manifest.groups
    if kind == "extras":
        return manifest.extras
    return (
        name_of(each) for each in (*manifest.dependencies, *(r for g in manifest.groups.values() for r in g))
    )
