"""The lock as a graph: edges, roots, trees without end and chains without number."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from pipper.core.lock.graph import Graph, Root, chains_to, graph_of, reached, walk
from pipper.core.lock.model import Dependency, Lock, LockedEnvironment, LockedFile, LockedPackage, Pin
from pipper.core.manifest.inputs import Inputs
from pipper.core.manifest.root_label import PROJECT
from pipper.core.target import Target
from pipper.errors import UsageError

TARGET = Target(
    name="cp311-manylinux_2_28_x86_64",
    markers={"sys_platform": "linux", "python_version": "3.11", "python_full_version": "3.11.9"},
)


def pin(text: str) -> Pin:
    name, _, version = text.partition("==")
    return Pin(name=canonicalize_name(name), version=version or "1")


def lock_of(packages: Mapping[str, Iterable[str]], here: Iterable[str], inputs: Inputs) -> Lock:
    """A lock of `packages` (with their dependencies) whose one environment gets `here`."""
    file = LockedFile(sha256="0" * 64, size=1, key="a/b")
    return Lock(
        inputs=inputs,
        environments=(
            LockedEnvironment(
                target=TARGET,
                packages=tuple(pin(text) for text in here),
                groups=dict.fromkeys(inputs.groups, ()),
                extras=dict.fromkeys(inputs.extras, ()),
            ),
        ),
        packages=tuple(
            LockedPackage(
                name=pin(text).name,
                version=pin(text).version,
                source="acme",
                dependencies=tuple(map(Dependency.parse, needs)),
                wheels=(file,),
            )
            for text, needs in packages.items()
        ),
    )


def graph(packages: Mapping[str, Iterable[str]], *asked: str) -> Graph:
    """The graph of a lock that holds one version of everything."""
    lock = lock_of(packages, packages, Inputs(requirements=asked))
    return graph_of(lock, lock.environments[0])


def shape(rows: Iterable[object]) -> list[str]:
    return [f"{'.' * row.depth}{row.pin.name}{'*' if row.repeated else ''}" for row in rows]  # type: ignore[attr-defined]  # rows of `walk`


def ways(found: Graph, name: str, most: int = 100) -> list[str]:
    return [
        ">".join(pin.name for pin in chain.pins) for chain in chains_to(found, pin(name), most=most).chains
    ]


def test_edges_go_to_the_version_that_the_environment_gets() -> None:
    lock = lock_of(
        {"a": ["b==2", "c"], "b==1": [], "b==2": ["c"], "c": []},
        ["a", "b==2", "c"],
        Inputs(requirements=("a",)),
    )
    found = graph_of(lock, lock.environments[0])
    assert found.children[pin("a")] == (pin("b==2"), pin("c"))
    assert found.parents[pin("c")] == (pin("a"), pin("b==2"))
    assert found.find(canonicalize_name("b")) == pin("b==2")


def test_what_another_environment_gets_is_left_out() -> None:
    lock = lock_of(
        {"a": ["b==1", "b==2", "elsewhere"], "b==1": [], "b==2": [], "elsewhere": []},
        ["a", "b==1"],
        Inputs(requirements=("a", "elsewhere")),
    )
    found = graph_of(lock, lock.environments[0])
    assert found.children[pin("a")] == (pin("b==1"),)
    assert [root.pin for root in found.roots] == [pin("a")]
    assert found.find(canonicalize_name("elsewhere")) is None


def test_a_package_that_requires_itself_by_an_extra_has_no_edge_to_itself() -> None:
    assert graph({"a": ["a", "b"], "b": []}, "a").children[pin("a")] == (pin("b"),)


def test_roots_say_which_part_of_the_manifest_they_come_from() -> None:
    inputs = Inputs(
        requirements=("a>=1", "b ; sys_platform == 'win32'"),
        groups={"dev": ("b",)},
        extras={"plots": ("a[x]",)},
    )
    lock = lock_of({"a": [], "b": []}, ["a", "b"], inputs)
    found = graph_of(lock, lock.environments[0])
    assert [(str(root.label), root.requirement) for root in found.roots] == [
        ("dependencies", "a>=1"),
        ("group dev", "b"),
        ("extra plots", "a[x]"),
    ]


def test_a_tree_unfolds_a_package_once_and_ends_in_a_cycle() -> None:
    found = graph({"a": ["b", "c"], "b": ["d"], "c": ["b", "d"], "d": ["a"]}, "a")
    assert shape(walk(found.children, [pin("a")], {})) == ["a", ".b", "..d", "...a*", ".c", "..b*", "..d*"]


def test_a_tree_of_a_depth_unfolds_a_package_again_where_more_of_it_is_shown() -> None:
    found = graph({"a": ["b"], "b": ["c"], "c": ["d"], "d": []}, "a", "b")
    rows = walk(found.children, [pin("a"), pin("b")], {}, most=2)
    assert shape(rows) == ["a", ".b", "..c", "b", ".c", "..d"]


def test_a_leaf_may_come_again_without_a_mark() -> None:
    found = graph({"a": ["c"], "b": ["c"], "c": []}, "a", "b")
    assert shape(walk(found.children, [pin("a"), pin("b"), pin("a")], {})) == ["a", ".c", "b", ".c"]


def test_the_last_of_siblings_is_marked() -> None:
    found = graph({"a": ["b", "c"], "b": [], "c": []}, "a")
    assert [row.last for row in walk(found.children, [pin("a")], {})] == [True, False, True]


def test_a_chain_of_five_thousand_packages_is_walked() -> None:
    packages = {f"p{number}": [f"p{number + 1}"] for number in range(5000)} | {"p5000": []}
    found = graph(packages, "p0")
    assert len(list(walk(found.children, [pin("p0")], {}))) == 5001
    assert len(reached(found.parents, [pin("p5000")])) == 5001
    (chain,) = chains_to(found, pin("p5000"), most=10).chains
    assert len(chain.pins) == 5001


def test_chains_come_shortest_first_and_go_through_no_package_twice() -> None:
    found = graph({"a": ["b"], "b": ["c", "a"], "c": ["b"], "d": ["a"]}, "d", "c", "a")
    assert ways(found, "b") == ["c>b", "a>b", "d>a>b"]


def test_a_package_that_is_asked_for_itself_is_a_chain_of_one() -> None:
    found = graph({"a": [], "b": ["a"]}, "a", "a[x]", "b")
    assert ways(found, "a") == ["a", "a", "b>a"]


def test_what_no_root_leads_to_has_no_chain() -> None:
    found = Graph(roots=(), children={pin("a"): ()})
    assert chains_to(found, pin("a"), most=10).chains == ()
    assert chains_to(found, pin("a"), most=10).complete


@pytest.mark.parametrize(("most", "complete"), [(2, False), (3, True), (4, True)])
def test_it_is_told_whether_all_chains_were_found(most: int, complete: bool) -> None:
    found = graph({"a": ["g"], "b": ["g"], "c": ["g"], "g": []}, "a", "b", "c")
    chains = chains_to(found, pin("g"), most=most)
    assert len(chains.chains) == min(most, 3)
    assert chains.complete is complete


def test_chains_without_number_end() -> None:
    # Thirty levels of ten packages, each requiring the whole next level: 10 to the 30 chains.
    levels = [[f"p{level}-{number}" for number in range(10)] for level in range(30)]
    packages = {
        name: below for here, below in zip(levels, [*levels[1:], ["goal"]], strict=True) for name in here
    }
    found = graph({**packages, "goal": []}, *levels[0])
    chains = chains_to(found, pin("goal"), most=50)
    assert len(chains.chains) == 50
    assert not chains.complete
    assert {len(chain.pins) for chain in chains.chains} == {31}


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    size = draw(st.integers(1, 6))
    pins = [pin(f"p{number}") for number in range(size)]
    children = {
        each: tuple(sorted(draw(st.sets(st.sampled_from(pins), max_size=3)) - {each})) for each in pins
    }
    asked = draw(st.lists(st.sampled_from(pins), min_size=1, unique=True))
    roots = tuple(Root(label=PROJECT, requirement=each.name, pin=each) for each in asked)
    return Graph(roots=roots, children=children)


def all_ways(found: Graph, goal: Pin) -> set[tuple[Pin, ...]]:
    """Every chain, by trying everything."""
    ends: set[tuple[Pin, ...]] = set()
    pending = [(root.pin,) for root in found.roots]
    while pending:
        way = pending.pop()
        if way[-1] == goal:
            ends.add(way)
        else:
            pending += [(*way, child) for child in found.children[way[-1]] if child not in way]
    return ends


@pytest.mark.parametrize("marker", ["sys_platform ~= 'linux'", "sys_platform === 'linux'"])
def test_B03_a_requirement_with_an_undefined_marker_is_refused(marker: str) -> None:
    with pytest.raises(UsageError, match="cannot be evaluated"):
        graph({"alpha": ()}, f"alpha; {marker}")


@given(graphs())
def test_chains_are_exactly_those_that_trying_everything_finds(found: Graph) -> None:
    for goal in found.children:
        chains = chains_to(found, goal, most=10_000)
        assert chains.complete
        told = [chain.pins for chain in chains.chains]
        assert len(told) == len(set(told))
        assert set(told) == all_ways(found, goal)
        assert [len(way) for way in told] == sorted(len(way) for way in told)


@given(graphs())
def test_a_tree_shows_every_package_and_every_edge_once(found: Graph) -> None:
    rows = list(walk(found.children, [root.pin for root in found.roots], {}))
    assert len(rows) <= len(found.roots) + sum(len(below) for below in found.children.values())
    unfolded = [row.pin for row in rows if not row.repeated and found.children[row.pin]]
    assert len(unfolded) == len(set(unfolded))
    assert {row.pin for row in rows} == set(reached(found.children, [root.pin for root in found.roots]))
