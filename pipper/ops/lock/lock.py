"""`lock`: solve the manifest, starting from the old lock, and write the new lock."""

from pathlib import Path

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.core.lock.diff import VersionChange, version_changes
from pipper.core.lock.merge import merged_lock
from pipper.core.lock.model import Lock
from pipper.core.lock.writer import dump_lock
from pipper.core.reporter import Reporter
from pipper.errors import IntegrityError, UsageError
from pipper.ops.context.environments import interpreter_at_hand
from pipper.ops.context.project import Project, load_lock
from pipper.ops.context.project_files import LOCK_NAME
from pipper.ops.context.settings import Place, Settings
from pipper.ops.lock.make_lock import make_lock
from pipper.ops.lock.options import LockOptions
from pipper.system.files import read_bytes, write_bytes


class LockOutcome(Struct, frozen=True, kw_only=True):
    """The new lock and its differences from the old one."""

    lock: Lock
    changes: tuple[VersionChange, ...]
    written: bool
    """False if the file did not change, or in a dry run."""

    @property
    def environments(self) -> tuple[str, ...]:
        """Names of the locked environments."""
        return tuple(each.target.name for each in self.lock.environments)


def check_lock(project: Project) -> str:
    """Return the first difference between manifest and lock, empty if there is none; send no request.

    Raises what `load_lock` raises.
    """
    lock = load_lock(project.lock_path)
    if lock is None:
        return f"there is no {LOCK_NAME}"
    return lock.inputs.difference(project.manifest.inputs())


def lock_project(
    settings: Settings, project: Project, options: LockOptions, *, python: Path | None, dry_run: bool
) -> LockOutcome:
    """Solve the manifest for the environments of the old lock and the interpreter at hand; write the lock.

    `python` names that interpreter. Raises NoSolutionError, UsageError and what repositories raise; an error
    leaves the old lock unchanged.
    """
    old = _old_lock(project, settings.reporter)
    _require_known(options.upgrade_packages, old)
    target = interpreter_at_hand(settings, project.root, Place(python=python)).target
    lock = make_lock(settings, project, target, options, old=old)
    text = dump_lock(lock).encode()
    written = not dry_run and read_bytes(project.lock_path) != text
    if written:
        write_bytes(project.lock_path, text)
    return LockOutcome(lock=lock, changes=version_changes(old, lock), written=written)


def _old_lock(project: Project, reporter: Reporter) -> Lock | None:
    """Return the lock; of one with merge conflicts, what both sides agree on."""
    try:
        return load_lock(project.lock_path)
    except (UsageError, IntegrityError) as error:
        merged = merged_lock(read_bytes(project.lock_path) or b"", label=LOCK_NAME)
        if merged is None:
            raise
        reporter.info(f"{error.message}: repairing it from what both sides agree on")
        return merged


def _require_known(names: frozenset[NormalizedName], old: Lock | None) -> None:
    locked = {package.name for package in old.packages} if old else set()
    if unknown := sorted(names - locked):
        raise UsageError(
            f"cannot upgrade `{unknown[0]}`: it is not in {LOCK_NAME}",
            hint=f"run `pipper add {unknown[0]}` to require it, or leave out -P {unknown[0]}",
        )
