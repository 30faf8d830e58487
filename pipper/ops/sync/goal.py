"""The target state of a sync: the project's lock, and the part of it that the request selects."""

from packaging.utils import canonicalize_name

from pipper.core.lock.selection import Selection
from pipper.ops.context.project import Goal, Project, fresh_lock
from pipper.ops.context.project_files import ProjectFiles
from pipper.ops.sync.request import SyncRequest


def own_goal(request: SyncRequest, project: Project, files: ProjectFiles) -> Goal:
    """Return the lock of a project and the selection; raises what `fresh_lock` raises."""
    lock = fresh_lock(project, files.lock.data)
    return Goal(lock=lock, selection=selection_of(request), project=project, files=files)


def selection_of(request: SyncRequest) -> Selection:
    """Return the groups and extras that a request selects."""
    return Selection(
        groups=frozenset(map(canonicalize_name, request.groups)),
        only_groups=frozenset(map(canonicalize_name, request.only_groups)),
        all_groups=request.all_groups,
        default_group=not request.no_dev,
        extras=frozenset(map(canonicalize_name, request.extras)),
        all_extras=request.all_extras,
    )
