"""Finish an interrupted edit before its project is read: it may have written the manifest, and the lock not yet."""

from pathlib import Path

from pipper.apply.pending import JOURNAL, pending
from pipper.apply.recovery import recover
from pipper.ops.context.environments import choose_environment
from pipper.ops.context.project import Project
from pipper.ops.context.project_files import environment_path
from pipper.ops.context.settings import Place, Settings
from pipper.ops.sync.request import SyncRequest
from pipper.python.venv import STATE


def finish_first(settings: Settings, request: SyncRequest, project: Project) -> bool:
    """Finish the interrupted change of the project's own environment; return whether there was one.

    Raises what `choose_environment` and `recover` raise.
    """
    own = Path(environment_path(project.root, settings.environ))
    # Asked first: choosing an environment may fail and tell of others, and here an error is about to be told.
    if request.dry_run or request.check or request.place != Place() or not (own / STATE / JOURNAL).exists():
        return False
    environment = choose_environment(settings, project.root, request.place, project.pythons)
    return bool(pending(environment)) and recover(environment, settings.reporter, project.folders)
