"""Solve a list of requirements, as if they were the only ones of a project."""

from collections.abc import Sequence

from msgspec.structs import replace
from packaging.requirements import Requirement

from pipper.core.lock.model import Lock
from pipper.core.manifest.model import Manifest
from pipper.ops.context.environments import interpreter_at_hand
from pipper.ops.context.file_names import PIPPER_TOML
from pipper.ops.context.open_repositories import given_repositories, require_repository
from pipper.ops.context.place import Place
from pipper.ops.context.project import Project, find_project
from pipper.ops.context.settings import Settings
from pipper.ops.lock.make_lock import make_lock
from pipper.ops.lock.options import LockOptions


def solve_requirements(settings: Settings, requirements: Sequence[Requirement]) -> Lock:
    """Return the lock of a temporary project with `requirements`, for the interpreter at hand.

    The newest versions that fit are chosen. Repositories, sources, index and `prereleases` are those of the
    current project, unless options override them. Raises what `make_lock` raises.
    """
    project = find_project(settings.directory)
    if project is None and not given_repositories(settings, None, fallback=True):
        require_repository(())  # the index must not receive names that may be private
    around = project.manifest if project else Manifest()
    asked = replace(
        around,
        requires_python=Manifest().requires_python,
        dependencies=tuple(requirements),
        groups={},
        extras={},
    )
    interpreter = interpreter_at_hand(settings, project.root if project else None, Place())
    root = project.root if project else settings.directory
    throwaway = Project(manifest_path=root / PIPPER_TOML, manifest=asked)
    return make_lock(settings, throwaway, interpreter.target, LockOptions())
