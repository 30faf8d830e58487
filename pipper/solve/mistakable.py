"""Wheels that a lock cannot give to one of its environments and keep from another.

A lock lists the wheels of a version once, for all environments, and a sync takes the best one by tags and build. A
wheel may be refused for an environment whose tags it fits: by its Requires-Python, or because it is yanked and others
are not.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from pipper.core.ports import Release, WheelKind
from pipper.core.wheel_order import WheelMerit


class Chooser(Protocol):
    """Chooses among the wheels of a release for one environment."""

    def chosen(self, kinds: Sequence[WheelKind], release: Release, without: Collection[int]) -> list[int]:
        """Return the indexes of the wheels to choose from, the best first."""
        ...

    def merit(self, kind: WheelKind, release: Release, place: int) -> WheelMerit | None:
        """Return the merit of a wheel by its name alone; None if its tags do not fit."""
        ...


def may_be_mistaken(kinds: Sequence[WheelKind]) -> bool:
    """Return whether the wheels of a release differ in more than their names, which is rare."""
    first = kinds[0]
    return any(
        kind.yanked != first.yanked
        or (
            kind.requires_python is not first.requires_python
            and kind.requires_python != first.requires_python
        )
        for kind in kinds
    )


def mistakable(kinds: Sequence[WheelKind], release: Release, choosers: Sequence[Chooser]) -> frozenset[int]:
    """Return the indexes of the wheels that must not be in a lock for these environments.

    Without them, each environment that has a wheel to choose gets by tags alone what it would choose.
    """
    gone: set[int] = set()
    while True:
        choices = [(chooser, chooser.chosen(kinds, release, gone)) for chooser in choosers]
        listed = {place for _, own in choices for place in own}
        found = {
            taken
            for chooser, own in choices
            if own and (taken := _by_tags(chooser, kinds, release, listed)) not in own
        }
        if not found:
            return frozenset(gone)
        gone |= found


def _by_tags(chooser: Chooser, kinds: Sequence[WheelKind], release: Release, listed: Collection[int]) -> int:
    merits = {place: chooser.merit(kinds[place], release, place) for place in listed}
    return max((merit, place) for place, merit in merits.items() if merit is not None)[1]
