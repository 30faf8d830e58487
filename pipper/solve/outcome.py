"""From chosen candidates to a resolution: pins, closures and the markers that they depend on."""

from collections.abc import Iterable, Mapping

from packaging.utils import NormalizedName

from pipper.core.target import parse_name
from pipper.solve.catalogue import Catalogue, Need, Unusable
from pipper.solve.patch_levels import patch_conditions
from pipper.solve.reasons import Asked
from pipper.solve.request import Resolution, Solved, SolveRequest

Node = tuple[NormalizedName, NormalizedName | None]
"""A project (None), or one of its extras."""


class Outcome:
    """The chosen candidates that the roots reach."""

    def __init__(
        self, catalogue: Catalogue, chosen: Mapping[NormalizedName, int], asked: Iterable[Asked]
    ) -> None:
        self._catalogue = catalogue
        self._chosen = chosen
        self._asked = list(asked)
        self.extras: dict[NormalizedName, set[NormalizedName]] = {}
        """The extras in use, by project. Has an entry for every project that the roots reach."""
        for name, extra in self._reach(one.need for one in self._asked):
            extras = self.extras.setdefault(name, set())
            if extra is not None:
                extras.add(extra)

    def needs_on(self, name: NormalizedName) -> list[Need]:
        """Return every requirement on a project, except its own."""
        everything = [one.need for one in self._asked]
        for requirer, extras in self.extras.items():
            for extra in (None, *extras) if requirer != name else ():
                everything += self._needs((requirer, extra))
        return [need for need in everything if need.name == name]

    def resolution(self, request: SolveRequest) -> Resolution:
        """Return the pins, the closures and the conditions."""
        closures = {
            label: frozenset(
                name for name, _ in self._reach(one.need for one in self._asked if one.label == label)
            )
            for label in request.roots
        }
        conditions: set[str] = set()
        for requirements in (*request.roots.values(), request.constraints, request.overrides):
            found = (self._catalogue.markers.condition(one.marker) for one in requirements)
            conditions.update(condition for condition in found if condition is not None)
        for name, extras in self.extras.items():
            candidate = self._catalogue.shelf(name).at(self._chosen[name])
            conditions |= self._catalogue.conditions(candidate, extras)
        conditions |= patch_conditions((request.requires_python,), parse_name(request.target.name).python)
        pins = tuple(self._pin(name) for name in sorted(self.extras))
        return Resolution(pins=pins, closures=closures, conditions=frozenset(conditions))

    def _pin(self, name: NormalizedName) -> Solved:
        candidate = self._catalogue.shelf(name).at(self._chosen[name])
        extras = tuple(sorted(self.extras[name]))
        needed = {need.name for extra in (None, *extras) for need in self._needs((name, extra))}
        return Solved(
            name=name,
            version=candidate.version,
            source=candidate.release.source,
            release=candidate.release,
            files=candidate.files,
            dependencies=tuple(sorted(needed - {name})),
            extras=extras,
        )

    def _reach(self, needs: Iterable[Need]) -> set[Node]:
        reached: set[Node] = set()
        pending = list(needs)
        while pending:
            need = pending.pop()
            for node in ((need.name, None), *((need.name, extra) for extra in need.extras)):
                if node not in reached:
                    reached.add(node)
                    pending += self._needs(node)
        return reached

    def _needs(self, node: Node) -> tuple[Need, ...]:
        name, extra = node
        needs = self._catalogue.needs(self._catalogue.shelf(name), self._chosen[name], extra or "")
        return () if isinstance(needs, Unusable) else needs
