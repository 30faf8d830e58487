"""The versions that the manifest, and the locked packages that require a project, admit of it."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.lock.graph import Graph
from pipper.core.lock.model import Pin
from pipper.core.manifest.inputs import Inputs, MemberInputs
from pipper.core.manifest.requirement import name_of, parse_requirement, requirement_holds
from pipper.core.target import Target
from pipper.solve.markers import Markers
from pipper.solve.overrides import active_overrides

Needs = Mapping[Pin, tuple[Requirement, ...]]
"""What locked packages require, as their metadata says."""


def limits_of(
    inputs: Inputs, graph: Graph, needs: Needs, target: Target
) -> Mapping[NormalizedName, SpecifierSet]:
    """Return the combined specifiers of all that is required in the environment of a target.

    These are the requirements of the manifest and of members, its constraints, and what `needs` has with the extras
    that are asked for. An override replaces the requirements, and constraints still count. Raises UsageError for a
    marker that is undefined.
    """
    found: dict[NormalizedName, SpecifierSet] = defaultdict(SpecifierSet)
    markers = target.markers
    for each in _required(inputs, graph, needs, markers):
        found[name_of(each)] &= each.specifier
    found.update(active_overrides(map(parse_requirement, inputs.overrides), Markers(target)))
    for each in _holding(inputs.constraints, markers):
        found[name_of(each)] &= each.specifier
    return found


def _required(
    inputs: Inputs, graph: Graph, needs: Needs, markers: Mapping[str, str]
) -> Iterator[Requirement]:
    """Yield each requirement on the way from the manifest to the packages in `needs`."""
    here = {pin.name: pin for pin in graph.children}
    extras: dict[NormalizedName, set[str]] = {}
    waiting = deque(parse_requirement(root.requirement) for root in graph.roots)
    for member in inputs.members.values():
        waiting += _holding(member.requirements, markers)
    while waiting:
        each = waiting.popleft()
        yield each
        name, asked = name_of(each), set(map(canonicalize_name, each.extras))
        if name in extras and asked <= extras[name]:
            continue
        extras.setdefault(name, set()).update(asked)
        if name in inputs.members:
            waiting += _of_member(inputs.members[name], extras[name], markers)
        elif pin := here.get(name):
            names = {child.name for child in graph.children[pin]}
            waiting += (
                need
                for need in needs.get(pin, ())
                if name_of(need) in names and _holds(need, markers, extras[name])
            )


def _of_member(member: MemberInputs, extras: set[str], markers: Mapping[str, str]) -> Iterator[Requirement]:
    for extra, texts in member.extras.items():
        if canonicalize_name(extra) in extras:
            yield from _holding(texts, markers)


def _holding(texts: Iterable[str], markers: Mapping[str, str]) -> Iterator[Requirement]:
    return (each for each in map(parse_requirement, texts) if requirement_holds(each, markers))


def _holds(requirement: Requirement, markers: Mapping[str, str], extras: set[str]) -> bool:
    return any(requirement_holds(requirement, {**markers, "extra": extra}) for extra in ("", *extras))
