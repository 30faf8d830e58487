"""Turn solutions into a lock: an entry for each version, an exact list of pins for each environment."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.lock.model import (
    Dependency,
    Lock,
    LockedEnvironment,
    LockedFile,
    LockedPackage,
    Pin,
    sort_key,
)
from pipper.core.manifest.inputs import PATH, Inputs, MemberInputs
from pipper.core.manifest.root_label import PROJECT, RootKind, RootLabel
from pipper.core.target import Target
from pipper.ops.lock.resolve import Solutions
from pipper.solve.request import Resolution, Solved


def assemble(inputs: Inputs, repositories: Mapping[str, str], solutions: Solutions) -> Lock:
    """Return the lock with these solutions, sorted."""
    resolutions = solutions.resolutions
    failed = solutions.failed_parts
    environments = [
        _environment(inputs, target, resolutions[target], failed.get(target, {})) for target in resolutions
    ]
    environments += [
        LockedEnvironment(target=target.reduced_to(()), packages=(), failure=reason)
        for target, reason in solutions.failures.items()
    ]
    packages = _packages(inputs, resolutions.values())
    used = {package.source for package in packages}
    return Lock(
        inputs=inputs,
        repositories={alias: url for alias, url in repositories.items() if alias in used},
        environments=tuple(sorted(environments, key=lambda each: each.target.name)),
        packages=tuple(sorted(packages, key=sort_key)),
    )


def _environment(
    inputs: Inputs, target: Target, resolution: Resolution, failed: Mapping[RootLabel, str]
) -> LockedEnvironment:
    project = resolution.closures[PROJECT]

    def pins(names: Iterable[NormalizedName], solved: Resolution) -> tuple[Pin, ...]:
        chosen = {pin.name: _pin(pin, inputs) for pin in solved.pins}
        return tuple(chosen[name] for name in sorted(names))

    def closures(kind: RootKind) -> dict[str, tuple[Pin, ...]]:
        found = dict.fromkeys(resolution.closures, resolution) | dict(resolution.apart)
        return {
            label.name: pins(found[label].closures[label] - project, found[label])
            for label in sorted(found, key=str)
            if label.kind == kind
        }

    conditions = frozenset().union(*(each.conditions for each in resolution.parts))
    environment = LockedEnvironment(
        target=target.reduced_to(conditions),
        packages=pins(project, resolution),
        groups=closures("group"),
        extras=closures("extra"),
        failed_groups={label.name: why for label, why in failed.items() if label.kind == "group"},
        failed_extras={label.name: why for label, why in failed.items() if label.kind == "extra"},
        conditions=tuple(sorted(conditions)),
    )
    built = [pin for each in resolution.parts for pin in each.pins if pin.files[0].is_sdist]
    keys = environment.build_keys if built else {}
    return replace(environment, builds={keys[_pin(pin, inputs)]: () for pin in built})


def _pin(solved: Solved, inputs: Inputs) -> Pin:
    if solved.source == PATH:
        return Pin(name=solved.name, path=inputs.members[solved.name].path)
    return Pin(name=solved.name, version=str(solved.version))


def _member(package: LockedPackage, member: MemberInputs) -> LockedPackage:
    """Return the entry of a member, without what only its backend knows."""
    return replace(package, version=member.version, wheels=(), path=member.path, editable=member.editable)


def _packages(inputs: Inputs, solved: Iterable[Resolution]) -> list[LockedPackage]:
    resolutions = [part for each in solved for part in each.parts]
    versions: dict[NormalizedName, set[Version]] = {}
    for resolution in resolutions:
        for pin in resolution.pins:
            versions.setdefault(pin.name, set()).add(pin.version)
    sources: dict[tuple[NormalizedName, Version], str] = {}
    files: dict[tuple[NormalizedName, Version], set[LockedFile]] = {}
    sdists: dict[tuple[NormalizedName, Version], LockedFile] = {}
    dependencies: dict[tuple[NormalizedName, Version], set[Dependency]] = {}
    for resolution in resolutions:
        here = {pin.name: pin.version for pin in resolution.pins}
        for pin in resolution.pins:
            key = (pin.name, pin.version)
            sources[key] = pin.source
            files.setdefault(key, set()).update(file.locked for file in pin.files if not file.is_sdist)
            sdists.update((key, file.locked) for file in pin.files if file.is_sdist)
            dependencies.setdefault(key, set()).update(
                Dependency(name=each, version=str(here[each]) if len(versions[each]) > 1 else "")
                for each in pin.dependencies
            )
    found = [
        LockedPackage(
            name=name,
            version=str(version),
            source=sources[name, version],
            dependencies=tuple(sorted(dependencies[name, version], key=str)),
            wheels=tuple(sorted(files[name, version], key=lambda file: file.filename)),
            sdist=sdists.get((name, version)),
        )
        for name, version in sources
    ]
    return [
        _member(package, inputs.members[package.name]) if package.source == PATH else package
        for package in found
    ]
