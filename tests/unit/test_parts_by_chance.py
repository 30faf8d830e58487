"""Parts of different sets of `conflicts`, by chance: they go together exactly where trying everything finds a way."""

import random
from collections.abc import Sequence
from itertools import combinations

import pytest
from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from pipper.core.lock.consistency import check_consistency
from pipper.core.lock.model import Lock
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.conflicts import Conflicts
from pipper.core.manifest.model import Manifest
from pipper.core.reporter import Reporter
from pipper.errors import NoSolutionError
from pipper.ops.lock.assemble import assemble
from pipper.ops.lock.options import LockOptions
from pipper.ops.lock.preferred import preferred_versions
from pipper.ops.lock.resolve import Solutions, resolve, solve_request
from pipper.ops.lock.targets import Goal
from pipper.solve.router import SourceRouter
from tests.chance_graphs import ChanceGraph, Contents, Oracle
from tests.fake_source import LINUX, FakeSource
from tests.unit.test_solver_by_chance import EXAMPLES

_VERSIONS = ("1.0", "2.0", "3.0")
_BOUNDS = ("", "", "", "<2", ">=2", "<3", ">=3", "==2.0")
_PARTS = ("a", "c", "e")
"""Each conflicts with one that needs nothing of what the others need, so all three may go together."""
_SETS = (("a", "b"), ("c", "d"), ("e", "f"))


def made(chance: random.Random) -> tuple[ChanceGraph, dict[str, list[str]]]:
    """Return packages with what the project requires of them, and what its extras require."""
    names = list("stuvw")[: chance.randint(3, 5)]

    def needs(most: int) -> list[str]:
        return [f"{name}{chance.choice(_BOUNDS)}" for name in chance.sample(names, chance.randint(1, most))]

    held = {
        name: {
            version: {"requires": needs(2) if chance.randint(0, 1) else [], "tags": ["py3-none-any"]}
            for version in _VERSIONS
        }
        for name in names
    }
    held["o"] = {"1.0": {"requires": [], "tags": ["py3-none-any"]}}
    graph = ChanceGraph(
        private=held,
        public={},
        roots=["o"] if chance.randint(0, 2) else needs(1),
        constraints=[],
        groups={},
        dated=False,
    )
    return graph, {part: needs(2) for part in _PARTS} | {part: ["o"] for part in "bdf"}


def locked(
    graph: ChanceGraph, extras: dict[str, list[str]], old: Lock | None, sets: Conflicts = _SETS
) -> tuple[Lock, Solutions]:
    manifest = Manifest(
        dependencies=tuple(map(Requirement, graph.roots)),
        extras={NormalizedName(name): tuple(map(Requirement, texts)) for name, texts in extras.items()},
        conflicts=sets,
    )
    packages = {name: {each: dict(one) for each, one in found.items()} for name, found in graph.held.items()}
    router = SourceRouter([FakeSource("acme", packages)])
    request = solve_request(manifest, LINUX, LockOptions(), unmanaged={})
    preferred = preferred_versions(manifest, old, {}, LockOptions())
    goals = [Goal(target=LINUX, required=True)]
    solutions = resolve(request, preferred, goals, router, Reporter())
    lock = assemble(manifest.inputs(), {}, solutions)
    check_consistency(lock)
    return lock, solutions


def agree(parts: Sequence[dict[str, str]]) -> bool:
    return all(
        one[name] == other[name]
        for one, other in combinations(parts, 2)
        for name in one.keys() & other.keys()
    )


@pytest.mark.parametrize("block", range(4))
def test_parts_have_common_versions_exactly_where_trying_everything_finds_them(block: int) -> None:
    count = 0
    for seed in range(block * EXAMPLES, (block + 1) * EXAMPLES):
        graph, extras = made(random.Random(seed))
        try:
            lock, solutions = locked(graph, extras, None)
        except NoSolutionError:
            continue
        found = solutions.resolutions[LINUX]
        apart = {label.name: found.apart[label] for label in found.apart}
        if not apart.keys() >= set(_PARTS):
            continue
        count += 1
        parts = [{pin.name: str(pin.version) for pin in apart[name].pins} for name in _PARTS]
        every = ChanceGraph(
            private=graph.private,
            public={},
            roots=[*graph.roots, *(text for name in _PARTS for text in extras[name])],
            constraints=[],
            groups={},
            dated=False,
        )
        common = Oracle(every, LINUX).solution({pin.name: str(pin.version) for pin in found.pins})
        assert agree(parts) == (common is not None), (seed, graph, extras, parts, common)
        assert dump_lock(locked(graph, extras, lock)[0]) == dump_lock(lock), seed
    assert count > EXAMPLES // 4


@pytest.mark.parametrize("block", range(2))
def test_what_is_common_suits_all_parts_that_conflict_exactly_where_some_version_does(block: int) -> None:
    count = 0
    for seed in range(block * EXAMPLES, (block + 1) * EXAMPLES):
        chance = random.Random(seed)
        names = list("stuvw")
        held: Contents = {
            name: {version: {"requires": [], "tags": ["py3-none-any"]} for version in _VERSIONS}
            for name in names
        }
        roots = chance.sample(names, chance.randint(2, 4))
        extras = {
            part: [f"{name}{chance.choice(_BOUNDS)}" for name in chance.sample(names, chance.randint(1, 4))]
            for part in _PARTS
        }
        graph = ChanceGraph(private=held, public={}, roots=roots, constraints=[], groups={}, dated=False)
        solutions = locked(graph, extras, None, (_PARTS,))[1]
        bounds = [Requirement(text) for texts in extras.values() for text in texts]
        suits = {
            name: [
                version
                for version in _VERSIONS
                if all(one.specifier.contains(version) for one in bounds if one.name == name)
            ]
            for name in roots
        }
        count += all(suits.values())
        found = {label.name for label in solutions.resolutions[LINUX].apart}
        assert (found == set(_PARTS)) == all(suits.values()), (seed, roots, extras, found)
    assert count > EXAMPLES // 4
