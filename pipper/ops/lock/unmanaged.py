"""Requirements of unmanaged distributions: they limit the solve for an environment that is its own project."""

from collections.abc import Iterable

from packaging.requirements import Requirement

from pipper.core.lock.model import Pin
from pipper.core.plan import Installed
from pipper.core.standards import read_requirement
from pipper.errors import IntegrityError
from pipper.system.files import read_bytes
from pipper.wheels.metadata import parse_metadata, requirement_fault


def unmanaged_requirements(distributions: Iterable[Installed]) -> dict[Pin, tuple[Requirement, ...]]:
    """Return the requirements of installed distributions that pipper does not manage.

    Requirements of extras and unreadable or malformed ones are ignored, since pipper did not install them.
    """
    found: dict[Pin, tuple[Requirement, ...]] = {}
    for distribution in distributions:
        if distribution.ours:
            continue
        requirements = [
            read_requirement(text) for text in _requires(distribution) if not requirement_fault(text)
        ]
        counting = tuple(
            each for each in requirements if each.marker is None or "extra" not in str(each.marker)
        )
        if counting:
            found[Pin(name=distribution.name, version=distribution.version)] = counting
    return found


def _requires(distribution: Installed) -> tuple[str, ...]:
    for name in ("METADATA", "PKG-INFO"):
        data = read_bytes(distribution.dist_info / name) if distribution.dist_info.is_dir() else None
        if data is not None:
            try:
                return parse_metadata(data, subject=str(distribution.dist_info)).requires_dist
            except IntegrityError:
                return ()
    return ()
