"""Keep the recipe of a new environment, by which `remake` makes it again.

There is one only where all that decides about the environment is in the key of the recipe: for a bare sync of a project
without members and without packages that are built, whose `.venv` was missing, with the Python that runs pipper.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec.structs import replace

from pipper.apply.recorder import Recorder
from pipper.apply.stamp import boot_id
from pipper.core.manifest.inputs import PATH
from pipper.core.plan import Wanted
from pipper.core.reporter import Reporter
from pipper.errors import PipperError
from pipper.ops.context.environments import open_cache
from pipper.ops.context.interpreters import pinned
from pipper.ops.context.project import Goal
from pipper.ops.context.project_files import environment_path, version_file
from pipper.ops.context.settings import Settings
from pipper.ops.sync.remake import recipe_key
from pipper.ops.sync.request import BARE, SyncRequest
from pipper.python.environment import Environment


def recorder_for(
    settings: Settings, request: SyncRequest, environment: Environment, goal: Goal, wanted: Sequence[Wanted]
) -> Recorder | None:
    """Return a recorder for an environment that is made and empty; None where no recipe is to be kept.

    The caller holds the lock of the environment, and is within `Cache.in_use`.
    """
    try:
        if goal.files and _is_sure(settings, request, environment, goal, wanted):
            key = recipe_key(goal.files, os.fspath(environment.root))
            return Recorder(environment, key, str(open_cache(settings).root))
    except (OSError, PipperError):
        return None  # the environment is made without
    return None


def _is_sure(
    settings: Settings, request: SyncRequest, environment: Environment, goal: Goal, wanted: Iterable[Wanted]
) -> bool:
    files, project = goal.files, goal.project
    if (
        request != BARE
        or files is None
        or project is None
        or not environment.is_missing
        or environment.replaces
    ):
        return False
    root = Path(environment_path(files.root, settings.environ))
    manifest = project.manifest
    has_members = bool(manifest.members or manifest.workspace or manifest.paths or manifest.is_package)
    is_built = any(want.build or want.source == PATH for want in wanted)
    if has_members or is_built or environment.root != root or root.is_symlink() or not boot_id():
        return False
    own = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    if own != os.path.realpath(environment.interpreter.base_executable):
        return False
    # One that names no version is warned of each time.
    quiet = replace(settings, reporter=Reporter())
    return not version_file(root.parent).strip() or pinned(quiet, root.parent) is not None
