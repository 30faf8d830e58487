"""Solve for each environment of a lock; choose the same versions in all if possible."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace
from packaging.requirements import Requirement

from pipper.core.lock.model import Lock, Pin
from pipper.core.manifest.model import Manifest
from pipper.core.reporter import Reporter
from pipper.core.target import Target
from pipper.errors import NoSolutionError
from pipper.ops.lock.options import LockOptions
from pipper.ops.lock.preferred import Preferred, Versions
from pipper.ops.lock.targets import Goal
from pipper.solve.agreement import read_ahead, solve_with_versions
from pipper.solve.request import Resolution, SolveRequest
from pipper.solve.router import SourceRouter
from pipper.solve.solver import BUDGET, solve

_OPTIONAL_STEPS = 1_000_000
"""Steps of the search for an environment that may have no solution."""


class Solutions(Struct, frozen=True, kw_only=True):
    """A solution, or the reason why there is none, for each environment."""

    resolutions: Mapping[Target, Resolution]
    failures: Mapping[Target, str]


def solve_request(
    manifest: Manifest,
    target: Target,
    options: LockOptions,
    *,
    old: Lock | None = None,
    unmanaged: Mapping[Pin, tuple[Requirement, ...]],
) -> SolveRequest:
    """Return the manifest as a request for one environment, without preferred versions."""
    admitted = manifest.prereleases
    return SolveRequest(
        target=target,
        roots=manifest.roots,
        requires_python=manifest.requires_python,
        prereleases=frozenset(admitted) if isinstance(admitted, tuple) else admitted,
        likely=frozenset(package.name for package in (old.packages if old else ())) - {manifest.name},
        constraints=manifest.constraints,
        wanted_now=options.limits,
        unmanaged=unmanaged,
        overrides=manifest.overrides,
        exclude=frozenset(manifest.exclude),
        as_of=options.as_of,
        lowest_direct=options.lowest_direct,
    )


def resolve(
    request: SolveRequest,
    preferred: Preferred,
    goals: Sequence[Goal],
    router: SourceRouter,
    reporter: Reporter,
) -> Solutions:
    """Solve `request` for each environment in turn; prefer the versions of the first in the others.

    Raises NoSolutionError if a required environment has no solution, and what sources raise.
    """
    reporter = _Once(reporter)
    first = goals[0].target
    locked = preferred.locked_for(first) or preferred.newest
    request = replace(request, target=first, preferred={**preferred.installed, **locked})
    base = solve(request, router, reporter)
    resolutions, failures = {first: base}, {}
    versions = {pin.name: pin.version for pin in base.pins}
    others = {
        goal: _following(replace(request, target=goal.target), preferred, agreed=versions, before=locked)
        for goal in goals[1:]
    }
    read_ahead(others.values(), router, base)
    for goal, other in others.items():
        diverges = any(other.preferred[name] != version for name, version in versions.items())
        try:
            agreed = None if diverges else solve_with_versions(other, router, base, reporter)
            budget = BUDGET if goal.required else _OPTIONAL_STEPS
            resolutions[goal.target] = agreed or solve(other, router, reporter, budget=budget)
        except NoSolutionError as error:
            if goal.required:
                raise NoSolutionError(
                    f"{goal.target.name}: {error.message}", cause=error.cause, hint=error.hint
                ) from error
            failures[goal.target] = f"{error.message}\n{error.cause}".strip()
    return Solutions(resolutions=resolutions, failures=failures)


def _following(
    request: SolveRequest, preferred: Preferred, *, agreed: Versions, before: Versions
) -> SolveRequest:
    """Return a request that prefers the versions `agreed` on for the first environment.

    A version locked for this environment is kept where it differed from the first one's (in `before`, or in
    `agreed` for a project that is new there).
    """
    own = preferred.locked_for(request.target)
    apart = {
        name: version
        for name, version in own.items()
        if version != before.get(name, agreed.get(name, version))
    }
    return replace(request, preferred={**own, **agreed, **apart})


class _Once(Reporter):
    """A reporter that passes each warning on once, not once for each environment."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._seen: set[str] = set()

    def warning(self, text: str) -> None:
        if text not in self._seen:
            self._seen.add(text)
            self._reporter.warning(text)
