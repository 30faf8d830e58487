"""Solve extras and groups that conflict: each apart from those that it conflicts with, and beside all others."""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.manifest.conflicts import Conflicts, clashes
from pipper.core.manifest.requirement import parse_requirement
from pipper.core.manifest.root_label import RootLabel
from pipper.errors import NoSolutionError, UnfollowedError
from pipper.ops.lock.preferred import Versions
from pipper.solve.request import Resolution, Solved, SolveRequest
from pipper.solve.router import SourceRouter
from pipper.solve.solver import solve

NO_SOLUTION = (NoSolutionError, UnfollowedError)
OPTIONAL_STEPS = 1_000_000
"""Steps of the search for what may have no solution."""
Parts = Mapping[RootLabel, Resolution]


def each_apart(
    request: SolveRequest,
    base: Resolution,
    common: Mapping[RootLabel, tuple[Requirement, ...]],
    labels: Sequence[RootLabel],
    router: SourceRouter,
) -> tuple[Parts, Mapping[RootLabel, str]]:
    """Return a solution for each part with the pins of `base`, and for the others the reason why there is none."""
    found, missing = {}, {}
    beside = _beside(request, base, common, router)
    for label in labels:
        try:
            found[label] = beside(label, {})
        except NO_SOLUTION as error:
            missing[label] = f"{error.message}\n{error.cause}".strip()
    return found, missing


def agreeing(
    request: SolveRequest,
    base: Resolution,
    common: Mapping[RootLabel, tuple[Requirement, ...]],
    parts: Parts,
    router: SourceRouter,
) -> Parts:
    """Return the solutions of `each_apart`, with one version where parts that may go together have several.

    The lowest of these is tried, because an upper limit is why they differ. Where it does not suit, they stay.
    """
    agreed, beside = dict(parts), _beside(request, base, common, router)
    for _ in parts:  # a round carries a version one part further
        changed = False
        for label in parts:
            lower = _lower(label, agreed, request.conflicts)
            if not lower:
                continue
            try:
                again = beside(label, lower)
            except NO_SOLUTION:
                continue
            if any(lower.get(pin.name) == pin.version for pin in again.pins):
                agreed[label], changed = again, True
        if not changed:
            break
    return agreed if _differing(agreed, request.conflicts) < _differing(parts, request.conflicts) else parts


def pinned(pin: Solved) -> Requirement:
    """Return the requirement of exactly this version."""
    return parse_requirement(f"{pin.name}=={pin.version}")


def _beside(
    request: SolveRequest,
    base: Resolution,
    common: Mapping[RootLabel, tuple[Requirement, ...]],
    router: SourceRouter,
) -> Callable[[RootLabel, Versions], Resolution]:
    """Return a function that solves a part beside `base`, and prefers the versions that it is given."""
    constraints = (*request.constraints, *map(pinned, base.pins))

    def solved(label: RootLabel, versions: Versions) -> Resolution:
        roots = {**common, label: request.roots[label]}
        preferred = {**request.preferred, **request.apart[label], **versions}
        wanted = replace(request, roots=roots, preferred=preferred, constraints=constraints)
        return solve(wanted, router, budget=OPTIONAL_STEPS)

    return solved


def _lower(label: RootLabel, parts: Parts, conflicts: Conflicts) -> Versions:
    """Return the lowest versions in the parts that may go with this one, where it has a higher version."""
    own = _versions(parts[label])
    found: dict[NormalizedName, Version] = {}
    for other, solved in parts.items():
        if not any(clashes(conflicts, (label, other))):
            for name, version in _versions(solved).items():
                if name in own and version < found.get(name, own[name]):
                    found[name] = version
    return found


def _differing(parts: Parts, conflicts: Conflicts) -> int:
    """Return how many versions differ between parts that may go together."""
    return sum(
        _versions(parts[one])[name] != version
        for one, other in combinations(parts, 2)
        if not any(clashes(conflicts, (one, other)))
        for name, version in _versions(parts[other]).items()
        if name in _versions(parts[one])
    )


def _versions(resolution: Resolution) -> Versions:
    return {pin.name: pin.version for pin in resolution.pins}
