"""What the solver does with requirements: nothing of it may fail once they were read."""

from contextlib import suppress

from packaging.markers import InvalidMarker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from pipper.core.standards import read_requirement
from pipper.solve.markers import Markers
from tests.fake_source import LINUX

_VERSIONS = ("1.0", "2.0rc1", "1!0", "3.11.4")


def use_specifiers(specifiers: SpecifierSet | None) -> None:
    """Compare with some versions."""
    for version in _VERSIONS if specifiers is not None else ():
        assert version in specifiers or version not in specifiers
    hash(specifiers)
    str(specifiers)


def use_requirement(requirement: Requirement) -> None:
    """Compare its versions, evaluate its marker, and write it."""
    use_specifiers(requirement.specifier)
    markers = Markers(LINUX)
    for extra in ("", "x"):
        with suppress(InvalidMarker):  # an undefined comparison: the solver says so
            markers.holds(requirement.marker, extra)
            markers.condition(requirement.marker, extra)
    assert read_requirement(str(requirement)) == requirement
