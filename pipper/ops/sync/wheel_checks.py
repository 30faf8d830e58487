"""Compare the name, version and requirements of a wheel with the lock."""

from collections.abc import Iterable, Mapping, Sequence

from packaging.markers import InvalidMarker
from packaging.requirements import InvalidRequirement, Requirement

from pipper.cache.cache import Cache
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.lock.model import Lock, LockedEnvironment, Pin
from pipper.core.manifest.inputs import INDEX, PATH
from pipper.core.manifest.requirement import name_of
from pipper.core.plan import Wanted
from pipper.core.standards import read_requirement, read_version
from pipper.errors import IntegrityError, PipperError, UsageError
from pipper.solve.markers import Markers
from pipper.solve.overrides import active_overrides
from pipper.wheels.metadata import bounds_fault

_ANY = "*"
"""The version of a member that its build backend computes: it meets every requirement."""


def cached_wheels(wanted: Iterable[Wanted], cache: Cache) -> Mapping[str, UnpackedWheel]:
    """Return, by sha256, the wanted wheels that the cache has unpacked; raise what `require_same_version` raises."""
    found = {}
    for want in wanted:
        wheel = cache.unpacked(want.file.sha256)
        if wheel is not None:
            require_same_version(want, wheel)
            found[want.file.sha256] = wheel
    return found


def wheels_at_hand(wanted: Sequence[Wanted], cache: Cache) -> Mapping[str, UnpackedWheel]:
    """Return what `cached_wheels` does, and the wheels that the cache has as files; raise what `unpack` raises."""
    found = dict(cached_wheels(wanted, cache))
    for want in wanted:
        sha256 = want.file.sha256
        if sha256 not in found and cache.file(sha256):
            found[sha256] = cache.unpack(sha256, want.filename)
            require_same_version(want, found[sha256])
    return found


def require_same_version(want: Wanted, wheel: UnpackedWheel) -> None:
    """Raise IntegrityError if a wheel with the locked bytes is not of the locked project and version."""
    if wheel.name != want.name or read_version(str(wheel.version)) != read_version(want.version):
        raise IntegrityError(
            f"{want.filename} is {wheel.name} {wheel.version}, not {want.name} {want.version} as in the lock",
            hint="restore the lock from version control, or remove it and run `pipper lock`",
        )


def require_locked_needs(
    lock: Lock, part: LockedEnvironment, wanted: Iterable[Wanted], wheels: Mapping[str, UnpackedWheel]
) -> None:
    """Compare METADATA of each wheel of the index or of a repository with the lock's environment.

    Each requirement that applies there must be locked in a version that it allows. A wheel of the index must
    name each dependency in the lock; one of a repository need not, since the `package.meta` of a bundle may add
    some. Raises IntegrityError if the lock was made from other metadata than the wheel's.
    """
    here = {pin.name: pin.version or lock.by_pin[pin].version or _ANY for pin in part.pins}
    markers = Markers(part.target)
    overridden = active_overrides(map(read_requirement, lock.inputs.overrides), markers)
    missing = {lock.inputs.name, *lock.inputs.exclude}
    for want in wanted:
        known = (*lock.repositories, PATH)
        if not (lock.inputs.has_index(want.source) or want.source in known):
            continue
        path = lock.inputs.members[want.name].path if want.source == PATH else ""
        package = lock.by_pin[Pin(name=want.name, version="" if path else want.version, path=path)]
        locked = {dependency.name for dependency in package.dependencies} | {want.name}
        # The project itself meets a requirement on its own name, and nothing has to meet one that is excluded.
        needed = [each for each in _needed(want, wheels[want.file.sha256]) if name_of(each) not in missing]
        for requirement in needed:
            name = name_of(requirement)
            version = here.get(name) if name in locked else None
            is_met = version and (
                version == _ANY
                or name in overridden
                or requirement.specifier.contains(version, prereleases=True)
            )
            if _active(markers, requirement, want) and not is_met:
                raise _differs(want, f"the wheel requires {requirement}, the lock has {version or 'nothing'}")
        strange = sorted((locked & here.keys()) - {want.name, *map(name_of, needed)})
        if strange and want.source == INDEX:
            raise _differs(want, f"the lock has the dependency `{strange[0]}`, which the wheel does not name")


def require_allowed_versions(
    lock: Lock, part: LockedEnvironment, wanted: Iterable[Wanted], wheels: Mapping[str, UnpackedWheel]
) -> None:
    """Compare the version that the backend of a member computed with what the project and its members require.

    A solve does not know it. Raises UsageError if one of them does not allow it.
    """
    markers = Markers(part.target)
    overridden = active_overrides(map(read_requirement, lock.inputs.overrides), markers)
    asked = [("the project", each) for each in lock.inputs.requirements]
    for name, member in lock.inputs.members.items():
        asked += [(f"the member `{name}`", each) for each in member.requirements]
    requirements = [(who, read_requirement(text)) for who, text in asked]
    for want in wanted:
        if want.source != PATH or want.version or want.name in overridden:
            continue
        version = wheels[want.file.sha256].version
        for who, requirement in requirements:
            is_asked = name_of(requirement) == want.name and _active(markers, requirement, want)
            if is_asked and not requirement.specifier.contains(version, prereleases=True):
                raise UsageError(
                    f"the build of {want.filename} gave version {version}, which the project does not allow",
                    cause=f"{who} requires {requirement}",
                    hint="correct the version of that member, or the requirement on it",
                )


def _needed(want: Wanted, wheel: UnpackedWheel) -> list[Requirement]:
    fault = bounds_fault(wheel.requires_dist)
    if fault:
        raise _differs(want, fault)
    try:
        return [read_requirement(text) for text in wheel.requires_dist]
    except InvalidRequirement as error:
        raise _differs(want, "the wheel has a malformed requirement") from error


def _active(markers: Markers, requirement: Requirement, want: Wanted) -> bool:
    try:
        return markers.holds(requirement.marker)
    except InvalidMarker as error:
        raise _differs(want, "the wheel has a marker that cannot be evaluated") from error


def _differs(want: Wanted, why: str) -> PipperError:
    if want.source == PATH:
        return UsageError(
            f"the lock does not have what the member {want.filename} requires",
            cause=why,
            hint=f"run `pipper lock -P {want.name}`",
        )
    place = "in the index" if want.source == INDEX else f"on its page in `{want.source}`"
    return IntegrityError(
        f"metadata for {want.name} {want.version} {place} is not that of the wheel",
        cause=f"{want.filename}: {why}",
        hint=f"run `pipper lock -P {want.name}` to choose again, and report this to the publisher",
    )
