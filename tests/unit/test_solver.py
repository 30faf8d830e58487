import itertools
import threading
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pipper.core.manifest.root_label import PROJECT
from pipper.core.target import serves
from pipper.errors import AccessError, NoSolutionError, StoreError
from pipper.solve.request import Resolution, SolveRequest
from pipper.solve.router import SourceRouter
from pipper.solve.solver import solve
from pipper.system.parallel import spread
from tests.fake_source import LINUX, FakeSource

NAMES = "abcdef"


def request(*roots: str, **more: Any) -> SolveRequest:
    return SolveRequest(target=LINUX, roots={PROJECT: tuple(Requirement(root) for root in roots)}, **more)


def versions(resolution: Resolution) -> dict[str, str]:
    return {pin.name: str(pin.version) for pin in resolution.pins}


# The source rule


@pytest.mark.parametrize("fault", [AccessError("refused"), StoreError("out of reach")])
def test_m15_a_repository_that_does_not_answer_stops_the_solve(fault: Exception) -> None:
    acme, index = FakeSource("acme", {}, fault=fault), FakeSource("index", {"secret": {"99": {}}})
    with pytest.raises(type(fault)):
        solve(request("secret"), SourceRouter([acme, index]))
    assert index.asked == []


@pytest.mark.parametrize("fault", [AccessError("refused"), StoreError("out of reach")])
def test_m15_a_later_repository_that_does_not_answer_stops_the_solve_too(fault: Exception) -> None:
    acme, drop = FakeSource("acme", {"other": {"1": {}}}), FakeSource("drop", {}, fault=fault)
    index = FakeSource("index", {"secret": {"99": {}}})
    with pytest.raises(type(fault)):
        solve(request("secret"), SourceRouter([acme, drop, index]))
    assert index.asked == []


def test_m15_a_name_that_a_pattern_covers_is_not_asked_of_the_index_when_its_repository_refuses() -> None:
    acme = FakeSource("acme", {}, fault=AccessError("refused"))
    index = FakeSource("index", {"acme-x": {"99": {}}, "y": {"1": {"requires": ["acme-x"]}}})
    router = SourceRouter([acme, index], pinned={"acme-*": "acme", "y": "index"})
    with pytest.raises(AccessError):
        solve(request("y"), router)
    assert index.names_asked() == {"y"}


def test_m15_the_index_is_not_asked_for_private_names_among_the_preferences() -> None:
    acme, index = (
        FakeSource("acme", {"a": {"1": {}}}),
        FakeSource("index", {"a": {"99": {}}, "gone": {"9": {}}}),
    )
    router = SourceRouter([acme, index], locked_private=frozenset({canonicalize_name("gone")}))
    preferred = {canonicalize_name("a"): Version("1"), canonicalize_name("gone"): Version("1")}
    assert versions(solve(request("a", preferred=preferred), router)) == {"a": "1"}
    assert index.asked == []


def test_a_release_without_a_source_says_that_there_is_none() -> None:
    with pytest.raises(NoSolutionError) as caught:
        solve(request("a"), SourceRouter([]))
    assert caught.value.message == "no source has `a`: no source is configured"


# What is read


def test_each_project_is_read_once_and_before_anything_is_chosen() -> None:
    graph = {
        "a": {"1": {"requires": ["c", "d"]}},
        "b": {"1": {"requires": ["d", "e"]}},
        "c": {"1": {"requires": ["f"]}},
        **{name: {"1": {}} for name in "def"},
    }
    source = FakeSource("index", graph)
    solve(request("a", "b"), SourceRouter([source]))
    prefetched = [name for call, name in source.asked if call == "prefetch"]
    assert sorted(prefetched) == ["a", "b", "c", "d", "e", "f"]
    first = source.asked.index
    for name in "abcdef":
        assert first(("prefetch", name)) < first(("releases", name))
        assert first(("prefetch_metadata", name)) < first(("metadata", name))


def test_a_project_is_read_as_soon_as_it_is_named_whatever_others_wait_for() -> None:
    graph = {
        "quick": {"1": {"requires": ["deep"]}},
        "deep": {"1": {"requires": ["deeper"]}},
        "deeper": {"1": {}},
        "slow": {"1": {}},
    }
    reached = threading.Event()

    class Waiting(FakeSource):
        def prefetch(self, names: Iterable[NormalizedName]) -> None:
            listed = list(names)
            super().prefetch(listed)
            if "deeper" in listed:
                reached.set()
            if "slow" in listed:
                assert reached.wait(30)

    solve(request("quick", "slow"), SourceRouter([Waiting("index", graph)], spread=spread))


def test_a_guess_that_fails_is_told_once_it_is_needed_and_only_then() -> None:
    graph = {"a": {"1": {"requires": ["b"]}, "2": {"requires": ["b<1", "c"]}}, "b": {"1": {}}}

    class Failing(FakeSource):
        def prefetch(self, names: Iterable[NormalizedName]) -> None:
            super().prefetch(listed := list(names))
            if "c" in listed:
                raise StoreError("out of reach")

    with pytest.raises(StoreError):
        solve(request("a"), SourceRouter([Failing("index", graph)], spread=spread))
    assert versions(solve(request("a<2"), SourceRouter([Failing("index", graph)], spread=spread))) == {
        "a": "1",
        "b": "1",
    }


