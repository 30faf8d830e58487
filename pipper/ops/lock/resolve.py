"""One solve for every environment of a lock; versions agree wherever they can."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.lock.model import Lock
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requirement import name_of
from pipper.core.ports import Reporter
from pipper.core.target import Target
from pipper.errors import NoSolutionError
from pipper.ops.lock.targets import Goal
from pipper.solve.agreement import holding, read_ahead
from pipper.solve.request import Resolution, SolveRequest
from pipper.solve.router import SourceRouter
from pipper.solve.solver import solve

Versions = Mapping[NormalizedName, Version]

_STEPS_ELSEWHERE = 1_000_000
"""Of the search for an environment that may as well have no solution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What all environments of a lock are solved with."""

    manifest: Manifest
    old: Lock | None = None
    upgrade: bool = False
    """Prefer nothing that is locked or installed."""
    upgrade_packages: frozenset[NormalizedName] = frozenset()
    installed: Versions = field(default_factory=dict)
    """Preferred after what is locked."""
    foreign: Mapping[str, tuple[Requirement, ...]] = field(default_factory=dict)
    """What stands in the environment, is not ours and limits the solve: what it requires, by `NAME VERSION`."""
    as_of: datetime | None = None
    """Aware."""
    lowest_direct: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Solutions:
    """What came of it: each environment has a solution or a reason why it has none."""

    resolutions: Mapping[Target, Resolution]
    failures: Mapping[Target, str]


def resolve(wishes: Wishes, goals: Sequence[Goal], router: SourceRouter, reporter: Reporter) -> Solutions:
    """Solve for each environment in turn; the first one's versions are preferred in the others.

    Raises NoSolutionError where one that must have a solution has none, and what sources raise.
    """
    telling = _Once(reporter)
    first = goals[0].target
    own = _locked(wishes, first) or _any_locked(wishes)
    base = solve(_request(wishes, first, {**_installed(wishes), **own}), router, telling)
    resolutions, failures = {first: base}, {}
    versions = {pin.name: pin.version for pin in base.pins}
    requests = {goal.target: _following(wishes, goal.target, versions, own) for goal in goals[1:]}
    read_ahead((request for request, _ in requests.values()), router, base)
    for goal in goals[1:]:
        request, diverges = requests[goal.target]
        try:
            agreed = None if diverges else holding(request, router, base, telling)
            resolutions[goal.target] = agreed or _solved(goal, request, router, telling)
        except NoSolutionError as error:
            if goal.must:
                raise NoSolutionError(
                    f"{goal.target.name}: {error.message}", cause=error.cause, hint=error.hint
                ) from error
            failures[goal.target] = f"{error.message}\n{error.cause}".strip()
    return Solutions(resolutions=resolutions, failures=failures)


def _solved(goal: Goal, request: SolveRequest, router: SourceRouter, reporter: Reporter) -> Resolution:
    if goal.must:
        return solve(request, router, reporter)
    return solve(request, router, reporter, budget=_STEPS_ELSEWHERE)


def _following(
    wishes: Wishes, target: Target, agreed: Versions, before: Versions
) -> tuple[SolveRequest, bool]:
    """The request of another environment, and whether it goes ways of its own.

    It does where its locked version was another one than the first environment's (`before`, or that of now
    where it is new): what is locked stays, as everywhere.
    """
    own = _locked(wishes, target)
    apart = {
        name: version
        for name, version in own.items()
        if version != before.get(name, agreed.get(name, version))
    }
    diverges = any(name in agreed and agreed[name] != version for name, version in apart.items())
    return _request(wishes, target, {**own, **agreed, **apart}), diverges


def _installed(wishes: Wishes) -> Versions:
    if wishes.upgrade:
        return {}
    free = _free(wishes)
    return {name: each for name, each in wishes.installed.items() if name not in free}


def _locked(wishes: Wishes, target: Target) -> Versions:
    """What an environment has locked and is to keep."""
    if wishes.old is None or wishes.upgrade:
        return {}
    same = (each.pins for each in wishes.old.environments if each.target.completed(target) == target)
    pins = next(same, frozenset())
    free = _free(wishes)
    return {pin.name: Version(pin.version) for pin in pins if pin.name not in free}


def _any_locked(wishes: Wishes) -> Versions:
    """What is locked for whichever environment: the newest, where there are several."""
    if wishes.old is None or wishes.upgrade:
        return {}
    free = _free(wishes)
    found: dict[NormalizedName, Version] = {}
    for package in wishes.old.packages:  # in the order of versions
        if package.name not in free:
            found[package.name] = Version(package.version)
    return found


def _free(wishes: Wishes) -> frozenset[NormalizedName]:
    """What keeps no version: what is to be upgraded, and what is to have its oldest one."""
    if not wishes.lowest_direct:
        return wishes.upgrade_packages
    manifest = wishes.manifest
    roots = (manifest.dependencies, *manifest.groups.values(), *manifest.extras.values())
    return wishes.upgrade_packages.union(name_of(each) for requirements in roots for each in requirements)


def _request(wishes: Wishes, target: Target, preferred: Versions) -> SolveRequest:
    manifest = wishes.manifest
    roots = {"": manifest.dependencies}
    roots |= {f"group:{name}": requirements for name, requirements in manifest.groups.items()}
    roots |= {f"extra:{name}": requirements for name, requirements in manifest.extras.items()}
    admitted = manifest.prereleases
    return SolveRequest(
        target=target,
        roots=roots,
        requires_python=manifest.requires_python,
        prereleases=frozenset(admitted) if isinstance(admitted, tuple) else admitted,
        preferred=preferred,
        likely=frozenset(package.name for package in wishes.old.packages) if wishes.old else frozenset(),
        constraints=manifest.constraints,
        foreign=wishes.foreign,
        overrides=manifest.overrides,
        as_of=wishes.as_of,
        lowest_direct=wishes.lowest_direct,
    )


class _Once(Reporter):
    """Tells each warning once, however many environments it comes up in."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._told: set[str] = set()

    def warning(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._reporter.warning(text)
