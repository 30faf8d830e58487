"""Solve extras and groups that conflict: each apart from those that it conflicts with, and beside all others."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations, starmap

from msgspec import Struct
from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.manifest.conflicts import clashes, compatible
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


def solved_apart(
    request: SolveRequest,
    base: Resolution,
    failed: Collection[RootLabel],
    router: SourceRouter,
    required_groups: frozenset[str],
    budget: int,
) -> tuple[Resolution, Mapping[RootLabel, str]]:
    """Solve each part that conflicts with another one beside `base`, the solution of the rest but what has `failed`.

    Where a part needs other versions of what is common, the common solution is sought again with them. If none suits
    all parts, it is one that suits those that `base` suits, and as many others as it can: so it is the same the next
    time. Returns the solution with its parts, and the reason for each part that has none. Raises NoSolutionError for a
    required group that has none with what is common.
    """
    labels = [label for label in request.roots if label in request.apart]
    common = {
        label: roots
        for label, roots in request.roots.items()
        if label not in request.apart and label not in failed
    }
    suited = _suiting(request, base, common, labels, router, budget)
    left: list[RootLabel] = []
    if suited is None:
        suited = base
        left = list(each_apart(request, base, common, labels, router)[1])
        for label in tuple(left):
            tried = [each for each in labels if each == label or each not in left]
            again = _suiting(request, suited, common, tried, router, budget)
            if again is not None:
                suited = again
                left.remove(label)
    apart, missing = each_apart(request, suited, common, labels, router)
    reasons = dict(missing)
    for label in missing:
        try:
            _solved_together(request, common, label, router)
        except NO_SOLUTION as error:
            if label.kind == "group" and label.name in required_groups:
                raise
            reasons[label] = f"{error.message}\n{error.cause}".strip()
    return replace(suited, apart=agreeing(request, suited, common, apart, router)), reasons


def _suiting(
    request: SolveRequest,
    base: Resolution,
    common: Mapping[RootLabel, tuple[Requirement, ...]],
    labels: Sequence[RootLabel],
    router: SourceRouter,
    budget: int,
) -> Resolution | None:
    """Return a solution of what is common that suits all these parts, None if none is found; `base` if it does."""
    limits: dict[NormalizedName, Requirement] = {}
    for _ in (*labels, None):
        missing = each_apart(request, base, common, labels, router)[1]
        if not missing:
            return base
        try:
            # What suits the parts before stays where it can: else each part takes its own choice back in turn.
            suited = replace(request, preferred={**request.preferred, **_versions(base)})
            together = _solved_together(suited, common, next(iter(missing)), router)
            names = {pin.name for pin in base.pins}
            limits |= {pin.name: pinned(pin) for pin in together.pins if pin.name in names}
            limited = replace(request, roots=common, rest=tuple(limits.values()))
            base = solve(limited, router, budget=budget)
        except NO_SOLUTION:
            break
    return None


def _solved_together(
    request: SolveRequest,
    common: Mapping[RootLabel, tuple[Requirement, ...]],
    label: RootLabel,
    router: SourceRouter,
) -> Resolution:
    """Return the solution of a part with what is common; raises what `solve` raises."""
    roots = {**common, label: request.roots[label]}
    return solve(replace(request, roots=roots), router, budget=OPTIONAL_STEPS)


def each_apart(
    request: SolveRequest,
    base: Resolution,
    common: Mapping[RootLabel, tuple[Requirement, ...]],
    labels: Sequence[RootLabel],
    router: SourceRouter,
) -> tuple[Parts, Mapping[RootLabel, str]]:
    """Return a solution for each part with the pins of `base`, and for the others the reason why there is none."""
    found, missing = {}, {}
    beside = _Beside(request=request, base=base, common=common, router=router)
    for label in labels:
        try:
            found[label] = beside.solved([label], {})
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

    The lowest of these is tried, because an upper limit is why they differ; then what suits the parts that are solved
    together. Where neither does, they stay.
    """
    beside = _Beside(request=request, base=base, common=common, router=router)
    agreed, before = beside.lowered(parts), None
    while agreed is not before:  # the next lock starts from these versions, and must not find more
        before = agreed
        for pair in beside.pairs(parts):
            together = compatible(request.conflicts, [*pair, *parts])
            for labels in ([label for label in parts if label in together], pair):
                if _differing(agreed, [pair]):
                    agreed = beside.better(agreed, beside.joined(labels, agreed))
    return agreed


