"""The graph of a package among the projects of its repository: two steps up to dependants and down to dependencies."""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.core.site.listing import Listing

_NEAR, _FAR = 12, 8
"""Packages that are shown one step and two steps away, in each direction."""


class Side(Struct, frozen=True, kw_only=True):
    """One direction of a graph."""

    near: tuple[NormalizedName, ...] = ()
    far: tuple[NormalizedName, ...] = ()
    """Two steps away, from one of those that are near."""
    left_out: int = 0
    """How many more there are."""


class PackageGraph(Struct, frozen=True, kw_only=True):
    """What is shown of the graph around a package."""

    name: NormalizedName
    dependants: Side = Side()
    dependencies: Side = Side()
    requires: Mapping[NormalizedName, tuple[NormalizedName, ...]] = {}
    """Of each package that is shown and requires others: those of them that are shown too."""

    def __bool__(self) -> bool:
        """Return whether there is anything but the package itself."""
        return bool(self.dependants.near or self.dependencies.near)

    @property
    def names(self) -> tuple[NormalizedName, ...]:
        """All packages from top to bottom: what requires others stands above them, as far as there are no circles."""
        up, down = self.dependants, self.dependencies
        return (*up.far, *up.near, self.name, *down.near, *down.far)

    def described(self) -> Iterable[str]:
        """Yield all that the graph shows as text, the same for the same graph."""
        yield str((self.dependants.left_out, self.dependencies.left_out))
        yield from (f"{name}: {' '.join(self.requires.get(name, ()))}" for name in self.names)


def graph_of(name: NormalizedName, listing: Listing) -> PackageGraph:
    """Return the graph around a project; a package that is on both sides is shown where it is required."""
    down = _side({name}, name, listing.requirements)
    up = _side({name, *down.near, *down.far}, name, listing.dependants)
    shown = {name, *down.near, *down.far, *up.near, *up.far}
    edges = {each: tuple(one for one in listing.requirements(each) if one in shown) for each in sorted(shown)}
    return PackageGraph(
        name=name,
        dependants=up,
        dependencies=down,
        requires={each: required for each, required in edges.items() if required},
    )


def near_of(name: NormalizedName, listing: Listing) -> set[NormalizedName]:
    """Return the projects whose graph may show `name`."""
    found = {name}
    for step in (listing.requirements, listing.dependants):
        first = set(step(name))
        found |= first.union(*map(step, first))
    return found


def _side(
    taken: set[NormalizedName],
    name: NormalizedName,
    step: Callable[[NormalizedName], Iterable[NormalizedName]],
) -> Side:
    first = sorted(set(step(name)) - taken)
    near = first[:_NEAR]
    second = sorted({each for one in near for each in step(one)} - taken - set(first))
    far = second[:_FAR]
    left_out = len(first) - len(near) + len(second) - len(far)
    return Side(near=tuple(near), far=tuple(far), left_out=left_out)
