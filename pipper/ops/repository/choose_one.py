"""The one repository that a command works on as a whole: publishing, yanking, checking, repairing."""

from pathlib import Path

from pipper.core.manifest.model import RepositoryEntry
from pipper.errors import UsageError
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.open_repositories import declared_repositories, open_repositories, require_repository
from pipper.ops.context.project import load_project
from pipper.ops.context.settings import Settings
from pipper.repository.source import Repository


def single_repository(settings: Settings, command: str, *, acl: str | None = None) -> Repository:
    """Return the one repository that options, the manifest or the default name; nothing is asked of it yet.

    `command` is what was typed behind `pipper`, for the hint. Raises UsageError where there is none, or where
    the manifest has several and no option chooses.
    """
    declared, base = declared_here(settings)
    repositories = open_repositories(settings, declared, base=base, acl=acl)
    chosen = require_repository(repositories)
    if len(repositories) > 1:
        raise which_one([each.alias for each in repositories], f"{command} -b {chosen.store.location}")
    return chosen


def declared_here(settings: Settings) -> tuple[tuple[RepositoryEntry, ...], Path]:
    """Return what the project at hand declares, nothing where there is none; and what relative URLs count from."""
    if find_manifest(settings.directory) is None:
        return (), settings.directory
    project = load_project(settings.directory)
    return declared_repositories(project.manifest, None), project.root


def which_one(aliases: list[str], command: str) -> UsageError:
    """The error for a manifest that has several repositories where one is wanted."""
    listed = ", ".join(f"`{alias}`" for alias in aliases)
    return UsageError(
        "which repository?", cause=f"the manifest has {listed}", hint=f"name one, as in: pipper {command}"
    )
