"""`lock`: solve the manifest, starting from the old lock, and write the new lock.

The solver is imported only if the old lock is not up to date, and if no remembered solve still holds (`memo`).
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.core.access import RepositoryOptions
from pipper.core.lock.diff import VersionChange, version_changes
from pipper.core.lock.model import Lock, LockedEnvironment
from pipper.core.lock.reader import parse_lock
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requirement import name_of
from pipper.core.manifest.unread_sources import FILES
from pipper.core.reads import ReadLog
from pipper.core.reporter import Reporter
from pipper.core.target import Target, parse_name, serves
from pipper.errors import IntegrityError, PipperError, UsageError
from pipper.ops.context.declared_repositories import warn_of_unnamed
from pipper.ops.context.environments import interpreter_at_hand
from pipper.ops.context.interpreters import pinned
from pipper.ops.context.project import Edit, Project, project_of, read_project
from pipper.ops.context.project_files import LOCK_NAME, PYTHON_VERSION, ProjectFiles
from pipper.ops.context.settings import Place, Settings
from pipper.ops.lock.lock_stamp import lock_basis, stamp_key, write_lock_stamp
from pipper.ops.lock.memo import Memo, memo_key, memo_of
from pipper.ops.lock.memorable import NotingReporter, asked_for, is_memorable, places_of, recalled, remember
from pipper.ops.lock.options import BARE, LockOptions
from pipper.ops.lock.targets import failed_parts, no_solution
from pipper.ops.lock.up_to_date import is_up_to_date, manifest_difference
from pipper.python.interpreter import Interpreter
from pipper.system.files import read_bytes, write_document
from pipper.system.seen_paths import SeenPaths


class LockStamp(Struct, frozen=True, kw_only=True):
    """With which the next bare `lock` can tell that the lock is up to date."""

    key: str
    watched: tuple[str, ...]
    """The paths of members that the key covers."""


class LockOutcome(Struct, frozen=True, kw_only=True):
    """The new lock and its differences from the old one."""

    lock: Lock
    changes: tuple[VersionChange, ...]
    written: bool
    """False if the file did not change, or in a dry run."""
    target: Target
    """The interpreter at hand."""
    stamp: LockStamp | None = None
    """None if a bare `lock` would not leave this lock as it is."""
    memo: Memo | None = None
    """The solve to remember with the messages on its result; None if there was none, or none that can be."""

    @property
    def environments(self) -> tuple[str, ...]:
        """Names of the locked environments."""
        return tuple(each.target.name for each in self.lock.environments)

    @property
    def at_hand(self) -> str:
        """Name of the environment that serves the interpreter at hand; empty if the lock has none."""
        return next((each.target.name for each in self._solved if self._serves(each)), "")

    @property
    def solved(self) -> tuple[str, ...]:
        """Names of the environments that have a solution."""
        return tuple(each.target.name for each in self._solved)

    @property
    def _solved(self) -> tuple[LockedEnvironment, ...]:
        return tuple(each for each in self.lock.environments if not each.failure)

    def _serves(self, each: LockedEnvironment) -> bool:
        return serves(each.target, self.target, each.conditions)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A warning for each environment, group and extra without a solution."""
        environments = self.lock.environments
        without = (no_solution(each.target, each.failure) for each in environments if each.failure)
        return (*without, *failed_parts(environments))


def check_lock(settings: Settings, files: ProjectFiles) -> str:
    """Return why the lock is out of date, empty if it is not; send no request and look at no interpreter.

    It is the first difference from the manifest, or a Python of `.python-version` that it has no environment for.
    Raises what `project_of` and `parse_lock` raise.
    """
    project = project_of(files)
    if files.lock.data is None:
        return f"there is no {LOCK_NAME}"
    lock = parse_lock(files.lock.data, label=LOCK_NAME)
    difference = manifest_difference(lock, project.manifest)
    request = None if difference or project.manifest.environments else pinned(settings, project.root)
    if request and not any(
        request.may_admit(parse_name(each.target.name).python) for each in lock.environments
    ):
        return f"{PYTHON_VERSION} says {request.text}, and the lock has no environment for it"
    return difference


