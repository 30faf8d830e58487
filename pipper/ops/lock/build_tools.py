"""Add to a lock what its builds require: exact versions with hashes, for each environment that builds something."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.core.lock.graph import graph_of
from pipper.core.lock.model import (
    Dependency,
    Lock,
    LockedEnvironment,
    LockedFile,
    LockedPackage,
    Pin,
    sort_key,
)
from pipper.core.ports import BuildEnvironments
from pipper.core.target import Target
from pipper.errors import NoSolutionError
from pipper.ops.lock.sdists import Sdists
from pipper.ops.lock.targets import Goal


class _Build(Struct, frozen=True, kw_only=True):
    """The packages of one build for one environment."""

    pin: Pin
    """What is built."""
    tools: Lock
    part: LockedEnvironment


def with_build_tools(
    lock: Lock,
    goals: Sequence[Goal],
    sdists: Sdists,
    environments: BuildEnvironments,
    beside: Sequence[Target],
) -> Lock:
    """Return the lock with the packages of each build that `environments` of it list, without versions so far.

    `beside` are the targets of all environments that share the wheels of the lock, also those that build nothing.
    An environment that need not have a solution, and where a build has none, gets the reason instead of packages.
    Raises NoSolutionError for another one, and what `Sdists.requires` and `BuildEnvironments.lock` raise.
    """
    if not any(environment.builds for environment in lock.environments):
        return lock
    builds: dict[str, dict[Pin, _Build]] = {each.target.name: {} for each in lock.environments}
    failures: dict[str, str] = {}
    for package in lock.packages:
        building = _building(lock, goals, package)
        if not building or package.sdist is None:
            continue
        requires = sdists.requires(f"{package.name} {package.version}", package.sdist)
        for build in _builds(package, requires, building, environments, failures, beside):
            builds[build.part.target.name][build.pin] = build
    _require(goals, failures)
    targets = {goal.target.name: goal for goal in goals}
    built = [
        _environment(each, targets[each.target.name], builds[each.target.name], failures)
        for each in lock.environments
    ]
    every = [build.tools for found in builds.values() for build in found.values()]
    return _merged(replace(lock, environments=tuple(built)), every, builds)


def _builds(
    package: LockedPackage,
    requires: Sequence[str],
    building: list[Goal],
    environments: BuildEnvironments,
    failures: dict[str, str],
    beside: Sequence[Target],
) -> Iterator[_Build]:
    """Yield the build of a package for each of these environments; add those without a solution to `failures`."""
    subject = f"{package.name} {package.version}"
    while building:
        try:
            tools = environments.lock(
                requires, [goal.target for goal in building], subject=subject, beside=beside
            )
        except NoSolutionError as error:
            if building[0].required:
                raise
            failures[building.pop(0).target.name] = f"{error.message}\n{error.cause}".strip()
            continue
        for part in tools.environments:
            if part.failure:
                failures[part.target.name] = f"no environment for the build of {subject}: {part.failure}"
            else:
                yield _Build(pin=package.pin, tools=tools, part=part)
        return


def _building(lock: Lock, goals: Sequence[Goal], package: LockedPackage) -> list[Goal]:
    """Return the environments that build a package, those that must have a solution first."""
    names = {
        each.target.name
        for each in lock.environments
        if package.pin in each.pins and each.build_of(package.pin) is not None
    }
    return sorted((goal for goal in goals if goal.target.name in names), key=lambda goal: not goal.required)


def _require(goals: Iterable[Goal], failures: Mapping[str, str]) -> None:
    for goal in goals:
        if goal.required and goal.target.name in failures:
            message, _, cause = failures[goal.target.name].partition("\n")
            raise NoSolutionError(
                f"{goal.target.name}: {message}",
                cause=cause,
                hint="publish wheels of what the build requires, or require another version",
            )


def _environment(
    environment: LockedEnvironment, goal: Goal, builds: Mapping[Pin, _Build], failures: Mapping[str, str]
) -> LockedEnvironment:
    if environment.failure or not environment.builds:
        return environment
    if environment.target.name in failures:
        return LockedEnvironment(
            target=goal.target.reduced_to(()), packages=(), failure=failures[environment.target.name]
        )
    conditions = {
        *environment.conditions,
        *(text for each in builds.values() for text in each.part.conditions),
    }
    keys = environment.build_keys
    closures: dict[str, tuple[Pin, ...]] = {}
    for build in builds.values():
        closures |= _nested(build.part)
    closures |= {keys[pin]: build.part.packages for pin, build in builds.items()}
    return replace(
        environment,
        target=goal.target.reduced_to(conditions),
        builds={name: closures[name] for name in sorted(closures)},
        conditions=tuple(sorted(conditions)),
    )


def _nested(part: LockedEnvironment) -> Mapping[str, tuple[Pin, ...]]:
    """Return the builds for a build environment by `NAME==VERSION`."""
    pins = {key: str(pin) for pin, key in part.build_keys.items()}
    return {pins.get(key, key): closure for key, closure in part.builds.items()}


def _merged(lock: Lock, tools: Iterable[Lock], builds: Mapping[str, Mapping[Pin, _Build]]) -> Lock:
    """Return the lock with the packages of other locks, and without those that no environment lists any more."""
    listed = {pin for each in lock.environments for pin in each.pins | each.build_pins}
    packages: dict[Pin, LockedPackage] = {}
    needs: dict[Pin, set[Pin]] = {}
    repositories = dict(lock.repositories)
    for each in (lock, *tools):
        repositories.update(each.repositories)
        for package in each.packages:
            if package.pin in listed:
                known = packages.get(package.pin)
                packages[package.pin] = _joined(known, package) if known else package
                needs.setdefault(package.pin, set()).update(_needed(each, package) & listed)
    versions: dict[NormalizedName, int] = {}
    for pin in packages:
        versions[pin.name] = versions.get(pin.name, 0) + 1
    requires = _direct(builds)
    whole = [
        replace(
            package,
            dependencies=tuple(
                sorted(
                    {
                        Dependency(name=need.name, version=need.version if versions[need.name] > 1 else "")
                        for need in needs[pin]
                    },
                    key=str,
                )
            ),
            # A build that others took the place of may have required versions that nothing lists.
            build_requires=tuple(sorted({*package.build_requires, *requires.get(pin, ())} & listed)),
        )
        for pin, package in packages.items()
    ]
    used = {package.source for package in whole}
    return replace(
        lock,
        repositories={alias: url for alias, url in repositories.items() if alias in used},
        packages=tuple(sorted(whole, key=sort_key)),
    )


def _needed(lock: Lock, package: LockedPackage) -> set[Pin]:
    """Return what a package depends on, in all versions that its lock means."""
    return {
        other.pin
        for dependency in package.dependencies
        for other in lock.packages
        if other.name == dependency.name and dependency.version in ("", other.version)
    }


def _joined(one: LockedPackage, other: LockedPackage) -> LockedPackage:
    wheels: dict[str, LockedFile] = {file.filename: file for file in (*other.wheels, *one.wheels)}
    return replace(
        one,
        wheels=tuple(wheels[name] for name in sorted(wheels)),
        sdist=one.sdist or other.sdist,
        build_requires=tuple(sorted({*one.build_requires, *other.build_requires})),
    )


def _direct(builds: Mapping[str, Mapping[Pin, _Build]]) -> dict[Pin, set[Pin]]:
    """Return what each build itself requires, in the versions of all environments."""
    found: dict[Pin, set[Pin]] = {}
    for of_environment in builds.values():
        for build in of_environment.values():
            roots = graph_of(build.tools, build.part).roots
            found.setdefault(build.pin, set()).update(root.pin for root in roots)
    return found
