"""Solve for each environment of a lock; choose the same versions in all if possible."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.requirements import Requirement

from pipper.core.lock.model import Lock, Pin
from pipper.core.manifest.conflicts import labels_in, written
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.root_label import PROJECT, RootLabel
from pipper.core.reporter import Reporter
from pipper.core.target import Target
from pipper.errors import NoSolutionError, UnfollowedError
from pipper.ops.lock.conflicting_parts import NO_SOLUTION, OPTIONAL_STEPS, solved_apart
from pipper.ops.lock.options import LockOptions
from pipper.ops.lock.preferred import Preferred, Versions
from pipper.ops.lock.targets import Goal
from pipper.solve.agreement import Carrier, read_ahead, solve_with_versions
from pipper.solve.request import Resolution, SolveRequest
from pipper.solve.router import SourceRouter
from pipper.solve.solver import BUDGET, solve

_MOST_PARTS = 8
"""Groups and extras that are tried in pairs, for a hint."""


class Solutions(Struct, frozen=True, kw_only=True):
    """A solution, or the reason why there is none, for each environment."""

    resolutions: Mapping[Target, Resolution]
    failures: Mapping[Target, str]
    failed_parts: Mapping[Target, Mapping[RootLabel, str]] = field(default_factory=dict)
    """The groups and extras without a solution, each with the reason; the resolutions leave them out."""


def solve_request(
    manifest: Manifest,
    target: Target,
    options: LockOptions,
    *,
    old: Lock | None = None,
    unmanaged: Mapping[Pin, tuple[Requirement, ...]],
    can_build: bool = False,
) -> SolveRequest:
    """Return the manifest as a request for one environment, without preferred versions."""
    admitted, allowed = manifest.prereleases, manifest.build_allow
    builds = frozenset(allowed) if isinstance(allowed, tuple) else allowed
    return SolveRequest(
        target=target,
        roots=manifest.roots,
        asks=options.asks,
        requires_python=manifest.requires_python,
        prereleases=frozenset(admitted) if isinstance(admitted, tuple) else admitted,
        likely=frozenset(package.name for package in (old.packages if old else ())) - {manifest.name},
        constraints=manifest.constraints,
        wanted_now=options.limits,
        unmanaged=unmanaged,
        overrides=manifest.overrides,
        exclude=frozenset(manifest.exclude),
        apart={label: {} for label in labels_in(manifest.conflicts)},
        conflicts=manifest.conflicts,
        as_of=options.as_of,
        builds=builds if can_build else None,
        lowest_direct=options.lowest_direct,
    )


def resolve(
    request: SolveRequest,
    preferred: Preferred,
    goals: Sequence[Goal],
    router: SourceRouter,
    reporter: Reporter,
    required_groups: frozenset[str] = frozenset(),
) -> Solutions:
    """Solve `request` for each environment in turn; prefer the versions of the first in the others.

    A group or an extra that has no solution with the project's own requirements is left out, unless it is among
    `required_groups`. Raises NoSolutionError if a required environment has no solution, and what sources raise.
    """
    reporter = _Once(reporter)
    first = goals[0].target
    locked = preferred.locked_for(first) or preferred.newest
    beside = request.beside or tuple(goal.target for goal in goals)
    request = replace(request, target=first, beside=beside, preferred={**preferred.installed, **locked})
    request = replace(request, apart=_locked_apart(request, preferred))
    base, failed = _solved(request, router, reporter, required_groups)
    resolutions, failures, parts = {first: base}, {}, {first: failed}
    versions = _versions(base)
    others = {
        goal: _following(replace(request, target=goal.target), preferred, base, before=locked)
        for goal in goals[1:]
    }
    read_ahead(others.values(), router, base)
    carrier = None if failed or request.apart or not others else Carrier(request, router, base)
    for goal, other in others.items():
        diverges = any(other.preferred[name] != version for name, version in versions.items())
        try:
            agreed = carrier.carried(other) if carrier and not diverges else None
            if not agreed and not diverges and not request.apart:
                agreed = solve_with_versions(other, router, base, reporter)
            budget = BUDGET if goal.required else OPTIONAL_STEPS
            solved, failed = (
                (agreed, {}) if agreed else _solved(other, router, reporter, required_groups, budget)
            )
            resolutions[goal.target], parts[goal.target] = solved, failed
        except NO_SOLUTION as error:
            if goal.required and isinstance(error, UnfollowedError):
                raise
            if goal.required:
                raise NoSolutionError(
                    f"{goal.target.name}: {error.message}", cause=error.cause, hint=error.hint
                ) from error
            failures[goal.target] = f"{error.message}\n{error.cause}".strip()
    return Solutions(
        resolutions=resolutions,
        failures=failures,
        failed_parts={target: found for target, found in parts.items() if found},
    )


def _solved(
    request: SolveRequest,
    router: SourceRouter,
    reporter: Reporter,
    required_groups: frozenset[str],
    budget: int = BUDGET,
) -> tuple[Resolution, Mapping[RootLabel, str]]:
    """Return the solution without the groups and extras that have none, and the reason for each of these."""
    if any(label in request.apart for label in request.roots):
        left = {label: roots for label, roots in request.roots.items() if label not in request.apart}
        base, failed = _solved(replace(request, roots=left), router, reporter, required_groups, budget)
        found, more = solved_apart(request, base, failed, router, required_groups, budget)
        return found, {**failed, **more}
    try:
        return solve(request, router, reporter, budget=budget), {}
    except NO_SOLUTION as error:
        failed = _failed_parts(request, router, required_groups)
        if not failed:
            if isinstance(error, NoSolutionError) and (clash := _clash(request, router)):
                hint = f"{error.hint}; if they are never installed together, write `{written(clash)}`"
                raise NoSolutionError(error.message, cause=error.cause, hint=hint) from error
            raise
    left = {label: roots for label, roots in request.roots.items() if label not in failed}
    return solve(replace(request, roots=left), router, reporter, budget=budget), failed


def _failed_parts(
    request: SolveRequest, router: SourceRouter, required_groups: frozenset[str]
) -> Mapping[RootLabel, str]:
    """Return each group and extra that has no solution beside the project's own requirements, with the reason.

    None if these alone have no solution. Raises NoSolutionError for a required group.
    """
    own = {label: roots for label, roots in request.roots.items() if label == PROJECT}
    failed: dict[RootLabel, str] = {}
    if len(own) == len(request.roots):
        return failed
    try:
        solve(replace(request, roots=own), router, budget=OPTIONAL_STEPS)
    except NO_SOLUTION:
        return failed
    for label, roots in request.roots.items():
        try:
            solve(replace(request, roots={**own, label: roots}), router, budget=OPTIONAL_STEPS)
        except NO_SOLUTION as error:
            if label.kind == "group" and label.name in required_groups:
                raise
            failed[label] = f"{error.message}\n{error.cause}".strip()
    return failed


def _clash(request: SolveRequest, router: SourceRouter) -> list[RootLabel]:
    """Return groups and extras that have a solution each, and none with any other of them; empty if none clash."""
    parts = [label for label in request.roots if label != PROJECT][:_MOST_PARTS]

    def fit(*labels: RootLabel) -> bool:
        roots = {label: roots for label, roots in request.roots.items() if label in (PROJECT, *labels)}
        try:
            solve(replace(request, roots=roots), router, budget=OPTIONAL_STEPS)
        except NO_SOLUTION:
            return False
        return True

    if not fit():
        return []
    found = list(next((pair for pair in combinations(parts, 2) if not fit(*pair)), ()))
    for label in parts if found else ():
        if label not in found and not any(fit(label, other) for other in found):
            found.append(label)
    return found


def _locked_apart(request: SolveRequest, preferred: Preferred) -> dict[RootLabel, Versions]:
    """Return the versions locked for each part that conflicts, for this environment, else the newest for any."""
    here, anywhere = preferred.locked_apart(request.target), preferred.newest_apart
    return {label: here.get(label) or anywhere.get(label, {}) for label in request.apart}


def _following(
    request: SolveRequest, preferred: Preferred, base: Resolution, *, before: Versions
) -> SolveRequest:
    """Return a request that prefers the versions of `base`, the solution for the first environment.

    `before` are the versions locked for that one, `request.apart` those of its parts.
    """
    here = preferred.locked_apart(request.target)
    apart = {
        label: _agreed(here.get(label, {}), _versions(base.apart[label]), locked)
        for label, locked in request.apart.items()
        if label in base.apart
    }
    own = preferred.locked_for(request.target)
    return replace(
        request,
        preferred=_agreed(own, _versions(base), before),
        apart={**_locked_apart(request, preferred), **apart},
    )


def _agreed(own: Versions, agreed: Versions, before: Versions) -> Versions:
    """Return the versions to prefer where the first environment has those that are `agreed`.

    One that is locked for this environment (`own`) is kept where it differed from the first one's (in `before`, or in
    `agreed` for a project that is new there).
    """
    apart = {
        name: version
        for name, version in own.items()
        if version != before.get(name, agreed.get(name, version))
    }
    return {**own, **agreed, **apart}


def _versions(resolution: Resolution) -> Versions:
    return {pin.name: pin.version for pin in resolution.pins}


class _Once(Reporter):
    """A reporter that passes each warning on once, not once for each environment."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._seen: set[str] = set()

    def warning(self, text: str) -> None:
        if text not in self._seen:
            self._seen.add(text)
            self._reporter.warning(text)
