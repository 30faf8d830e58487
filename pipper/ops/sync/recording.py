"""Keep the recipe of a new environment, by which `remake` makes it again.

There is one only where all that decides about the environment is in the key of the recipe: for a bare sync of a project
without members and without packages that are built, whose `.venv` was missing, with the Python that runs pipper.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from pipper.apply.recorder import Recorder
from pipper.apply.stamp import boot_id
from pipper.cache.parts import likely_root
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
from pipper.ops.sync.request import BARE
from pipper.ops.sync.sync_run import SyncRun
from pipper.python.environment import Environment


def recorder_for(run: SyncRun, made_in: Path) -> Recorder | None:
    """Return a recorder for an environment that is made and empty, in `made_in`; None where no recipe is to be kept.

    The caller holds the lock of the environment, and is within `Cache.in_use`.
    """
    settings, environment, goal = run.settings, run.environment, run.goal
    files, root, cache = goal.files, environment.root, str(open_cache(settings).root)
    if files is None or run.request != BARE or not _is_plain(goal, run.wanted):
        return None
    try:
        is_own = root == Path(environment_path(files.root, settings.environ)) and not root.is_symlink()
        if is_own and _is_by_this_python(settings, environment) and likely_root(settings.environ) == cache:
            key = recipe_key(files, os.fspath(root))
            return Recorder(environment, key, cache, made_in) if key else None
    except (OSError, PipperError):
        return None  # the environment is made without
    return None


def _is_plain(goal: Goal, wanted: Iterable[Wanted]) -> bool:
    """Return whether the packages follow from manifest and lock alone."""
    if goal.project is None or any(want.build or want.source == PATH for want in wanted):
        return False
    manifest = goal.project.manifest
    return not (manifest.members or manifest.workspace or manifest.paths or manifest.is_package)


def _is_by_this_python(settings: Settings, environment: Environment) -> bool:
    """Return whether the environment is new, and the next one of the project is made with the same Python."""
    own = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    is_own = own == os.path.realpath(environment.interpreter.base_executable)
    # A file that names no version is warned of each time.
    quiet, folder = replace(settings, reporter=Reporter()), environment.root.parent
    is_told = bool(version_file(folder).strip()) and pinned(quiet, folder) is None
    return is_own and environment.is_missing and not environment.replaces and not is_told and bool(boot_id())
