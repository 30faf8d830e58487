"""The lock as a graph: which package requires which in one environment, and the chains to a package."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import count

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.core.lock.model import Dependency, Lock, LockedEnvironment, Pin
from pipper.core.manifest.inputs import Inputs
from pipper.core.manifest.requirement import name_of, parse_requirement, requirement_holds
from pipper.core.manifest.root_label import RootLabel, labelled

_MOST_STEPS = 20_000
"""The most partial chains to search: their number can grow exponentially with the number of packages."""


class Root(Struct, frozen=True, kw_only=True):
    """A requirement of the manifest and the package that satisfies it."""

    label: RootLabel
    requirement: str
    """As in the lock, normalised."""
    pin: Pin


class Graph(Struct, frozen=True, kw_only=True, dict=True):
    """The packages of one environment. A package that requires itself with an extra has no edge to itself."""

    roots: tuple[Root, ...]
    """In the order dependencies, groups, extras; only those whose markers are true in the environment."""
    children: Mapping[Pin, tuple[Pin, ...]]
    """Every package with the packages that it requires, in the order of names."""

    @cached_property
    def parents(self) -> Mapping[Pin, tuple[Pin, ...]]:
        """Every package with the packages that require it, in the order of names."""
        found: dict[Pin, list[Pin]] = {pin: [] for pin in self.children}
        for pin in sorted(self.children):
            for child in self.children[pin]:
                found[child].append(pin)
        return {pin: tuple(above) for pin, above in found.items()}

    def find(self, name: NormalizedName) -> Pin | None:
        """Return the package with this name; None if the environment does not have it."""
        return next((pin for pin in self.children if pin.name == name), None)


class Row(Struct, frozen=True, kw_only=True):
    """A line of a tree."""

    depth: int
    """0 at the top."""
    pin: Pin
    last: bool
    """Whether no sibling follows."""
    repeated: bool
    """Whether its requirements are shown elsewhere, or above it: a cycle ends here."""


class Chain(Struct, frozen=True, kw_only=True):
    """A path from the manifest to a package."""

    root: Root
    pins: tuple[Pin, ...]
    """From the package that the root requires to the last one."""


class Chains(Struct, frozen=True, kw_only=True):
    """Paths from the manifest to one package, the shortest first."""

    chains: tuple[Chain, ...]
    complete: bool
    """False if there are more, or may be more."""


def graph_of(lock: Lock, part: LockedEnvironment) -> Graph:
    """Return the graph of one environment of a lock, with every group and every extra."""
    here = {pin.name: pin for pin in part.pins}
    children: dict[Pin, tuple[Pin, ...]] = {}
    for pin in sorted(part.pins):
        found = {_pin_of(dependency, here) for dependency in lock.by_pin[pin].dependencies}
        children[pin] = tuple(sorted(child for child in found if child is not None and child != pin))
    return Graph(roots=tuple(_roots(lock.inputs, part, here)), children=children)


def _pin_of(dependency: Dependency, here: Mapping[NormalizedName, Pin]) -> Pin | None:
    pin = here.get(dependency.name)
    # A lock lists the dependencies for all of its environments together: some are for another one.
    return pin if pin is not None and dependency.version in ("", pin.version) else None


def _roots(inputs: Inputs, part: LockedEnvironment, here: Mapping[NormalizedName, Pin]) -> Iterator[Root]:
    solved = labelled(part.packages, part.groups, part.extras)
    for label, texts in inputs.roots.items():
        if label not in solved:
            continue  # it has no solution, or is left out because it conflicts with another part
        for text in texts:
            requirement = parse_requirement(text)
            pin = here.get(name_of(requirement))
            if pin is None:
                continue
            if requirement_holds(requirement, part.target.markers):
                yield Root(label=label, requirement=text, pin=pin)


def walk(
    edges: Mapping[Pin, tuple[Pin, ...]],
    tops: Iterable[Pin],
    shown: dict[Pin, int],
    *,
    most: int | None = None,
) -> Iterator[Row]:
    """Yield the rows of a tree, depth first; do not expand packages in `shown`, and add each expanded one to it.

    So the rows are no more than tops and edges together. `most` is the depth of the last rows; then `shown` has the
    depth of each package, and one that occurs less deep is expanded again, since more of it is shown there.
    """
    unique = tuple(dict.fromkeys(tops))
    pending = [(pin, 0, place == 0) for place, pin in enumerate(reversed(unique))]
    while pending:
        pin, depth, last = pending.pop()
        below = edges[pin]
        if depth == most:
            yield Row(depth=depth, pin=pin, last=last, repeated=False)
            continue
        repeated = bool(below) and pin in shown and (most is None or shown[pin] <= depth)
        yield Row(depth=depth, pin=pin, last=last, repeated=repeated)
        if not repeated:
            shown[pin] = depth
            pending += [(child, depth + 1, place == 0) for place, child in enumerate(reversed(below))]


def reached(edges: Mapping[Pin, tuple[Pin, ...]], tops: Iterable[Pin]) -> tuple[Pin, ...]:
    """Return all packages that `tops` reach along `edges`, with the tops, in the order of names."""
    return tuple(sorted({row.pin for row in walk(edges, tops, {})}))


def chains_to(graph: Graph, pin: Pin, *, most: int) -> Chains:
    """Return up to `most` chains without cycles from the manifest to `pin`, the shortest first.

    Chains of equal length are in the order of their roots.
    """
    far = _distances(graph)
    asked: dict[Pin, list[Root]] = {}
    for root in graph.roots:
        asked.setdefault(root.pin, []).append(root)
    found: list[Chain] = []
    order, steps = count(), 0
    # Best-first search: the distance to the manifest is a lower bound, so chains are found in the order of length.
    # Of equals, the one nearer to the manifest is first, or the search would advance all partial chains in turn.
    heap: list[tuple[int, int, int, tuple[Pin, ...]]] = []
    if pin in far:
        heap.append((far[pin] + 1, far[pin], next(order), (pin,)))
    while heap and steps < _MOST_STEPS and len(found) <= most:
        *_, way = heapq.heappop(heap)
        steps += 1
        found += [Chain(root=root, pins=way) for root in asked.get(way[0], ())]
        for parent in graph.parents[way[0]]:
            if parent in far and parent not in way:
                least = len(way) + 1 + far[parent]
                heapq.heappush(heap, (least, far[parent], next(order), (parent, *way)))
    chains = sorted(found[:most], key=lambda chain: (len(chain.pins), graph.roots.index(chain.root)))
    return Chains(chains=tuple(chains), complete=not heap and len(found) <= most)


def _distances(graph: Graph) -> dict[Pin, int]:
    """Return the number of packages between the manifest and each package on the shortest path."""
    far = {root.pin: 0 for root in graph.roots}
    pending = deque(far)
    while pending:
        pin = pending.popleft()
        for child in graph.children[pin]:
            if child not in far:
                far[child] = far[pin] + 1
                pending.append(child)
    return far
