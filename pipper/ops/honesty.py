"""Whether a wheel of the index needs what the index said it needs, when the lock was made."""

from collections.abc import Iterable, Mapping

from packaging.requirements import InvalidRequirement, Requirement

from pipper.core.lockfile import Lock, LockedEnvironment, Pin
from pipper.core.manifest import INDEX
from pipper.core.plan import Wanted
from pipper.core.requirement import name_of
from pipper.errors import IntegrityError
from pipper.solve.markers import MarkerError, Markers
from pipper.unpacked import UnpackedWheel


def require_honest(
    lock: Lock, part: LockedEnvironment, wanted: Iterable[Wanted], wheels: Mapping[str, UnpackedWheel]
) -> None:
    """Hold METADATA of each wheel of the index against the lock's environment.

    Whatever it needs there is locked in a version it admits, and nothing is locked for it that it does not
    name. Raises IntegrityError: a lock made from metadata that was not the wheel's proves nothing.
    """
    overridden = {name_of(Requirement(text)) for text in lock.inputs.overrides}
    here = {pin.name: pin.version for pin in part.pins}
    markers = Markers(part.target)
    for want in wanted:
        if want.source == INDEX:
            package = lock.by_pin[Pin(name=want.name, version=want.version)]
            locked = {text.partition("==")[0] for text in package.dependencies} | {want.name}
            needed = [_read(want, text) for text in wheels[want.file.sha256].requires_dist]
            for requirement in needed:
                name = name_of(requirement)
                version = here.get(name) if name in locked else None
                if _active(markers, requirement, want) and not (
                    version
                    and (name in overridden or requirement.specifier.contains(version, prereleases=True))
                ):
                    raise _differs(
                        want, f"the wheel needs {requirement}, the lock has {version or 'nothing'}"
                    )
            if strange := sorted((locked & here.keys()) - {want.name, *map(name_of, needed)}):
                raise _differs(want, f"the lock has `{strange[0]}` for it, which the wheel does not name")


def _read(want: Wanted, text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise _differs(want, "the wheel has a malformed requirement") from error


def _active(markers: Markers, requirement: Requirement, want: Wanted) -> bool:
    try:
        return markers.holds(requirement.marker)
    except MarkerError as error:
        raise _differs(want, "the wheel has a marker without an answer") from error


def _differs(want: Wanted, why: str) -> IntegrityError:
    return IntegrityError(
        f"metadata for {want.name} {want.version} in the index is not that of the wheel",
        cause=f"{want.filename}: {why}",
        hint="`pipper lock -P` with this name chooses anew; tell whoever runs the index",
    )
