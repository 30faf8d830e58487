"""`sync`: lock -> environment. Never solves; touches nothing before everything is there and verified."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from packaging.utils import NormalizedName

from pipper.apply.bytecode import compile_modules
from pipper.apply.environment_lock import environment_lock
from pipper.apply.recovery import pending, recover
from pipper.apply.stamp import write_stamp
from pipper.apply.transaction import apply_plan
from pipper.apply.verify import Drift, verify
from pipper.cache.cache import Cache
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.lock.model import Lock, LockedEnvironment
from pipper.core.lock.selection import Selection, select
from pipper.core.lock.writer import dump_lock
from pipper.core.plan import Installed, Keep, Plan, make_plan
from pipper.errors import MachineError
from pipper.ops.context.environments import (
    Place,
    choose_environment,
    interpreter_at_hand,
    open_cache,
    part_for,
)
from pipper.ops.context.file_names import LOCK_NAME
from pipper.ops.context.project import Project, load_project, project_around, require_fresh
from pipper.ops.context.settings import Settings
from pipper.ops.sync.cached_wheels import held_wheels
from pipper.ops.sync.freshness import stamp_key
from pipper.ops.sync.metadata_check import require_honest
from pipper.ops.sync.offline import Supply
from pipper.ops.sync.self_protection import refuse_own_ground
from pipper.python.environment import Environment, installed, refuse_unwritable
from pipper.system.files import read_bytes, refuse_url


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """What `sync` is asked to do."""

    place: Place = field(default_factory=Place)
    selection: Selection = field(default_factory=Selection)
    lock_path: Path | None = None
    """A lock to use in place of the project's own: pipper's, an authorized one, or one of PEP 751."""
    supply: Supply = field(default_factory=Supply)
    exact: bool = False
    link_mode: Literal["auto", "reflink", "hardlink", "copy"] = "auto"
    compile_bytecode: bool = False
    """Compile all that pipper installed, not only what comes now."""
    hashes: bool = False
    """For a check: hash every installed file, where otherwise its presence and size are looked at."""
    stamp: str = ""
    """What the stamp says this sync went by, so that the next one may find nothing to do; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOutcome:
    """What was, or would be, done."""

    environment: Environment
    plan: Plan
    drift: tuple[Drift, ...] = ()
    """What a check found changed by hand or by another tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a sync goes by."""

    project: Project | None
    lock: Lock

    @property
    def root(self) -> Path | None:
        return self.project.root if self.project else None


def plan_sync(settings: Settings, request: SyncRequest) -> SyncOutcome:
    """Return the plan without touching anything (`--dry-run`).

    Raises UsageError where lock and manifest or environment do not go together.
    """
    basis, rest = _read(settings, request)
    return plan_to(settings, rest, basis)


def plan_to(settings: Settings, request: SyncRequest, basis: Basis) -> SyncOutcome:
    """Return the plan that leads to a lock in hand, without touching anything."""
    environment = choose_environment(settings, basis.root, request.place, make=False)
    if unfinished := pending(environment):
        settings.reporter.warning(unfinished)
    return SyncOutcome(environment=environment, plan=_repairing_plan(basis, environment, request))


def check_sync(settings: Settings, request: SyncRequest) -> SyncOutcome:
    """Return the plan, and what differs from RECORD among that which the plan keeps (`--check`)."""
    basis, rest = _read(settings, request)
    environment = choose_environment(settings, basis.root, rest.place, make=False)
    if unfinished := pending(environment):
        settings.reporter.warning(unfinished)
    plan = _plan(basis, environment, rest)
    drift = verify(environment, _kept(plan), hashes=request.hashes)
    return SyncOutcome(environment=environment, plan=plan, drift=drift)


def sync(settings: Settings, request: SyncRequest) -> SyncOutcome:
    """Make the environment match the lock. On any error, environment and lock are as before."""
    basis, rest = _read(settings, request)
    return sync_to(settings, rest, basis, {})


def sync_to(
    settings: Settings, request: SyncRequest, basis: Basis, documents: Mapping[Path, bytes]
) -> SyncOutcome:
    """Make the environment match a lock in hand; `documents` (manifest and lock) are written with the change.

    On any error, environment and documents are as before.
    """
    environment = choose_environment(settings, basis.root, request.place, make=False)
    if environment.root.exists():
        return _sync_into(settings, request, basis, documents, {})
    # What has to be made is made last: where a file is missing, nothing is left behind.
    cache = open_cache(settings)
    with cache.in_use():
        plan = _plan(basis, environment, request)
        refuse_unwritable(environment)
        fetched = _fetch(settings, request, basis, environment, plan, cache)
        return _sync_into(settings, request, basis, documents, fetched)


