"""Finish an interrupted edit before its project is read: it may have written the manifest, and the lock not yet."""

from pipper.apply.pending import pending
from pipper.apply.recovery import recover
from pipper.ops.context.environments import present_environment
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Place, Settings
from pipper.ops.sync.request import SyncRequest


def finish_first(settings: Settings, request: SyncRequest, project: Project) -> bool:
    """Finish the interrupted change of the project's own environment; return whether there was one.

    It is finished with the Python that it has, whichever the command is for. Raises what `present_environment` and
    `recover` raise.
    """
    if request.dry_run or request.check or request.place != Place(python=request.place.python):
        return False
    environment = present_environment(settings, project.root)
    if environment is None or not pending(environment):
        return False
    return recover(environment, settings.reporter, project.folders)
