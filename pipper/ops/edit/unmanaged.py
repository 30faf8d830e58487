"""What distributions that are not ours require: in an environment that is its own project, limits of the solve."""

from collections.abc import Iterable

from packaging.requirements import Requirement

from pipper.core.plan import Installed
from pipper.errors import IntegrityError
from pipper.system.files import read_bytes
from pipper.wheels.metadata import parse_metadata, requirement_fault


def foreign_requirements(distributions: Iterable[Installed]) -> dict[str, tuple[Requirement, ...]]:
    """Return what installed distributions require, by `NAME VERSION`; what only extras require does not count.

    What cannot be read or is malformed says nothing: it was not pipper that let it in.
    """
    found: dict[str, tuple[Requirement, ...]] = {}
    for distribution in distributions:
        requirements = [Requirement(text) for text in _requires(distribution) if not requirement_fault(text)]
        counting = tuple(
            each for each in requirements if each.marker is None or "extra" not in str(each.marker)
        )
        if counting:
            found[f"{distribution.name} {distribution.version}"] = counting
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
