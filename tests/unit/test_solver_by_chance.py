"""Graphs by chance: the solver against one that tries everything, and against itself.

A small number of graphs by default; `PIPPER_SOLVER_EXAMPLES=20000` tries as many as it says.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipper.core.target import Target
from tests.chance_graphs import TARGETS, ChanceGraph, Oracle, Pins, digests, locked, make_graph, pins_of

EXAMPLES = int(os.environ.get("PIPPER_SOLVER_EXAMPLES", "100"))
GRAPHS = st.randoms(note_method_calls=False).map(make_graph)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@settings(max_examples=EXAMPLES, deadline=None)
@given(graph=GRAPHS)
def test_there_is_a_solution_exactly_where_trying_everything_finds_one(
    target: Target, graph: ChanceGraph
) -> None:
    oracle = Oracle(graph, target)
    _, solutions = locked(graph, [target])
    pins = pins_of(solutions, target) if solutions else None
    if pins is None:
        assert oracle.solution() is None, graph
    else:
        assert oracle.fault(pins) == "", graph


@settings(max_examples=EXAMPLES, deadline=None)
@given(graph=GRAPHS)
def test_a_lock_for_two_environments_is_right_in_both(graph: ChanceGraph) -> None:
    text, solutions = locked(graph)
    if solutions is None:
        assert Oracle(graph, TARGETS[0]).solution() is None, graph
    else:
        before: Pins = {}
        for target in TARGETS:
            pins = pins_of(solutions, target)
            oracle = Oracle(graph, target)
            right = oracle.solution() is None if pins is None else not oracle.fault(pins, beside=before)
            assert right, graph
            before = pins or {}
    assert locked(graph.turned())[0] == text, "listed the other way round, it is another lock"


@pytest.mark.parametrize("seed", ["1", "20261123"])
def test_the_order_of_sets_changes_no_byte(seed: str) -> None:
    count = max(60, EXAMPLES // 20)
    done = subprocess.run(
        [sys.executable, "-m", "tests.chance_graphs", str(count)],
        cwd=Path(__file__).parent.parent.parent,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == digests(count)


def test_there_are_graphs_with_a_solution_and_graphs_without() -> None:
    graphs = [make_graph(random.Random(seed)) for seed in range(60)]
    solved = sum(Oracle(graph, TARGETS[0]).solution() is not None for graph in graphs)
    assert 15 < solved < 50
