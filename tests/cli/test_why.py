"""`pipper why`: every chain from the manifest to a package."""

import json

import pytest

from tests.invariants import Workspace
from tests.stock import stock


@pytest.fixture
def shop(empty: Workspace) -> Workspace:
    return stock(empty)


def test_every_chain_is_told_the_shortest_first(shop: Workspace) -> None:
    before = shop.state()
    assert shop.run("why", "Base").stdout == (
        "dependencies: base -> base 1.0\n"
        "dependencies: models<2 -> models 1.0 -> base 1.0\n"
        "group dev: tester -> tester 1.0 -> base 1.0\n"
        "extra plots: plots[fast] -> plots 1.0 -> models 1.0 -> base 1.0\n"
    )
    shop.compare(before)


def test_json_has_each_chain_with_its_requirement(shop: Workspace) -> None:
    told = json.loads(shop.run("why", "nums", "--json").stdout)
    assert told["name"] == "nums"
    assert told["complete"] is True
    assert told["chains"] == [
        {
            "root": {
                "kind": "extra",
                "label": "plots",
                "requirement": "plots[fast]",
                "name": "plots",
                "version": "1.0",
            },
            "packages": [{"name": "plots", "version": "1.0"}, {"name": "nums", "version": "1.0"}],
        }
    ]


def test_a_name_that_the_lock_does_not_hold_is_refused(shop: Workspace) -> None:
    shop.refused("why", "nothing", code=2, subject="pipper.lock does not contain `nothing`")


def test_more_chains_than_anyone_reads_are_cut_off_and_that_is_said(empty: Workspace) -> None:
    floors = [[f"p-{level}-{number}" for number in range(5)] for level in range(4)]
    wheels = [empty.wheel("goal")]
    for here, below in zip(floors, [*floors[1:], ["goal"]], strict=True):
        wheels += [empty.wheel(name, requires=below) for name in here]
    empty.publish(*wheels)
    empty.write_manifest(*floors[0])
    empty.run("lock")
    done = empty.run("why", "goal")
    assert len(done.stdout.splitlines()) == 100
    assert done.stderr == "There are more chains; these are the shortest\n"
    told = json.loads(empty.run("why", "goal", "--json").stdout)
    assert (len(told["chains"]), told["complete"]) == (100, False)