def _sync_into(
    settings: Settings,
    request: SyncRequest,
    basis: Basis,
    documents: Mapping[Path, bytes],
    fetched: Mapping[str, UnpackedWheel],
) -> SyncOutcome:
    environment = choose_environment(settings, basis.root, request.place, make=True)
    try:
        refuse_unwritable(environment)
    except MachineError:
        outcome = SyncOutcome(environment=environment, plan=_repairing_plan(basis, environment, request))
        if outcome.plan.changes or documents or request.compile_bytecode or pending(environment):
            raise
        return outcome  # not even the lock can be taken, and nothing is to be done
    with environment_lock(environment, settings.reporter):
        recover(environment, settings.reporter)
        plan = _repairing_plan(basis, environment, request)
        outcome = SyncOutcome(environment=environment, plan=plan)
        if outcome.plan.changes or documents:
            refuse_own_ground(outcome.plan, environment)
            _apply(settings, request, basis, outcome, documents, fetched)
        if request.compile_bytecode:
            own = [each for each in installed(environment) if each.ours]
            compile_modules(environment, own, settings.reporter)
        if request.stamp:
            write_stamp(environment, stamp_key(request.stamp, environment.interpreter.executable))
    return outcome


def _plan(
    basis: Basis,
    environment: Environment,
    request: SyncRequest,
    damaged: frozenset[NormalizedName] = frozenset(),
) -> Plan:
    wanted = select(basis.lock, _part(basis, environment, request), request.selection)
    return make_plan(wanted, installed(environment), exact=request.exact, damaged=damaged)


def _repairing_plan(basis: Basis, environment: Environment, request: SyncRequest) -> Plan:
    """The plan that also replaces what is as locked by its marks, but has files missing or of another size."""
    plan = _plan(basis, environment, request)
    damaged = frozenset(drift.distribution for drift in verify(environment, _kept(plan)))
    return _plan(basis, environment, request, damaged) if damaged else plan


def _kept(plan: Plan) -> list[Installed]:
    return [action.installed for action in plan.actions if isinstance(action, Keep)]


def _part(basis: Basis, environment: Environment, request: SyncRequest) -> LockedEnvironment:
    label = str(request.lock_path or LOCK_NAME)
    return part_for(basis.lock, environment.interpreter, label=label)


def _fetch(
    settings: Settings,
    request: SyncRequest,
    basis: Basis,
    environment: Environment,
    plan: Plan,
    cache: Cache,
) -> Mapping[str, UnpackedWheel]:
    if not plan.incoming:
        return {}
    wheels = held_wheels(plan.incoming, cache)
    missing = [want for want in plan.incoming if want.file.sha256 not in wheels]
    if missing:
        # Imported here: stores, the index and HTTP take longer to import than a warm cache takes to install.
        from pipper.ops.sync.fetch import fetch_wheels, origins_of  # noqa: PLC0415

        origins = origins_of(settings, basis.lock, basis.project, request.supply)
        wheels = {**wheels, **fetch_wheels(missing, origins, cache, settings.reporter)}
    require_honest(basis.lock, _part(basis, environment, request), plan.incoming, wheels)
    return wheels


def _apply(
    settings: Settings,
    request: SyncRequest,
    basis: Basis,
    outcome: SyncOutcome,
    documents: Mapping[Path, bytes],
    fetched: Mapping[str, UnpackedWheel],
) -> None:
    cache = open_cache(settings)
    with cache.in_use():
        apply_plan(
            outcome.plan,
            environment=outcome.environment,
            wheels=fetched or _fetch(settings, request, basis, outcome.environment, outcome.plan, cache),
            cache=cache,
            documents={**documents, **_history(basis.lock, outcome)},
            link_mode=request.link_mode,
            reporter=settings.reporter,
        )


def _history(lock: Lock, outcome: SyncOutcome) -> Mapping[Path, bytes]:
    """What the environment is synced to, and what it was before: `sync --lock .pipper/previous.lock` goes back.

    An authorized lock is not kept: its URLs are secrets that expire.
    """
    if not outcome.plan.changes or lock.expires_at is not None:
        return {}
    applied = outcome.environment.state_dir / "applied.lock"
    now, before = dump_lock(lock).encode(), read_bytes(applied)
    if before is None or before == now:
        return {applied: now}
    return {applied: now, applied.with_name("previous.lock"): before}


def _read(settings: Settings, request: SyncRequest) -> tuple[Basis, SyncRequest]:
    """What to go by, and what of the request is still to be selected of it."""
    if request.lock_path is None:
        project = load_project(settings.directory)
        return Basis(project=project, lock=require_fresh(project)), request
    # Imported here: locks of others need PEP 751, which the project's own does not.
    from pipper.ops.lock.read_any import as_lock, read_lock, refuse_expired  # noqa: PLC0415

    refuse_url(request.lock_path)
    path = settings.directory / request.lock_path
    found = read_lock(path)
    around = project_around(settings.directory)
    interpreter = interpreter_at_hand(settings, around.root if around else None, request.place)
    lock, selection = as_lock(found, interpreter.target, request.selection, path=path)
    if not request.supply.offline:
        refuse_expired(lock, label=path.name, now=datetime.now(UTC))
    return Basis(project=around, lock=lock), replace(request, selection=selection)