def lock_project(
    settings: Settings,
    files: ProjectFiles,
    options: LockOptions,
    *,
    python: Path | None,
    dry_run: bool,
    build: Sequence[NormalizedName] = (),
) -> LockOutcome:
    """Solve the manifest for the environments of the old lock and the interpreter at hand; write the lock.

    `python` names that interpreter; `build` are projects whose source distributions the manifest is to allow, which
    is written with the lock. A lock that is up to date stays, and no source is asked. Raises NoSolutionError,
    UsageError, ConflictError if somebody edited a manifest that is to be written, and what repositories raise; an
    error leaves manifest and lock unchanged.
    """
    reporter = NotingReporter(settings.reporter)
    settings = replace(settings, reporter=reporter)
    project, data = project_of(files), files.lock.data
    if build:
        project = _allowing(project, files.manifest.data or b"", build)
    old = None if data is None else _old_lock(data, settings.reporter)
    _require_known(options.upgrade_packages, old, project.manifest)
    interpreter = interpreter_at_hand(settings, project.root, Place(python=python), project.pythons)
    target, basis = interpreter.target, lock_basis(files, interpreter.executable)
    is_usual = python is None and not dry_run and settings.repositories == RepositoryOptions()
    is_same = not project.edits
    if old and data and is_same and is_up_to_date(settings, project, options, old, data, target):
        warn_of_unnamed(settings, project.manifest, old)
        stamp = _stamp(basis, data, _watched(files, project)) if is_usual else None
        return _unchanged(old, target, stamp, settings.reporter)
    # What was said by now would not be said again with a memo.
    can_remember = is_same and is_memorable(project, options) and not reporter.messages
    key = ""
    if can_remember:
        key = memo_key(files, interpreter.executable, asked_for(settings, options, python))
    known, memo = recalled(settings, project.root, key), None
    if known:
        lock, text = parse_lock(known.lock, label=LOCK_NAME), known.lock
    else:
        lock, log = _solved(settings, project, interpreter, options, old)
        text = dump_lock(lock).encode()
        if key and not dry_run:
            # What lies beside the manifest is read in the solve: of what changed meanwhile, nobody knows when.
            now = memo_key(files, interpreter.executable, asked_for(settings, options, python))
            watched = _watched(files, project, FILES) if now == key else None
            if watched is not None:
                places = places_of(settings, project, old)
                memo = memo_of(key, text, log, places, tuple(reporter.messages), watched)
    warn_of_unnamed(settings, project.manifest, lock)
    written = not dry_run and _write(project, text)
    # The members are looked at again for the stamp: a folder that it covers may list the lock that is there now.
    stays = is_usual and is_same and is_up_to_date(settings, project, BARE, lock, text, target)
    return LockOutcome(
        lock=lock,
        changes=version_changes(old, lock),
        written=written,
        target=target,
        stamp=_stamp(basis, text, _watched(files, project)) if stays else None,
        memo=memo,
    )


def keep_answers(
    settings: Settings,
    files: ProjectFiles,
    outcome: LockOutcome,
    *,
    result: Iterable[str],
    unchanged: Iterable[str],
    presentable: Callable[[str], str],
) -> None:
    """Keep the stamp and the memo of a lock, with the lines that a later `lock` prints.

    `result` is for one that makes this lock again, `unchanged` for one that leaves it as it is; `presentable` hides
    secrets.
    """
    if outcome.stamp:
        write_lock_stamp(
            settings, files, outcome.stamp.key, [*map(presentable, unchanged)], outcome.stamp.watched
        )
    if outcome.memo:
        remember(settings, outcome.memo, result, presentable)


def _solved(
    settings: Settings, project: Project, interpreter: Interpreter, options: LockOptions, old: Lock | None
) -> tuple[Lock, ReadLog]:
    """Return the lock that a solve makes, and what it read."""
    from pipper.ops.build.environments import project_builder  # noqa: PLC0415 - see above
    from pipper.ops.lock.make_lock import make_lock  # noqa: PLC0415 - see above

    log, target = ReadLog(), interpreter.target
    builder = project_builder(settings, project, interpreter, options=options, old=old)
    return make_lock(settings, project, target, options, old=old, builder=builder, log=log), log