def test_locked_names_are_read_at_the_start() -> None:
    source = FakeSource("index", {"a": {"1": {"requires": ["b"]}}, "b": {"1": {}}})
    solve(request("a", likely=frozenset({canonicalize_name("b")})), SourceRouter([source], spread=spread))
    assert source.asked[:2] == [("prefetch", "a"), ("prefetch", "b")]


def test_the_releases_of_a_project_are_asked_for_once() -> None:
    graph = {name: {str(n): {"requires": ["z<2"] if n > 2 else []} for n in range(9)} for name in "abc"}
    source = FakeSource("index", {**graph, "z": {"1": {}, "2": {}}})
    solve(request("a", "b", "c", "z>=2"), SourceRouter([source]))
    asked = [name for call, name in source.asked if call == "releases"]
    assert sorted(asked) == ["a", "b", "c", "z"]


def test_versions_far_from_the_newest_are_not_read_without_need() -> None:
    source = FakeSource("index", {"a": {str(n): {} for n in range(100)}})
    solve(request("a"), SourceRouter([source]))
    assert len({call for call in source.asked if call[0] == "metadata"}) == 1
    assert source.asked.count(("prefetch_metadata", "a")) == 1


# Hostile and hopeless input


def test_m6_an_exponential_conflict_set_is_given_up_after_a_number_of_steps() -> None:
    holes = 9
    graph: dict[str, Any] = {
        f"pigeon-{one}": {str(hole): {"requires": [f"hole-{hole}=={one}"]} for hole in range(holes)}
        for one in range(holes + 1)
    }
    graph |= {f"hole-{hole}": {str(one): {} for one in range(holes + 1)} for hole in range(holes)}
    roots = [f"pigeon-{one}" for one in range(holes + 1)]
    with pytest.raises(NoSolutionError) as caught:
        solve(request(*roots), SourceRouter([FakeSource("index", graph)]), budget=200_000)
    assert caught.value.message.startswith("gave up after 200,0")
    assert "trying to meet the requirements on `hole-" in caught.value.message
    assert "the project requires pigeon-" in caught.value.cause
    assert " requires hole-" in caught.value.cause
    assert len(caught.value.cause.splitlines()) <= 21
    assert caught.value.hint


def test_m6_a_long_unsatisfiable_chain_is_found_out_within_few_steps() -> None:
    depth, width = 30, 10
    graph = {
        f"p{place}": {str(n): {"requires": [f"p{place + 1}"]} for n in range(width)} for place in range(depth)
    }
    graph[f"p{depth}"] = {str(n): {"requires": ["a!=1"]} for n in range(width)}
    graph["a"] = {"1": {}, "2": {"requires": ["nowhere"]}}
    with pytest.raises(NoSolutionError) as caught:
        solve(request("p0", "a"), SourceRouter([FakeSource("index", graph)]), budget=50_000)
    assert "no source has `nowhere`" in caught.value.message


def test_h28_a_release_with_thousands_of_requirements_is_refused_before_they_are_looked_up() -> None:
    hostile = {"requires": [f"flood-{number}" for number in range(20_000)]}
    source = FakeSource("index", {"a": {"1": {}, "2": hostile}})
    assert versions(solve(request("a"), SourceRouter([source]))) == {"a": "1"}
    assert source.names_asked() == {"a"}


def test_h28_a_url_in_a_requirement_is_never_followed() -> None:
    source = FakeSource(
        "index", {"a": {"1": {"requires": ["b @ https://evil.example.com/b.whl"]}}, "b": {"1": {}}}
    )
    with pytest.raises(NoSolutionError) as caught:
        solve(request("a"), SourceRouter([source]))
    assert "from a URL, which pipper does not follow" in caught.value.cause
    assert "evil.example.com" not in str(vars(caught.value))
    assert source.names_asked() == {"a"}


def test_conditions_can_be_held_against_other_machines() -> None:
    graph = {
        "a": {"1": {"requires": ["b; extra == 'x' and python_full_version >= '3.11.4'"], "extras": ["x"]}},
        "b": {"1": {}},
    }
    resolution = solve(request("a[x]"), SourceRouter([FakeSource("index", graph)]))
    (condition,) = resolution.conditions
    older = type(LINUX)(name=LINUX.name, markers={**LINUX.markers, "python_full_version": "3.11.2"})
    newer = type(LINUX)(name=LINUX.name, markers={**LINUX.markers, "python_full_version": "3.11.12"})
    assert serves(LINUX, newer, (condition,))
    assert not serves(LINUX, older, (condition,))


# Against brute force


