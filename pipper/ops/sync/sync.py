"""`sync`: make an environment match a lock. The steps are imported only if there is something to do."""

from typing import TYPE_CHECKING

from pipper.ops.context.find_manifest import find_project_files
from pipper.ops.context.project_files import ProjectFiles, likely_project
from pipper.ops.context.settings import Settings
from pipper.ops.sync.freshness import KEEPS_OTHERS, is_fresh, is_fresh_for_run
from pipper.ops.sync.request import SyncRequest

if TYPE_CHECKING:
    from pipper.ops.sync.outcome import SyncOutcome


def sync(
    settings: Settings, request: SyncRequest, likely: ProjectFiles | None = None
) -> "SyncOutcome | None":
    """Make the environment match the lock, or return what that would change (`dry_run`, `check`).

    Return None if the stamp of the last sync shows that there is nothing to do, unless the request needs the
    whole plan or compares files. `likely` is the result of `likely_project` for `settings.directory`, if the caller
    has it. An error leaves environment and lock unchanged.
    """
    files = None
    if request.lock_path is None:
        files = find_project_files(settings.directory, likely or likely_project(str(settings.directory)))
        looks = request.dry_run or request.check or request.hashes or request.whole_plan or request.reinstall
        if request.is_stamped and not looks and _is_fresh(request, files):
            return None
    # First, from here: deep in a chain of imports, Python 3.11 maps and unmaps memory at each of the thousands of calls
    # that compile the expressions of `packaging`, which takes 25 ms.
    import pipper.core.standards  # noqa: F401, PLC0415 - see above
    from pipper.ops.sync.steps import run_sync  # noqa: PLC0415 - see above

    return run_sync(settings, request, files)


def _is_fresh(request: SyncRequest, files: ProjectFiles | None) -> bool:
    options = request.stamped_options
    return is_fresh_for_run(files) if options == KEEPS_OTHERS else is_fresh(files, options)
