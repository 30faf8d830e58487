"""Whether the parts of a lock belong together: every pin has its package, every package a use, every build an end."""

from collections.abc import Iterator, Mapping

from packaging.utils import NormalizedName

from pipper.core.lock.model import (
    Dependency,
    Lock,
    LockedEnvironment,
    LockedPackage,
    Pin,
    inconsistent,
)
from pipper.core.manifest.conflicts import labels_in
from pipper.core.manifest.inputs import INDEX, PATH

MOST_NESTED = 8
"""Builds within builds: a package that is built, what builds it and is built itself, and so on."""


def check_consistency(lock: Lock) -> None:
    """Raise IntegrityError if the parts of a lock are inconsistent; a cycle of packages is allowed."""
    if len(lock.by_pin) != len(lock.packages):
        pins = [package.pin for package in lock.packages]
        twice = next(pin for pin in pins if pins.count(pin) > 1)
        raise inconsistent(f"{twice} has two [[packages]] entries")
    for environment in lock.environments:
        views = (each.pins for each in _views(lock, environment))
        for listing in (*views, *environment.builds.values()):
            names = [pin.name for pin in sorted(listing)]
            if len(set(names)) != len(names):
                doubled = next(name for name in names if names.count(name) > 1)
                raise inconsistent(f"{environment.target.name} lists two versions of {doubled}")
    if not lock.inputs.index and (taken := [each for each in lock.packages if each.source == INDEX]):
        raise inconsistent(f"{taken[0].pin} is from the index, which the manifest excludes")
    _check_members(lock)
    listed = {pin for each in lock.environments for pin in each.pins | each.build_pins}
    if missing := sorted(listed - set(lock.by_pin)):
        raise inconsistent(f"an environment lists {missing[0]}, which has no [[packages]] entry")
    if orphans := sorted(set(lock.by_pin) - listed):
        raise inconsistent(f"no environment lists {orphans[0]}")
    _check_builds(lock)
    _check_graph(lock)


def _check_members(lock: Lock) -> None:
    for package in lock.packages:
        known = lock.inputs.members.get(package.name)
        if package.path != (known.path if known else ""):
            where = f"is from `{package.path}`" if package.path else f"is from `{package.source}`"
            raise inconsistent(
                f"{package.name} {where}, and [inputs] have it from `{known.path}`"
                if known
                else f"{package.name} {where}, and [inputs] do not have that member"
            )
        if bool(package.path) != (package.source == PATH):
            raise inconsistent(f"{package.name} must have both a `path` and the source `{PATH}`, or neither")


def _views(lock: Lock, environment: LockedEnvironment) -> Iterator[LockedEnvironment]:
    """Yield an environment with all that goes together: once, or once for each part that conflicts."""
    apart = labels_in(lock.inputs.conflicts)
    yield environment.without(apart)
    for label in apart:
        yield environment.without(apart - {label})


def _check_builds(lock: Lock) -> None:
    for environment in lock.environments:
        here = {key: lock.by_pin[pin] for pin, key in environment.build_keys.items()}
        tools = {str(pin): lock.by_pin[pin] for pin in environment.build_pins}
        for name in environment.builds:
            package = here.get(name) or tools.get(name)
            if package is None or package.sdist is None:
                raise inconsistent(f"{environment.target.name} builds {name}, which has no `sdist` there")
        for name, tool in tools.items():
            if not tool.wheels and name not in environment.builds:
                raise inconsistent(f"{name} takes part in a build, and has no wheel")
        _refuse_endless(environment.builds)
        for key, package in here.items():
            for pin in package.build_requires:
                if pin not in lock.by_pin:
                    raise inconsistent(
                        f"the build of {package.pin} requires {pin}, which has no [[packages]] entry"
                    )
            is_built = package.path or key in environment.builds
            if not package.wheels and not is_built:
                raise inconsistent(f"{package.pin} has no wheel, and no build in {environment.target.name}")


def _check_graph(lock: Lock) -> None:
    held: dict[Dependency, list[LockedPackage]] = {}
    for package in lock.packages:
        held.setdefault(Dependency(name=package.name), []).append(package)
        held[Dependency(name=package.name, version=package.version)] = [package]
    pending = [Dependency(name=_leading_name(text)) for texts in lock.inputs.roots.values() for text in texts]
    reached: set[Dependency] = set()
    required: set[Pin] = set()
    while pending:
        next_one = pending.pop()
        if next_one in reached:
            continue
        reached.add(next_one)
        for package in held.get(next_one, ()):
            required.add(package.pin)
            pending += [Dependency(name=pin.name, version=pin.version) for pin in package.build_requires]
            for dependency in package.dependencies:
                if dependency not in held:
                    raise inconsistent(
                        f"{package.pin} depends on `{dependency}`, which has no [[packages]] entry"
                    )
                pending.append(dependency)
    for package in lock.packages:
        if package.pin not in required:
            raise inconsistent(f"nothing requires {package.pin}")


def _refuse_endless(builds: Mapping[str, tuple[Pin, ...]]) -> None:
    """Raise IntegrityError if builds need each other in a circle, or are nested deeper than `MOST_NESTED`."""
    level = set(builds)
    for _ in range(MOST_NESTED):
        level = {str(pin) for name in level for pin in builds[name] if str(pin) in builds}
    if level:
        raise inconsistent(f"the builds of {', '.join(sorted(level)[:3])} require each other without end")


def _leading_name(requirement: str) -> NormalizedName:
    end = next((at for at, char in enumerate(requirement) if not (char.isalnum() or char in "-_.")), None)
    return NormalizedName(requirement[:end])
