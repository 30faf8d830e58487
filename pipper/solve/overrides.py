"""The overrides of a manifest that count on one target; a sync needs them, and nothing else of a solve."""

from collections.abc import Iterable

from packaging.markers import InvalidMarker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from pipper.errors import UsageError
from pipper.solve.markers import MARKER_HINT, Markers


def active_overrides(
    overrides: Iterable[Requirement], markers: Markers
) -> dict[NormalizedName, SpecifierSet]:
    """Return the specifiers by name of the overrides whose markers hold; of several for a name, all together.

    Raises UsageError for a marker that cannot be evaluated.
    """
    found: dict[NormalizedName, SpecifierSet] = {}
    for one in overrides:
        name = canonicalize_name(one.name)
        try:
            if markers.holds(one.marker):
                found[name] = found.get(name, SpecifierSet()) & one.specifier
        except InvalidMarker as error:
            raise UsageError(
                f"the override `{one}` cannot be used", cause=str(error), hint=MARKER_HINT
            ) from error
    return found
