"""Refuse to recreate an environment with something in it that its packages are not, and that would go with it.

pip itself puts sources into `.venv/src`, so that a member may well lie there.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pipper.errors import MachineError, UsageError
from pipper.ops.context.declared_repositories import declared_repositories
from pipper.ops.context.environments import open_cache
from pipper.ops.context.index_client import index_folders
from pipper.ops.context.open_repositories import given_repositories
from pipper.repository.access import directory_of
from pipper.system.trust import is_inside

if TYPE_CHECKING:
    from pipper.ops.sync.sync_run import SyncRun


def refuse_loss(run: "SyncRun") -> None:
    """Raise MachineError if members, repositories or the like are in the environment, which a sync replaces."""
    root = run.environment.root
    real = os.path.realpath(root)
    for what, path in _used(run):
        if is_inside(os.path.realpath(path), real):
            raise MachineError(
                f"cannot recreate `{root}`: {what} is in it",
                cause=f"`{path}` would be removed with it",
                hint=f"move it out of `{root}` and name its new place, then run the command again",
            )


def _used(run: "SyncRun") -> Iterator[tuple[str, Path]]:
    """Yield the files and folders that this sync and later ones use, and what each is."""
    yield "the cache", open_cache(run.settings).root
    yield "its new Python", run.environment.interpreter.base_executable
    request, project, lock = run.request, run.goal.project, run.goal.lock
    base = project.root if project else run.settings.directory
    for what, given in (("the lock", request.lock_path), ("the directory of the files", request.folder)):
        if given is not None:
            yield what, run.settings.directory / given
    beside = (run.settings.directory / request.lock_path).parent if request.lock_path else base
    for name, member in lock.inputs.members.items():
        yield f"the member `{name}`", beside / member.path
    for folder in project.folders if project else ():
        yield "a directory of the workspace", folder
    manifest = project.manifest if project else None
    for entry in (*declared_repositories(manifest, lock), *given_repositories(run.settings)):
        if entry.url.startswith("file:"):
            with suppress(UsageError):  # what uses it reports that
                yield f"the repository `{entry.alias}`", directory_of(entry.url, base)
    indexes = (manifest.index_url, manifest.indexes) if manifest else ("", {})
    for index in index_folders(run.settings, *indexes).values():
        if index is not None:
            yield "the directory of an index", index
