"""One solve for many environments: what is carried over is what a solve of that environment finds."""

import random
from unittest.mock import patch

import pytest

from pipper.core.manifest.declared import synthesised
from pipper.solve.agreement import Carrier
from pipper.solve.request import Resolution, SolveRequest
from tests.chance_graphs import LINUX, WINDOWS, locked, make_graph

OLDER = synthesised("cp311-manylinux_2_17_x86_64", "3.11.2")
NEWER = synthesised("cp313-manylinux_2_28_x86_64", "3.13.1")
MAC = synthesised("cp311-macosx_11_0_arm64", "3.11.9")
TARGETS = (LINUX, OLDER, WINDOWS, NEWER, MAC)


@pytest.mark.parametrize("first", range(0, 600, 100))
def test_a_lock_with_carried_solutions_is_the_one_without_them(first: int) -> None:
    carried = sought = 0
    real = Carrier.carried

    def counted(self: Carrier, request: SolveRequest) -> Resolution | None:
        nonlocal carried, sought
        found = real(self, request)
        carried, sought = carried + (found is not None), sought + (found is None)
        return found

    for seed in range(first, first + 100):
        graph = make_graph(random.Random(seed))
        with patch.object(Carrier, "carried", counted):
            text, solutions = locked(graph, TARGETS)
        with patch.object(Carrier, "carried", return_value=None):
            plain, others = locked(graph, TARGETS)
        assert text == plain, seed
        assert solutions == others, seed
    assert carried > 20
    assert sought > 20
