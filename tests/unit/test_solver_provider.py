"""How resolvelib is steered: what is learned is right, and the shortcut changes no answer."""

import itertools
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from resolvelib.resolvers import Resolution as PlainResolution

from pipper.core.manifest.root_label import PROJECT
from pipper.errors import NoSolutionError
from pipper.solve import provider as provider_module
from pipper.solve.candidates import ABSENT
from pipper.solve.clauses import ROOT, Clause, Clauses, Demand, ImpossibleError, cover
from pipper.solve.provider import Provider
from pipper.solve.request import SolveRequest
from pipper.solve.router import SourceRouter
from pipper.solve.solver import solve
from tests.chance_graphs import locked, make_graph
from tests.fake_source import LINUX, FakeSource
from tests.graph import make_graph as make_levels


@settings(max_examples=200)
@given(
    st.lists(st.integers(1, 3), min_size=1, max_size=5),
    st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 7)), min_size=1, max_size=3), max_size=14),
)
def test_what_is_learned_agrees_with_brute_force(
    widths: list[int], clauses: list[list[tuple[int, int]]]
) -> None:
    domains = [(2 << width) - 1 for width in widths]
    terms = [[(variable % len(domains), mask << 1) for variable, mask in clause] for clause in clauses]

    def allowed(values: tuple[int, ...]) -> bool:
        return not any(all(values[variable] & mask for variable, mask in clause) for clause in terms)

    expected = any(map(allowed, itertools.product(*([2 << bit for bit in range(width)] for width in widths))))
    known = Clauses(budget=100_000)
    provider = Provider(
        known,
        lambda choice: iter([Demand(choice.variable, choice.bit, None, choice.variable)]),
        lambda variable, offered, chosen: (1, True, True, 0, variable, "", ""),
    )
    for domain in domains:
        known.add_variable(domain)
    for clause in terms:
        known.forbid(clause, "given")
    roots = [
        known.demand((), variable, domain & ~ABSENT, "asked", ROOT) for variable, domain in enumerate(domains)
    ]
    chosen: dict[int, int] = {}
    impossible = None
    try:
        chosen = provider.solve(roots)
    except ImpossibleError as error:
        impossible = error.clause
    assert (impossible is None) == expected
    assert impossible is None or "given" in set(impossible.reasons())
    assert not chosen or allowed(tuple(chosen[variable] for variable in range(len(domains))))


@given(
    st.integers(1, 255),
    st.lists(st.tuples(st.integers(0, 255), st.dictionaries(st.integers(1, 3), st.just(1))), max_size=6),
)
def test_a_cover_forbids_all_values_with_no_clause_too_many(
    values: int, given_clauses: list[tuple[int, dict[int, int]]]
) -> None:
    clauses = [Clause({0: mask, **others}) for mask, others in given_clauses]
    together = 0
    for clause in clauses:
        together |= clause.terms[0]
    found = cover(0, values, clauses)
    assert (found is None) == bool(values & ~together)
    for left_out in found or ():
        rest = [clause for clause in found or () if clause is not left_out]
        assert cover(0, values, rest) is None


def answer(graph: dict[str, Any], roots: list[str]) -> str:
    request = SolveRequest(target=LINUX, roots={PROJECT: tuple(map(Requirement, roots))})
    try:
        found = solve(request, SourceRouter([FakeSource("index", graph)]))
    except NoSolutionError as error:
        return f"{error.message}\n{error.cause}"
    return "\n".join(f"{pin.name}=={pin.version}" for pin in found.pins)


def test_without_what_is_overridden_in_resolvelib_the_answers_are_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    levels = make_levels(packages=60, versions=8)
    graph: dict[str, Any] = {}
    for spec in levels.specs:
        graph.setdefault(spec.name, {})[spec.version] = {"requires": list(spec.requires)}
    small = [make_graph(random.Random(seed)) for seed in range(80)]
    before = [answer(graph, list(levels.requirements)), *(locked(one)[0] for one in small)]
    asked = []

    def plain(provider: Provider) -> PlainResolution[Any, Any, Any]:
        asked.append(provider)
        return PlainResolution(provider, provider_module._Listener(provider))

    monkeypatch.setattr(provider_module, "_Resolution", plain)
    assert [answer(graph, list(levels.requirements)), *(locked(one)[0] for one in small)] == before
    assert len(asked) > len(small)
