"""`sync`: an environment is brought to match a lock. What has something to do is imported only then."""

from typing import TYPE_CHECKING

from pipper.ops.context.find_manifest import find_project_files
from pipper.ops.context.project_files import ProjectFiles, likely_project
from pipper.ops.context.settings import Settings
from pipper.ops.sync.freshness import is_fresh
from pipper.ops.sync.request import SyncRequest

if TYPE_CHECKING:
    from pipper.ops.sync.steps import SyncOutcome


def sync(
    settings: Settings, request: SyncRequest, likely: ProjectFiles | None = None
) -> "SyncOutcome | None":
    """Make the environment match the lock, or tell what that would change (`dry_run`, `check`).

    Return None where the stamp of the last sync shows that nothing is to be done, unless the whole plan is asked
    for. `likely` are the files of the project around `settings.directory` where they were read already. On any
    error, environment and lock are as before.
    """
    files = None
    if request.lock_path is None:
        files = find_project_files(settings.directory, likely or likely_project(str(settings.directory)))
        looks = request.dry_run or request.check or request.whole_plan
        if request.is_stamped and not looks and is_fresh(files, request.stamped_options):
            return None
    from pipper.ops.sync.steps import take_steps  # noqa: PLC0415 - see above

    return take_steps(settings, request, files)