def pinned(pin: Solved) -> Requirement:
    """Return the requirement of exactly this version."""
    return exactly(pin.name, pin.version)


def exactly(name: NormalizedName, version: Version) -> Requirement:
    """Return the requirement of this version."""
    return parse_requirement(f"{name}=={version}")


class _Beside(Struct, frozen=True, kw_only=True):
    """Solves parts beside a solution of what is common."""

    request: SolveRequest
    base: Resolution
    common: Mapping[RootLabel, tuple[Requirement, ...]]
    router: SourceRouter

    def solved(
        self, labels: Sequence[RootLabel], versions: Versions, limits: Iterable[Requirement] = ()
    ) -> Resolution:
        """Return the solution of these parts together, within `limits`; it prefers `versions` to locked ones."""
        request = self.request
        preferred = dict(request.preferred)
        for label in labels:
            preferred |= request.apart[label]
        wanted = replace(
            request,
            roots={**self.common, **{label: request.roots[label] for label in labels}},
            preferred={**preferred, **versions},
            rest=(*map(pinned, self.base.pins), *limits),
        )
        return solve(wanted, self.router, budget=OPTIONAL_STEPS)

    def pairs(self, labels: Iterable[RootLabel]) -> list[tuple[RootLabel, RootLabel]]:
        """Return the pairs that may go together."""
        return [pair for pair in combinations(labels, 2) if not any(clashes(self.request.conflicts, pair))]

    def better(self, one: Parts, other: Parts) -> Parts:
        """Return those solutions of which fewer versions differ, the first ones where as many do."""
        pairs = self.pairs(one)
        return min(one, other, key=lambda parts: _differing(parts, pairs))

    def joined(self, labels: Sequence[RootLabel], parts: Parts) -> Parts:
        """Return these solutions with those of `labels` solved together; the same if that has no solution."""
        versions = _newest(parts.values()) | _newest(parts[label] for label in labels)
        try:
            together = _versions(self.solved(labels, versions))
            found = {label: self.solved([label], together) for label in labels}
        except NO_SOLUTION:
            return parts
        return self.lowered({**parts, **found})

    def lowered(self, parts: Parts) -> Parts:
        """Return these solutions with the lowest versions of each other, as far as these suit."""
        agreed, best = dict(parts), parts
        for _ in parts:  # a round carries a version one part further
            changed = False
            for label in parts:
                again = self._with_lower(label, agreed)
                if again is not None:
                    agreed[label], changed = again, True
            best = self.better(best, dict(agreed))
            if not changed:
                break
        return best

    def _with_lower(self, label: RootLabel, parts: Parts) -> Resolution | None:
        """Return the solution of a part with lower versions of the others; None if none of these suits."""
        own, lowest = _versions(parts[label]), self._lowest(label, parts)
        lower = {name: version for name, version in lowest.items() if version < own.get(name, version)}
        versions = {**_newest(parts.values()), **own, **lower}
        # A version that is only preferred gives way to a newer version of what comes first, and all may not suit.
        for limits in (lowest, lower, {}) if lower else ():
            try:
                again = self.solved([label], versions, starmap(exactly, limits.items()))
            except NO_SOLUTION:
                continue
            if any(lower.get(pin.name) == pin.version for pin in again.pins):
                return again
        return None

    def _lowest(self, label: RootLabel, parts: Parts) -> dict[NormalizedName, Version]:
        """Return the lowest version of each project that a part has which may go with this one."""
        own = _versions(parts[label])
        found: dict[NormalizedName, Version] = {}
        for other, solved in parts.items():
            if not any(clashes(self.request.conflicts, (label, other))):
                for name, version in _versions(solved).items():
                    found[name] = min(version, found.get(name, own.get(name, version)))
        return found


def _differing(parts: Parts, pairs: Iterable[tuple[RootLabel, RootLabel]]) -> int:
    """Return how many versions differ between the parts of these pairs."""
    return sum(
        _versions(parts[one])[name] != version
        for one, other in pairs
        for name, version in _versions(parts[other]).items()
        if name in _versions(parts[one])
    )


def _newest(solved: Iterable[Resolution]) -> dict[NormalizedName, Version]:
    found: dict[NormalizedName, Version] = {}
    for pin in (pin for each in solved for pin in each.pins):
        found[pin.name] = max(pin.version, found.get(pin.name, pin.version))
    return found


def _versions(resolution: Resolution) -> Versions:
    return {pin.name: pin.version for pin in resolution.pins}
