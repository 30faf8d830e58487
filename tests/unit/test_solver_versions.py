"""What resolvelib keeps of every round costs as much as changed in it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from pipper.core.manifest.root_label import PROJECT
from pipper.solve.request import SolveRequest
from pipper.solve.router import SourceRouter
from pipper.solve.search import Search
from pipper.solve.solver import solve
from pipper.solve.versions import Pins, VersionedDict
from tests.fake_source import LINUX, FakeSource

STEPS = st.lists(
    st.tuples(
        st.integers(0, 5), st.sampled_from(["copy", "set", "pop", "popitem", "become"]), st.integers(0, 4)
    ),
    max_size=40,
)


@given(STEPS)
def test_every_copy_holds_what_a_copy_of_a_dict_would(steps: list[tuple[int, str, int]]) -> None:
    dicts: list[dict[int, int]] = [{1: 1}]
    copies: list[Pins[int, int]] = [Pins([(1, 1)])]
    for number, (which, step, key) in enumerate(steps):
        plain, copy = dicts[which % len(dicts)], copies[which % len(dicts)]
        if step == "copy":
            dicts.append(dict(plain))
            copies.append(copy.copy())
        elif step == "set":
            plain[key] = copy[key] = number
        elif step == "pop":
            assert plain.pop(key, None) == copy.pop(key, None)
        elif step == "popitem" and plain:
            name, value = copy.popitem()
            assert plain.pop(name) == value
        elif step == "become":
            dicts[which % len(dicts)] = dict(dicts[key % len(dicts)])
            copy.become(copies[key % len(dicts)])
        assert [dict(each.items()) for each in copies] == dicts
        assert [(len(each), each.get(key), key in each) for each in copies] == [
            (len(each), each.get(key), key in each) for each in dicts
        ]


def test_the_order_is_that_of_a_dict_after_a_search_went_back() -> None:
    first: Pins[str, int] = Pins([("a", 1)])
    first["b"] = 2
    second = first.copy()
    second["c"] = 3
    second["d"] = 4
    assert second.popitem() == ("d", 4)
    third = first.copy()
    third["e"] = 5
    assert [list(dict(each.items())) for each in (second, first, third)] == [
        ["a", "b", "c"],
        ["a", "b"],
        ["a", "b", "e"],
    ]
    assert first.popitem() == ("b", 2)


def changes(count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many changes are kept in a solve of a chain of so many projects."""
    graph: dict[str, Any] = {
        f"link-{number}": {"1": {"requires": [f"link-{number + 1}"]}} for number in range(count - 1)
    }
    graph[f"link-{count - 1}"] = {"1": {}}
    kept: list[str] = []
    inner = VersionedDict._leave

    def leave(self: VersionedDict[Any, Any], key: Any, value: Any) -> None:
        kept.append(key)
        inner(self, key, value)

    with monkeypatch.context() as patch:
        patch.setattr(VersionedDict, "_leave", leave)
        request = SolveRequest(target=LINUX, roots={PROJECT: (Requirement("link-0"),)})
        assert len(solve(request, SourceRouter([FakeSource("index", graph)])).pins) == count
    return len(kept)


def looks(count: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How often the urgency of a project is asked for in a solve with so many of them open at once."""
    graph: dict[str, Any] = {f"leaf-{number}": {"1": {}, "2": {}} for number in range(count)}
    graph["top"] = {"1": {"requires": list(graph)}}
    asked: list[int] = []
    inner = Search._urgency

    def urgency(self: Search, variable: int, offered: int, chosen: Any) -> Any:
        asked.append(variable)
        return inner(self, variable, offered, chosen)

    with monkeypatch.context() as patch:
        patch.setattr(Search, "_urgency", urgency)
        request = SolveRequest(target=LINUX, roots={PROJECT: (Requirement("top"),)})
        assert len(solve(request, SourceRouter([FakeSource("index", graph)])).pins) == count + 1
    return len(asked)


def test_twice_as_many_open_projects_are_looked_at_twice_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < looks(80, monkeypatch) <= 2 * looks(40, monkeypatch) + 2


def test_twice_as_many_projects_keep_twice_as_many_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < changes(80, monkeypatch) <= 2 * changes(40, monkeypatch) + 2
