"""What resolvelib alone makes of the `wide-*` files of `tests/solver_cases`: `python -m tests.plain_resolvelib`.

Its provider is the usual one: newest candidates first, nothing learned. The files hold graphs on which that goes
wrong, and the answer that pipper has to give on them.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep, Resolver
from resolvelib.resolvers import Resolution

from tests.solver_case import FOLDER

ROUNDS = 3000
"""Many times what a graph of this size needs."""

Graph = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Plain:
    """A candidate."""

    name: str
    version: str
    extra: str = ""

    @property
    def identifier(self) -> str:
        return f"{self.name}[{self.extra}]" if self.extra else self.name


@dataclass
class PlainProvider(AbstractProvider[Requirement, Plain, str]):
    """The least that resolvelib asks for."""

    graph: Graph
    sorted_versions: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, releases in self.graph.items():
            self.sorted_versions[name] = sorted(releases, key=Version, reverse=True)

    def identify(self, requirement_or_candidate: Requirement | Plain) -> str:
        if isinstance(requirement_or_candidate, Plain):
            return requirement_or_candidate.identifier
        extras = "".join(f"[{extra}]" for extra in requirement_or_candidate.extras)
        return requirement_or_candidate.name + extras

    def get_preference(
        self,
        identifier: str,
        resolutions: Any,
        candidates: Mapping[str, Iterator[Plain]],
        information: Any,
        **_: Any,
    ) -> Any:
        return sum(1 for _ in candidates[identifier]), identifier

    def find_matches(
        self, identifier: str, requirements: Mapping[str, Iterator[Requirement]],
        incompatibilities: Mapping[str, Iterator[Plain]],
    ) -> Sequence[Plain]:  # fmt: skip
        wanted = list(requirements[identifier])
        refused = {one.version for one in incompatibilities[identifier]}
        name, _, extra = identifier.rstrip("]").partition("[")
        return [
            Plain(name, version, extra)
            for version in self.sorted_versions.get(name, ())
            if version not in refused and all(version in one.specifier for one in wanted)
        ]

    def is_satisfied_by(self, requirement: Requirement, candidate: Plain) -> bool:
        return candidate.version in requirement.specifier

    def get_dependencies(self, candidate: Plain) -> Iterable[Requirement]:
        if candidate.extra:
            yield Requirement(f"{candidate.name}=={candidate.version}")
        for text in self.graph[candidate.name][candidate.version].get("requires", ()):
            need = Requirement(text)
            active = need.marker is None or need.marker.evaluate({"extra": candidate.extra})
            if active and (need.marker is None) == (not candidate.extra):
                yield from split(need)


def split(need: Requirement) -> Iterator[Requirement]:
    """Yield the requirement on the project, and one for each extra."""
    yield Requirement(f"{need.name}{need.specifier}")
    for extra in sorted(need.extras):
        yield Requirement(f"{need.name}[{extra}]{need.specifier}")


def outcome(graph: Graph, roots: Sequence[str], *, guess: bool = True) -> str | dict[str, str]:
    """Return the pins, or "impossible", "rounds" or "recursion". Without `guess` it goes back one step at a time."""
    provider = PlainProvider(graph)
    wanted = [one for text in roots for one in split(Requirement(text))]
    try:
        if guess:
            mapping = Resolver(provider, BaseReporter()).resolve(wanted, max_rounds=ROUNDS).mapping
        else:
            resolution = Resolution(provider, BaseReporter())
            resolution._optimistic_backjumping_ratio = 0.0
            mapping = resolution.resolve(wanted, max_rounds=ROUNDS).mapping
    except ResolutionImpossible:
        return "impossible"
    except ResolutionTooDeep:
        return "rounds"
    except RecursionError:
        return "recursion"
    return {one.name: one.version for one in mapping.values()}


def fault(graph: Graph, roots: Sequence[str], pins: Mapping[str, str]) -> str:
    """Return a requirement that pins do not meet; empty if they meet all."""
    pending = [one for text in roots for one in split(Requirement(text))]
    seen: set[tuple[str, str]] = set()
    while pending:
        need = pending.pop()
        if pins.get(need.name, "") not in graph.get(need.name, {}) or pins[need.name] not in need.specifier:
            return str(need)
        extra = next(iter(need.extras), "")
        if (need.name, extra) not in seen:
            seen.add((need.name, extra))
            pending += PlainProvider(graph).get_dependencies(Plain(need.name, pins[need.name], extra))
    return ""


def main() -> int:
    """Print one line for each case; return 1 if plain resolvelib is right somewhere."""
    right = 0
    for path in sorted(FOLDER.glob("wide-*.toml")):
        case = tomllib.loads(path.read_text(encoding="utf-8"))
        expected = dict(pin.split("==") for pin in case["expect"].get("pins", ()))
        found = outcome(case["index"], case["roots"])
        if isinstance(found, dict):
            broken = fault(case["index"], case["roots"], found)
            found = f"wrong: {broken}" if broken else "right"
        right += found == "right" or (found == "impossible" and not expected)
        print(f"{path.stem:<60} {found}")
    return int(right > 0)


if __name__ == "__main__":
    sys.exit(main())