def _watched(files: ProjectFiles, project: Project, beside: Iterable[str] = ()) -> SeenPaths | None:
    """Return what the members now are; None if that cannot be told, or is no longer what `project` says.

    `beside` are names of further files that count in their folders.
    """
    manifest = project.manifest
    if not (manifest.members or manifest.workspace):
        return SeenPaths()
    from pipper.ops.context.watched_members import watched_members  # noqa: PLC0415 - most projects have none

    try:
        paths = watched_members(project)
        more = dict.fromkeys(str(folder / name) for name in beside for folder in project.folders[1:])
        watched = SeenPaths((*paths.files, *more), paths.folders)
        return watched if project_of(files).manifest == manifest else None
    except (OSError, PipperError):
        return None


def _stamp(basis: str, lock: bytes, watched: SeenPaths | None) -> LockStamp | None:
    if watched is None or not basis:
        return None
    return LockStamp(key=stamp_key(basis, lock, watched.digest), watched=watched.paths)


def _unchanged(lock: Lock, target: Target, stamp: LockStamp | None, reporter: Reporter) -> LockOutcome:
    """Return the outcome for a lock that is up to date, and say what it warns of."""
    outcome = LockOutcome(lock=lock, changes=(), written=False, target=target, stamp=stamp)
    reporter.detail(f"{LOCK_NAME} is up to date: no source is asked")
    for warning in outcome.warnings:
        reporter.warning(warning)
    return outcome


def _write(project: Project, lock: bytes) -> bool:
    """Write the lock, and the manifest if it is edited, both or none; return whether the lock changed."""
    project.refuse_edited()
    for path, edit in project.edits.items():
        write_document(path, edit.after)
    try:
        if read_bytes(project.lock_path) == lock:
            return False
        write_document(project.lock_path, lock)
    except BaseException:
        for path, edit in project.edits.items():
            write_document(path, edit.before or b"")
        raise
    return True


def _allowing(project: Project, data: bytes, names: Sequence[NormalizedName]) -> Project:
    """Return the project with a manifest, edited if need be, that allows these builds."""
    from pipper.core.manifest.edit import allow_builds  # noqa: PLC0415 - for this option only

    label = project.manifest_path.name
    changed = allow_builds(data, names, label=label)
    if changed == data:
        return project
    path = project.manifest_path
    return replace(read_project(path, changed), edits={path: Edit(before=data, after=changed)})


def _old_lock(data: bytes, reporter: Reporter) -> Lock:
    """Return the lock; of one with merge conflicts, what both sides agree on."""
    try:
        return parse_lock(data, label=LOCK_NAME)
    except (UsageError, IntegrityError):
        from pipper.core.lock.merge import merged_lock  # noqa: PLC0415 - a lock seldom has merge conflicts

        merged = merged_lock(data, label=LOCK_NAME)
        if merged is None:
            raise
        reporter.info(f"{LOCK_NAME} is a merge of two locks: keeping what both sides agree on")
        return merged


def _require_known(names: frozenset[NormalizedName], old: Lock | None, manifest: Manifest) -> None:
    if names and old is None:
        raise UsageError(
            f"cannot upgrade `{min(names)}`: there is no {LOCK_NAME}",
            hint="run `pipper lock`: a first lock has the newest versions",
        )
    unknown = sorted(names - {package.name for package in old.packages}) if old else []
    if unknown:
        required = {name_of(each) for texts in manifest.roots.values() for each in texts}
        add = f"run `pipper add {unknown[0]}` to require it, or leave out -P {unknown[0]}"
        raise UsageError(
            f"cannot upgrade `{unknown[0]}`: it is not in {LOCK_NAME}",
            hint="run `pipper lock`, which adds it" if unknown[0] in required else add,
        )
