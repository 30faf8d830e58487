"""One environment, and the packages of a lock that it is to have: plan them, fetch them, apply the plan."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name

from pipper.apply.new_environment import NewEnvironment
from pipper.apply.placing import Placer
from pipper.apply.shared_paths import shares_of
from pipper.apply.stamp import Covered, Seen
from pipper.apply.transaction import apply_plan
from pipper.apply.verify import verify
from pipper.cache.cache import Cache
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.lock.model import LockedPackage
from pipper.core.lock.selection import chosen_part, select, select_members
from pipper.core.manifest.inputs import PATH
from pipper.core.plan import Installed, Keep, Plan, Wanted, make_plan
from pipper.errors import AccessError, PipperError, StoreError, UsageError
from pipper.ops.context.environments import open_cache, part_for
from pipper.ops.context.find_manifest import read_project_files
from pipper.ops.context.project import Goal, project_of
from pipper.ops.context.project_files import LOCK_NAME
from pipper.ops.context.settings import Settings
from pipper.ops.sync.goal import own_goal
from pipper.ops.sync.history import history
from pipper.ops.sync.outcome import SyncOutcome
from pipper.ops.sync.request import ALL, SyncRequest
from pipper.ops.sync.self_protection import refuse_self_change
from pipper.ops.sync.wheel_checks import (
    cached_wheels,
    require_allowed_versions,
    require_locked_needs,
    wheels_at_hand,
)
from pipper.python.environment import Environment, installed

if TYPE_CHECKING:
    from pipper.apply.recorder import Recorder
    from pipper.ops.sync.fetch import Origins
    from pipper.ops.sync.members import MemberOptions


class SyncRun:
    """One environment, and the files of a lock that it is to have."""

    def __init__(
        self, settings: Settings, request: SyncRequest, environment: Environment, goal: Goal
    ) -> None:
        self.settings = settings
        self.request = request
        self.environment = environment
        self.goal = goal
        self.recorder: Recorder | None = None
        self.covered: Covered | None = None
        """The environment as `note_environment` saw it."""
        label = str(request.lock_path or LOCK_NAME)
        part = part_for(goal.lock, environment.interpreter, label=label)
        self._part = chosen_part(goal.lock, part, goal.selection)
        members = select_members(goal.lock, self._part, goal.selection)
        self.seen = self._looked(members)
        """What there was of members, before anything of them was used; None if the stamp cannot cover it."""
        self.wanted = (*select(goal.lock, part, goal.selection), *self._members(members, label))

    def _looked(self, members: Sequence[LockedPackage]) -> Seen | None:
        project, files = self.goal.project, self.goal.files
        if project is None or not (project.manifest.members or project.manifest.workspace):
            return Seen()
        if files is None or not self.request.is_stamped:
            return None
        # Imported here, as in `_members`: few projects have members.
        from pipper.ops.sync.members import look_at  # noqa: PLC0415 - see above

        seen = look_at(project, members, self.environment, self._member_options)
        return seen if project_of(files).manifest == project.manifest else None

    def _members(self, members: Sequence[LockedPackage], label: str) -> tuple[Wanted, ...]:
        if not members:
            return ()
        from pipper.ops.sync.members import member_wants  # noqa: PLC0415 - see above

        return member_wants(members, self.goal.project, self.environment, self._member_options, label=label)

    @property
    def _member_options(self) -> "MemberOptions":
        from pipper.ops.sync.members import MemberOptions  # noqa: PLC0415 - see above

        return MemberOptions(no_project=self.request.no_project, no_editable=self.request.no_editable)

    def note_environment(self) -> None:
        """Look at the environment, which is compared with the lock next, or was made as the lock says just now."""
        self.covered = None
        if self.goal.files is not None and self.request.is_stamped:
            with suppress(OSError):
                self.covered = Covered(self.environment)

    def renewed(self) -> "SyncRun":
        """Return this run, or one from the current manifest and lock if another process changed them."""
        files = self.goal.files
        if files is None or not files.is_outdated:
            return self
        files = read_project_files(files.manifest.path)
        goal = own_goal(self.request, project_of(files), files)
        return SyncRun(self.settings, self.request, self.environment, goal)

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
        return plan.replacing(shares_of(plan, {}, self.environment).wrong, for_shared=True)

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
        if others := [want for want in wanted if want.source != PATH]:
            self._require_locked(others, wheels)
        return wheels

    def _require_locked(self, wanted: Sequence[Wanted], wheels: Mapping[str, UnpackedWheel]) -> None:
        require_locked_needs(self.goal.lock, self._part, wanted, wheels)
        require_allowed_versions(self.goal.lock, self._part, wanted, wheels)

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
        again = frozenset(self._reinstalled())
        return replace(builds, again=again).wheels(wanted, self._require_locked)

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
        new: NewEnvironment | None = None,
    ) -> Plan:
        """Carry out the plan, of an environment that is `new` there; fetch the incoming files that `wheels` lacks.

        The caller holds the lock. Returns the plan with the packages that `[files]` makes install again too.
        """
        cache = open_cache(self.settings)
        kept = history(self.goal.lock, self.environment.state_dir) if plan.changes else {}
        with cache.in_use():
            wheels = {**wheels, **self._missing(plan, wheels, cache)}
            while wrong := shares_of(plan, wheels, self.environment).wrong:
                plan = plan.replacing(wrong, for_shared=True)
                refuse_self_change(plan, self.environment)
                wheels |= self._missing(plan, wheels, cache)
            if documents and self.goal.project is not None:
                self.goal.project.refuse_edited()
            apply_plan(
                plan,
                environment=new or self.environment,
                present=present,
                wheels=wheels,
                cache=cache,
                documents={**documents, **kept},
                placer=self.recorder or Placer(self.request.link_mode),
                reporter=self.settings.reporter,
            )
        self.note_environment()
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
