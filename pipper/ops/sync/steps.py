"""The steps of a sync: choose the environment, lock it, recover, read it once, plan, fetch, apply.

A sync never solves. It changes the environment only after all files are fetched and verified.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name

from pipper.apply.environment_lock import environment_lock
from pipper.apply.new_environment import gone_on_error, set_aside
from pipper.apply.pending import pending
from pipper.apply.placing import Placer
from pipper.apply.recovery import recover
from pipper.apply.shared_paths import shares_of
from pipper.apply.stamp import write_stamp
from pipper.apply.transaction import apply_plan
from pipper.apply.verify import Drift, verify
from pipper.cache.cache import Cache
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.lock.selection import chosen_part, select, select_members
from pipper.core.manifest.inputs import PATH
from pipper.core.plan import Installed, Keep, Plan, Wanted, make_plan
from pipper.errors import AccessError, MachineError, PipperError, StoreError, UsageError
from pipper.ops.context.declared_repositories import warn_of_unnamed
from pipper.ops.context.environments import choose_environment, make_environment, open_cache, part_for
from pipper.ops.context.find_manifest import read_project_files
from pipper.ops.context.project import Goal, find_project, no_project, project_of
from pipper.ops.context.project_files import LOCK_NAME, ProjectFiles
from pipper.ops.context.settings import Settings
from pipper.ops.sync.freshness import stamp_key
from pipper.ops.sync.goal import own_goal, selection_of
from pipper.ops.sync.history import history
from pipper.ops.sync.request import ALL, SyncRequest
from pipper.ops.sync.self_protection import refuse_self_change
from pipper.ops.sync.unfinished import finish_first
from pipper.ops.sync.wheel_checks import (
    cached_wheels,
    require_allowed_versions,
    require_locked_needs,
    wheels_at_hand,
)
from pipper.python.environment import Environment, installed, refuse_unwritable
from pipper.system.files import refuse_url

if TYPE_CHECKING:
    from pipper.apply.recorder import Recorded, Recorder
    from pipper.ops.sync.fetch import Origins


class SyncOutcome(Struct, frozen=True, kw_only=True):
    """The plan that was carried out, or in a dry run would be."""

    environment: Environment
    plan: Plan
    drift: tuple[Drift, ...] = ()
    """Files that a check found changed by hand or by another tool."""
    unproven: PipperError | None = None
    """Why some packages were compared with their RECORD only, and not with the lock."""
    recipe: "Recorded | None" = None
    """How a new environment came out, for the next one, if the request asks for it."""


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
    environment = choose_environment(settings, project.root, request.place, project.pythons)
    return sync_to(settings, request, goal, {}, environment)


def _sync_to_file(settings: Settings, request: SyncRequest, lock_path: Path) -> SyncOutcome:
    # Imported here: only other locks may need PEP 751.
    from pipper.ops.lock.read_any import goal_of, read_lock, refuse_expired  # noqa: PLC0415

    refuse_url(lock_path)
    path = settings.directory / lock_path
    found = read_lock(path)
    project = find_project(settings.directory)
    environment = choose_environment(settings, project.root if project else None, request.place)
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
    """Sync `environment` to a lock; write `documents` (manifest and lock) with the change. An error changes nothing."""
    run = _Run(settings, request, environment, goal)
    if request.dry_run or request.check:
        if unfinished := pending(environment):
            settings.reporter.warning(unfinished)
        return run.look()
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


def _sync_missing(run: "_Run", documents: Mapping[Path, bytes]) -> SyncOutcome:
    """Create the environment only after all files are fetched, so that an error leaves nothing behind."""
    refuse_unwritable(run.environment)
    cache = open_cache(run.settings)
    environment, reporter = run.environment, run.settings.reporter
    with cache.in_use():
        wheels = run.fetch(run.wanted, cache)
        with set_aside(environment, reporter), gone_on_error(environment, reporter):
            if environment.is_missing:
                make_environment(run.settings, environment)
            return _sync_existing(run, documents, wheels)


def _sync_existing(
    run: "_Run", documents: Mapping[Path, bytes], wheels: Mapping[str, UnpackedWheel]
) -> SyncOutcome:
    environment, reporter = run.environment, run.settings.reporter
    with environment_lock(environment, reporter):
        project = run.goal.project if pending(environment) else None
        recover(environment, reporter, project.folders if project else ())
        run = run.renewed()
        present = installed(environment)
        plan = run.repairing_plan(present)
        if environment.is_missing and run.request.remembers and not present:
            from pipper.ops.sync.recording import recorder_for  # noqa: PLC0415 - few syncs make an environment

            run.recorder = recorder_for(run.settings, run.request, environment, run.goal, run.wanted)
        if plan.changes or documents:
            refuse_self_change(plan, environment)
            plan = run.apply(plan, present, documents, wheels)
            present = ()
        if run.request.compile_bytecode:
            # Imported here: few syncs compile, and it starts processes.
            from pipper.apply.bytecode import compile_modules  # noqa: PLC0415 - see above

            ours = [each for each in present or installed(environment) if each.ours]
            compile_modules(environment, ours, reporter)
        if run.goal.files and run.request.is_stamped:
            python = environment.interpreter.executable
            key = stamp_key(run.goal.files, run.request.stamped_options, python)
            files, folders = run.watched()
            write_stamp(environment, key, files, folders)
        recipe = run.recorder.recorded(wheels.values()) if run.recorder else None
    return SyncOutcome(environment=environment, plan=plan, recipe=recipe)


class _Run:
    """One environment, and the files of a lock that it is to have."""

    def __init__(
        self, settings: Settings, request: SyncRequest, environment: Environment, goal: Goal
    ) -> None:
        self.settings = settings
        self.request = request
        self.environment = environment
        self.goal = goal
        self.recorder: Recorder | None = None
        label = str(request.lock_path or LOCK_NAME)
        part = part_for(goal.lock, environment.interpreter, label=label)
        self._part = chosen_part(goal.lock, part, goal.selection)
        self.wanted = (*select(goal.lock, part, goal.selection), *self._members(label))

    def _members(self, label: str) -> tuple[Wanted, ...]:
        members = select_members(self.goal.lock, self._part, self.goal.selection)
        if not members:
            return ()
        # Imported here, as in `watched`: few projects have members.
        from pipper.ops.sync.members import MemberOptions, member_wants  # noqa: PLC0415 - see above

        options = MemberOptions(no_project=self.request.no_project, no_editable=self.request.no_editable)
        return member_wants(members, self.goal.project, self.environment, options, label=label)

    def watched(self) -> tuple[Sequence[str], Sequence[str]]:
        """Return the files and folders of members whose change makes the stamp void."""
        project = self.goal.project
        if project is None or not (project.manifest.members or project.manifest.workspace):
            return (), ()
        from pipper.ops.sync.members import watched  # noqa: PLC0415 - see above

        found = watched(project, self.wanted)
        return found.files, found.folders

    def renewed(self) -> "_Run":
        """Return this run, or one from the current manifest and lock if another process changed them."""
        files = self.goal.files
        if files is None or not files.is_outdated:
            return self
        files = read_project_files(files.manifest.path)
        goal = own_goal(self.request, project_of(files), files)
        return _Run(self.settings, self.request, self.environment, goal)

    def look(self) -> SyncOutcome:
        """Return what a sync would do, and for a check the differences from RECORD or the lock; change nothing."""
        present = () if self.environment.replaces else installed(self.environment)
        if not self.request.check:
            return SyncOutcome(environment=self.environment, plan=self.repairing_plan(present))
        plan = self._plan(present)
        if self.request.hashes:
            return self._proven(plan)
        drift = verify(self.environment, plan.kept)
        return SyncOutcome(environment=self.environment, plan=plan, drift=drift)

    def _proven(self, plan: Plan) -> SyncOutcome:
        """Return the differences from the locked wheels; from RECORD for wheels that cannot be had."""
        # Imported here: only a check needs them.
        from pipper.apply.proof import prove  # noqa: PLC0415 - see above

        every = [action for action in plan.actions if isinstance(action, Keep)]
        kept = [keep for keep in every if keep.wanted.source != PATH]  # no lock has the hash of a member
        wanted = [keep.wanted for keep in kept]
        cache = open_cache(self.settings)
        unproven = None
        with cache.in_use():
            try:
                wheels = self.fetch(wanted, cache)
            except (AccessError, StoreError) as error:
                wheels = wheels_at_hand(wanted, cache)
                unproven = _unproven((want.name for want in wanted if want.file.sha256 not in wheels), error)
            known = [keep for keep in kept if keep.wanted.file.sha256 in wheels]
            drift = prove(self.environment, known, wheels, self.goal.lock.inputs.files)
        rest = [keep.installed for keep in every if keep not in known]
        drift += verify(self.environment, rest, hashes=True)
        return SyncOutcome(environment=self.environment, plan=plan, drift=drift, unproven=unproven)

    def repairing_plan(self, present: Iterable[Installed]) -> Plan:
        """Return the plan that also replaces locked packages with files missing or changed.

        Changed are files of another size; if the request compares hashes, all that are not as in the locked wheel.
        """
        plan = self._plan(present)
        drift = verify(self.environment, plan.kept)
        if self.request.hashes:
            proven = self._proven(plan)
            drift += proven.drift
            if proven.unproven:
                self.settings.reporter.warning(proven.unproven.message)
        damaged = {each.distribution for each in drift}
        plan = plan.replacing(damaged | self._reinstalled())
        return plan.replacing(shares_of(plan, {}, self.environment).wrong)

    def _reinstalled(self) -> set[NormalizedName]:
        """Return the packages to reinstall; raise UsageError for one that the lock does not have here."""
        wanted = {want.name for want in self.wanted}
        if ALL in self.request.reinstall:
            return wanted
        names = set(map(canonicalize_name, self.request.reinstall))
        if unknown := sorted(names - wanted):
            raise UsageError(
                f"cannot reinstall `{unknown[0]}`: the lock does not have it for this environment",
                hint="check the name with `pipper tree`, or add its --group or --extra",
            )
        return names

    def _plan(self, present: Iterable[Installed]) -> Plan:
        plan = make_plan(self.wanted, present, exact=self.request.exact)
        plan = replace(plan, files=self.goal.lock.inputs.files)
        return plan.without_removals if self.request.keeps_others else plan

    def fetch(self, wanted: Iterable[Wanted], cache: Cache) -> Mapping[str, UnpackedWheel]:
        """Return these wheels by sha256, unpacked in the cache; raise what `fetch_wheels` and the checks raise."""
        wanted = tuple(wanted)
        ready = [want for want in wanted if not want.build]
        wheels = dict(cached_wheels(ready, cache))
        if sdists := [want for want in wanted if want.build and want.source != PATH]:
            wheels |= self._built(sdists, cache)
        missing = [want for want in ready if want.file.sha256 not in wheels]
        if missing:
            # Imported here: a sync from the cache does not need it.
            from pipper.ops.sync.fetch_wheels import fetch_wheels  # noqa: PLC0415 - see above

            wheels |= fetch_wheels(missing, self._origins, cache, self.settings.reporter)
        if members := [want for want in wanted if want.source == PATH]:
            wheels |= self._built_members(members, cache)
        if wanted:
            require_locked_needs(self.goal.lock, self._part, wanted, wheels)
            require_allowed_versions(self.goal.lock, self._part, wanted, wheels)
        return wheels

    def _built(self, wanted: Sequence[Wanted], cache: Cache) -> Mapping[str, UnpackedWheel]:
        """Return the wheels of source distributions by the sha256 of these, unpacked; build what is missing."""
        # Imported here: few locks have source distributions.
        from pipper.ops.build.environments import locked_builds  # noqa: PLC0415 - see above

        builds = locked_builds(
            self.settings,
            self.goal,
            self._part,
            interpreter=self.environment.interpreter,
            cache=cache,
            allowed=not self.request.no_build,
            folder=self.request.folder,
        )
        return builds.wheels(wanted, self._origins)

    def _built_members(self, wanted: Sequence[Wanted], cache: Cache) -> Mapping[str, UnpackedWheel]:
        # Imported here: few syncs build something.
        from pipper.ops.build.environments import member_builds  # noqa: PLC0415 - see above

        builds = member_builds(
            self.settings,
            self.goal,
            interpreter=self.environment.interpreter,
            cache=cache,
            allowed=not self.request.no_build,
            offline=self.request.offline,
        )
        return replace(builds, again=frozenset(self._reinstalled())).wheels(wanted)

    def _origins(self) -> "Origins":
        from pipper.ops.sync.fetch import origins_of  # noqa: PLC0415 - most syncs fetch nothing

        request = self.request
        return origins_of(
            self.settings,
            self.goal.lock,
            self.goal.project,
            folder=request.folder,
            offline=request.offline,
        )

    def apply(
        self,
        plan: Plan,
        present: tuple[Installed, ...],
        documents: Mapping[Path, bytes],
        wheels: Mapping[str, UnpackedWheel],
    ) -> Plan:
        """Carry out the plan; fetch the incoming files that `wheels` does not have. The caller holds the lock.

        Returns the plan with the packages that `[files]` makes install again too.
        """
        cache = open_cache(self.settings)
        kept = history(self.goal.lock, self.environment.state_dir) if plan.changes else {}
        with cache.in_use():
            wheels = {**wheels, **self._missing(plan, wheels, cache)}
            while wrong := shares_of(plan, wheels, self.environment).wrong:
                plan = plan.replacing(wrong)
                refuse_self_change(plan, self.environment)
                wheels |= self._missing(plan, wheels, cache)
            if documents and self.goal.project is not None:
                self.goal.project.refuse_edited()
            apply_plan(
                plan,
                environment=self.environment,
                present=present,
                wheels=wheels,
                cache=cache,
                documents={**documents, **kept},
                placer=self.recorder or Placer(self.request.link_mode),
                reporter=self.settings.reporter,
            )
        return plan

    def _missing(
        self, plan: Plan, wheels: Mapping[str, UnpackedWheel], cache: Cache
    ) -> Mapping[str, UnpackedWheel]:
        return self.fetch([want for want in plan.incoming if want.file.sha256 not in wheels], cache)


def _unproven(names: Iterable[str], error: PipperError) -> PipperError:
    return type(error)(
        f"compared with their RECORD only, not with the lock: {', '.join(sorted(names))}",
        cause=f"{error.message}: {error.cause}",
        hint=error.hint,
    )
