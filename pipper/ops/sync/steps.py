"""The steps of a sync: choose the environment, lock it, recover, read it once, plan, fetch, apply.

A sync never solves. It changes the environment only after all files are fetched and verified.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipper.apply.environment_lock import environment_lock
from pipper.apply.new_environment import (
    NewEnvironment,
    TakenError,
    gone_on_error,
    made_in_place,
    put_together,
    refuse_irreplaceable,
    remove_unfinished,
)
from pipper.apply.pending import pending
from pipper.apply.recovery import recover
from pipper.apply.stamp import write_stamp
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.plan import Installed, Plan
from pipper.errors import MachineError, UsageError
from pipper.ops.build.member_changed import MemberChangedError
from pipper.ops.context.declared_repositories import warn_of_unnamed
from pipper.ops.context.environments import choose_environment, creation_told, open_cache, refuse_remade
from pipper.ops.context.find_manifest import read_project_files
from pipper.ops.context.project import Goal, find_project, no_project, project_of
from pipper.ops.context.project_files import ProjectFiles
from pipper.ops.context.settings import Settings
from pipper.ops.sync.freshness import stamp_key
from pipper.ops.sync.goal import own_goal, selection_of
from pipper.ops.sync.outcome import SyncOutcome
from pipper.ops.sync.request import SyncRequest
from pipper.ops.sync.self_protection import refuse_self_change
from pipper.ops.sync.sync_run import SyncRun
from pipper.ops.sync.unfinished import finish_first
from pipper.python.environment import Environment, environment_of, installed, refuse_unwritable
from pipper.python.interpreter import inspect_interpreter
from pipper.python.new_venv import make_venv_beside, venv_python
from pipper.system.files import refuse_url

if TYPE_CHECKING:
    from pipper.apply.beside import Aside


def run_sync(settings: Settings, request: SyncRequest, files: ProjectFiles | None = None) -> SyncOutcome:
    """Sync to the lock that the request names, else to that of the project with these files.

    Raises UsageError if there is neither, or if the project's lock is out of date; AccessError if signatures in
    a lock have expired; and what `sync_to` raises.
    """
    if request.lock_path is not None:
        return _sync_to_file(settings, request, request.lock_path)
    if files is None:
        raise no_project(settings.directory)
    project = project_of(files)
    try:
        goal = own_goal(request, project, files)
    except UsageError:
        if not finish_first(settings, request, project):
            raise
        files = read_project_files(files.manifest.path)
        project = project_of(files)
        goal = own_goal(request, project, files)
    if goal.project is not None:
        warn_of_unnamed(settings, goal.project.manifest, goal.lock)
    looks = request.dry_run or request.check
    environment = choose_environment(settings, project.root, request.place, project.pythons, looks=looks)
    return sync_to(settings, request, goal, {}, environment)


def _sync_to_file(settings: Settings, request: SyncRequest, lock_path: Path) -> SyncOutcome:
    # Imported here: only other locks may need PEP 751.
    from pipper.ops.lock.read_any import goal_of, read_lock, refuse_expired  # noqa: PLC0415

    refuse_url(lock_path)
    path = settings.directory / lock_path
    found = read_lock(path, settings.reporter)
    project = find_project(settings.directory)
    root, looks = project.root if project else None, request.dry_run or request.check
    environment = choose_environment(settings, root, request.place, looks=looks)
    goal = goal_of(found, environment.interpreter.target, selection_of(request), path=path, project=project)
    if not request.offline:
        refuse_expired(goal.lock, label=path.name, now=datetime.now(UTC))
    return sync_to(settings, request, goal, {}, environment)


def sync_to(
    settings: Settings,
    request: SyncRequest,
    goal: Goal,
    documents: Mapping[Path, bytes],
    environment: Environment,
) -> SyncOutcome:
    """Sync `environment` to a lock; write `documents` (manifest and lock) with the change. An error changes nothing.

    A member that changed while it was built is built once more; raises MemberChangedError if it changes again.
    """
    try:
        return _synced(SyncRun(settings, request, environment, goal), documents)
    except MemberChangedError as error:
        settings.reporter.info(f"{error.message}: building it again")
        return _synced(SyncRun(settings, request, environment, goal), documents)


def _synced(run: SyncRun, documents: Mapping[Path, bytes]) -> SyncOutcome:
    request, environment = run.request, run.environment
    if request.dry_run or request.check:
        return _looked(run)
    if environment.is_missing or not environment.root.exists():
        return _sync_missing(run, documents)
    try:
        refuse_unwritable(environment)
    except MachineError:
        # The environment cannot be locked; that is an error only if there is something to do.
        outcome = run.look()
        if outcome.plan.changes or documents or request.compile_bytecode or pending(environment):
            raise
        return outcome
    return _sync_existing(run, documents, {})


def _looked(run: SyncRun) -> SyncOutcome:
    """Return what would be done; a dry run raises MachineError for an environment that the real run would refuse."""
    environment = run.environment
    if unfinished := pending(environment):
        run.settings.reporter.warning(unfinished)
    outcome = run.look()
    # A check says how the environment differs, whether or not this user may change it.
    if not run.request.check and (environment.is_missing or outcome.plan.changes):
        refuse_unwritable(environment)
        refuse_irreplaceable(environment)
        refuse_self_change(outcome.plan, environment)
    return outcome


def _sync_missing(run: SyncRun, documents: Mapping[Path, bytes]) -> SyncOutcome:
    """Create the environment only after all files are fetched, so that an error leaves nothing behind."""
    environment, reporter = run.environment, run.settings.reporter
    refuse_unwritable(environment)
    refuse_irreplaceable(environment)
    if environment.replaces and pending(environment):
        run = _with_change_finished(run)
    _refuse_loss(run)
    cache = open_cache(run.settings)
    remove_unfinished(environment)  # before a build takes it for files of the project
    with cache.in_use():
        wheels = run.fetch(run.wanted, cache)
        with gone_on_error(environment.root):
            if environment.is_missing:
                reporter.info(creation_told(environment))
            run = run.renewed()
            _refuse_loss(run)
            if run.wanted:
                # What came to the place is synced, but for one of a Python that is not known.
                passed = () if environment.replaces else (TakenError,)
                with suppress(*passed), put_together(environment, reporter) as new:
                    if new is not None:
                        return _sync_new(run, documents, wheels, new)
                run.recorder = None
            with made_in_place(environment, reporter) as (old, is_ours):
                return _sync_existing(run, documents, wheels, old, is_ours=is_ours)


def _refuse_loss(run: SyncRun) -> None:
    if run.environment.replaces:
        from pipper.ops.sync.inside import refuse_loss  # noqa: PLC0415 - few syncs replace something

        refuse_loss(run)


def _with_change_finished(run: SyncRun) -> SyncRun:
    """Finish the interrupted change of the environment that is replaced: manifest and lock are part of it.

    Returns the run for what these are then.
    """
    environment, project = run.environment, run.goal.project
    if python := venv_python(environment.root):
        present = environment_of(inspect_interpreter(python, open_cache(run.settings).interpreters))
        recover(present, run.settings.reporter, project.folders if project else ())
    return run.renewed()


def _sync_new(
    run: SyncRun, documents: Mapping[Path, bytes], wheels: Mapping[str, UnpackedWheel], new: NewEnvironment
) -> SyncOutcome:
    """Put the environment together beside its place, and move it in with the documents; raises TakenError."""
    environment, folder = run.environment, new.environment.root
    # Held until the stamp is written, by when the environment is in its place, and the file with it.
    with environment_lock(new.environment, run.settings.reporter):
        if environment.is_missing:
            make_venv_beside(folder, environment.root, environment.interpreter)
            if run.request.remembers:
                from pipper.ops.sync.recording import recorder_for  # noqa: PLC0415 - few syncs come here

                run.recorder = recorder_for(run, folder)
        plan = run.apply(run.repairing_plan(()), (), documents, wheels, new)
        return _finished(run, plan, (), wheels, new.old)


def _sync_existing(
    run: SyncRun,
    documents: Mapping[Path, bytes],
    wheels: Mapping[str, UnpackedWheel],
    old: "Aside | None" = None,
    *,
    is_ours: bool = False,
) -> SyncOutcome:
    environment, reporter = run.environment, run.settings.reporter
    with environment_lock(environment, reporter):
        project = run.goal.project if pending(environment) else None
        refuse_remade(run.settings, environment, is_ours=is_ours)
        recover(environment, reporter, project.folders if project else ())
        run = run.renewed()
        run.note_environment()
        present = installed(environment)
        plan = run.repairing_plan(present)
        if plan.changes or documents:
            refuse_self_change(plan, environment)
            plan = run.apply(plan, present, documents, wheels)
            present = ()
        else:
            # A sync that was killed when the environment was complete may have left something.
            open_cache(run.settings).sweep()
        return _finished(run, plan, present, wheels, old)


def _finished(
    run: SyncRun,
    plan: Plan,
    present: Sequence[Installed],
    wheels: Mapping[str, UnpackedWheel],
    old: "Aside | None",
) -> SyncOutcome:
    """Do what follows a change; the caller holds the lock.

    `present` are the installed distributions, if known; `old` is what the environment replaced.
    """
    environment = run.environment
    if run.request.compile_bytecode:
        # Imported here: few syncs compile, and it starts processes.
        from pipper.apply.bytecode import compile_modules  # noqa: PLC0415 - see above

        ours = [each for each in present or installed(environment) if each.ours]
        compile_modules(environment, ours, run.settings.reporter)
    # Before the stamp: the next sync after that looks for nothing.
    if old is not None:
        old.remove()
    remove_unfinished(environment)
    if run.recorder:
        run.recorder.settle(wheels.values())
    if run.goal.files and run.seen and run.covered:
        python = environment.interpreter.executable
        if key := stamp_key(run.goal.files, run.request.stamped_options, python):
            write_stamp(environment, key, run.seen, run.covered)
    recipe = run.recorder.recorded(wheels.values()) if run.recorder else None
    return SyncOutcome(environment=environment, plan=plan, recipe=recipe)