@st.composite
def graphs(draw: st.DrawFn, labels: tuple[str, ...]) -> tuple[dict[str, Any], list[str]]:
    """A graph of a few projects with versions out of `labels`, and its roots."""
    names = NAMES[: draw(st.integers(2, 6))]

    def requirement(name: str) -> st.SearchStrategy[str]:
        bound = st.tuples(st.sampled_from(["==", "!=", ">=", "<="]), st.sampled_from(labels)).map("".join)
        return st.lists(bound, max_size=2).map(lambda bounds: name + ",".join(bounds))

    def requirements(low: int, high: int) -> st.SearchStrategy[list[str]]:
        return st.lists(st.sampled_from(names).flatmap(requirement), min_size=low, max_size=high)

    content = st.fixed_dictionaries({"requires": requirements(0, 3)})
    graph = {
        name: draw(st.dictionaries(st.sampled_from(labels), content, min_size=1, max_size=4))
        for name in names
    }
    return graph, draw(requirements(1, 3))


def attempt(graph: dict[str, Any], roots: Iterable[str], *, backwards: bool = False) -> dict[str, str] | None:
    if backwards:
        graph = {
            name: {
                label: {"requires": content["requires"][::-1]} for label, content in reversed(found.items())
            }
            for name, found in reversed(graph.items())
        }
        roots = list(roots)[::-1]
    try:
        return versions(solve(request(*roots), SourceRouter([FakeSource("index", graph)])))
    except NoSolutionError:
        return None


def requirements_on(graph: dict[str, Any], roots: list[str], pins: dict[str, str]) -> dict[str, SpecifierSet]:
    """All active requirements, joined by name."""
    joined: dict[str, SpecifierSet] = {}
    texts = [*roots, *itertools.chain(*(graph[name][label]["requires"] for name, label in pins.items()))]
    for requirement in map(Requirement, texts):
        joined[requirement.name] = joined.get(requirement.name, SpecifierSet()) & requirement.specifier
    return joined


def holds(graph: dict[str, Any], roots: list[str], pins: dict[str, str]) -> bool:
    return all(
        name in pins and pins[name] in specifier.filter(graph[name])
        for name, specifier in requirements_on(graph, roots, pins).items()
    )


def solvable(graph: dict[str, Any], roots: list[str]) -> bool:
    """Try every choice of versions, or none, of every project. For final releases only."""

    def allowed(texts: list[str]) -> list[tuple[str, frozenset[str]]]:
        parsed = map(Requirement, texts)
        return [(one.name, frozenset(one.specifier.filter(graph.get(one.name, ())))) for one in parsed]

    asked = allowed(roots)
    needs = {
        (name, label): allowed(content["requires"])
        for name, found in graph.items()
        for label, content in found.items()
    }
    for labels in itertools.product(*([None, *found] for found in graph.values())):
        pins = dict(zip(graph, labels, strict=True))
        wanted = [asked, *(needs[name, label] for name, label in pins.items() if label is not None)]
        if all(pins.get(name) in fitting for name, fitting in itertools.chain(*wanted)):
            return True
    return False


@settings(max_examples=60)
@given(graphs(("1", "2", "3", "4")))
def test_a_solution_is_found_exactly_where_there_is_one(case: tuple[dict[str, Any], list[str]]) -> None:
    graph, roots = case
    pins = attempt(graph, roots)
    assert (pins is not None) == solvable(graph, roots)
    assert pins is None or holds(graph, roots, pins)


@settings(max_examples=60)
@given(graphs(("1", "2rc1", "2", "3.dev1")))
def test_pre_releases_in_a_solution_are_admitted_by_it(case: tuple[dict[str, Any], list[str]]) -> None:
    graph, roots = case
    pins = attempt(graph, roots)
    assert pins is None or holds(graph, roots, pins)
    assert pins is None or pins.keys() == requirements_on(graph, roots, pins).keys()


@settings(max_examples=50)
@given(graphs(("1", "2rc1", "2", "3")))
def test_the_order_in_which_things_are_listed_changes_nothing(case: tuple[dict[str, Any], list[str]]) -> None:
    graph, roots = case
    assert attempt(graph, roots) == attempt(graph, roots, backwards=True)


@settings(max_examples=50)
@given(graphs(("1", "2", "3", "4")))
def test_a_solution_is_its_own_fixed_point(case: tuple[dict[str, Any], list[str]]) -> None:
    graph, roots = case
    pins = attempt(graph, roots)
    if pins is None:
        return
    preferred = {canonicalize_name(name): Version(label) for name, label in pins.items()}
    again = solve(request(*roots, preferred=preferred), SourceRouter([FakeSource("index", graph)]))
    assert versions(again) == pins


def test_names_are_compared_in_their_normal_form() -> None:
    source = FakeSource("index", {"Foo_Bar": {"1": {"requires": ["B.A-Z"]}}, "b-a-z": {"1": {}}})
    resolution = solve(request("foo.bar"), SourceRouter([source]))
    assert [pin.name for pin in resolution.pins] == [NormalizedName("b-a-z"), NormalizedName("foo-bar")]
