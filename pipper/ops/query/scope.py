"""The scope of a query: an environment, its project and its lock."""

from msgspec import Struct

from pipper.core.lock.model import Lock, LockedEnvironment
from pipper.core.lock.selection import whole_part
from pipper.ops.context.environments import part_for
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.project import Project, load_project, require_fresh
from pipper.ops.context.project_files import LOCK_NAME, PIPPER_TOML
from pipper.ops.context.settings import Place, Settings
from pipper.ops.query.installed import find_environment
from pipper.python.environment import Environment


class Scope(Struct, frozen=True, kw_only=True):
    """An environment and its project; None if there is neither a project nor a manifest in `.pipper`."""

    environment: Environment
    project: Project | None


class LockedScope(Struct, frozen=True, kw_only=True):
    """A project, its fresh lock, and the lock's environment that fits the one of the query."""

    project: Project
    lock: Lock
    part: LockedEnvironment


def find_scope(settings: Settings, place: Place) -> Scope:
    """Return environment and project: that of the directory; with `-t` or without one, the environment's own."""
    environment = find_environment(settings, place)
    has_project = find_manifest(settings.directory) is not None
    if (place.target is not None or not has_project) and (environment.state_dir / PIPPER_TOML).is_file():
        return Scope(environment=environment, project=load_project(environment.state_dir))
    project = load_project(settings.directory) if has_project else None
    return Scope(environment=environment, project=project)


def find_lock(settings: Settings, place: Place) -> LockedScope:
    """Return project and lock; raise UsageError if one is missing or the lock is out of date, and as `part_for`."""
    scope = find_scope(settings, place)
    project = scope.project or load_project(settings.directory)
    lock = require_fresh(project)
    part = part_for(lock, scope.environment.interpreter, label=LOCK_NAME)
    return LockedScope(project=project, lock=lock, part=whole_part(lock, part))
