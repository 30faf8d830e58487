"""`pipper tree`: the lock as a tree, downward and upward."""

import json

import pytest

from tests.invariants import Workspace
from tests.stock import on_terminal, stock


@pytest.fixture
def shop(empty: Workspace) -> Workspace:
    return stock(empty)


WHOLE = """\
dependencies
  base 1.0
  models 1.0
    base 1.0
    loop 1.0
      models 1.0 (*)
group dev
  tester 1.0
    base 1.0
extra plots
  plots 1.0
    models 1.0 (*)
    nums 1.0
"""


def test_everything_is_shown_under_what_asks_for_it_and_a_cycle_once(shop: Workspace) -> None:
    before = shop.state()
    assert shop.run("tree").stdout == WHOLE
    shop.compare(before)


def test_what_stands_below_one_package_is_shown(shop: Workspace) -> None:
    assert shop.run("tree", "tester", "LOOP").stdout == (
        "tester 1.0\n  base 1.0\nloop 1.0\n  models 1.0\n    base 1.0\n    loop 1.0 (*)\n"
    )


def test_inverted_it_leads_to_the_manifest(shop: Workspace) -> None:
    assert shop.run("tree", "--invert", "base").stdout == (
        "base 1.0 [dependencies]\n"
        "  models 1.0 [dependencies]\n"
        "    loop 1.0\n"
        "      models 1.0 [dependencies] (*)\n"
        "    plots 1.0 [extra plots]\n"
        "  tester 1.0 [group dev]\n"
    )


def test_json_is_the_graph(shop: Workspace) -> None:
    told = json.loads(shop.run("tree", "--json").stdout)
    assert [(root["kind"], root["label"], root["requirement"]) for root in told["roots"]] == [
        ("dependencies", None, "base"),
        ("dependencies", None, "models<2"),
        ("group", "dev", "tester"),
        ("extra", "plots", "plots[fast]"),
    ]
    names = [each["name"] for each in told["packages"]]
    assert names == ["base", "loop", "models", "nums", "plots", "tester"]
    assert told["packages"][2] == {
        "name": "models",
        "version": "1.0",
        "source": "acme",
        "dependencies": ["base", "loop"],
        "required_by": ["loop", "plots"],
    }


def test_json_of_a_part_has_only_that_part(shop: Workspace) -> None:
    told = json.loads(shop.run("tree", "tester", "--json").stdout)
    assert [each["name"] for each in told["packages"]] == ["base", "tester"]
    assert [root["name"] for root in told["roots"]] == ["base", "tester"]
    above = json.loads(shop.run("tree", "--invert", "nums", "--json").stdout)
    assert [each["name"] for each in above["packages"]] == ["nums", "plots"]


def test_a_terminal_gets_branches(shop: Workspace) -> None:
    assert on_terminal(shop, "tree", "models", env={"PYTHONIOENCODING": "utf-8"}).text == (
        "models 1.0\n├── base 1.0\n└── loop 1.0\n    └── models 1.0 (*)\n"
    )


def test_a_terminal_that_cannot_draw_gets_plain_lines(shop: Workspace) -> None:
    shown = on_terminal(shop, "tree", "tester", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert shown.text == "tester 1.0\n  base 1.0\n"


def test_a_name_that_the_lock_does_not_hold_is_refused(shop: Workspace) -> None:
    for args in (("nothing",), ("--invert", "nothing")):
        shop.refused("tree", *args, code=2, subject="pipper.lock does not contain `nothing`")


def test_names_and_an_inverted_name_do_not_go_together(shop: Workspace) -> None:
    shop.refused("tree", "base", "--invert", "base", code=2, subject="cannot be combined")


def test_a_stale_or_missing_lock_is_not_shown(shop: Workspace) -> None:
    shop.manifest.write_text(shop.manifest.read_text().replace("'base'", "'base>=1'"))
    shop.refused("tree", code=2, subject="pipper.lock is out of date")
    shop.lock.unlink()
    shop.refused("tree", code=2, subject="there is no pipper.lock")


def test_without_a_project_it_says_so(shop: Workspace) -> None:
    assert "no project at" in shop.run("tree", cwd=shop.root, code=2).stderr


def test_an_environment_of_its_own_has_a_tree(shop: Workspace) -> None:
    state = shop.root / "packages" / ".pipper"
    state.mkdir(parents=True)
    shop.manifest.rename(state / "pipper.toml")
    shop.lock.rename(state / "pipper.lock")
    assert shop.run("tree", "-t", state.parent).stdout == WHOLE


def test_a_requirement_for_another_system_is_no_root(shop: Workspace) -> None:
    shop.write_manifest(
        "models<2", "nums; sys_platform == 'none'", more="[optional-dependencies]\nx=['nums']\n"
    )
    shop.run("lock", "-P", "base")
    told = json.loads(shop.run("tree", "nums", "--json").stdout)
    assert [root["kind"] for root in told["roots"]] == ["extra"]


def test_an_empty_lock_has_an_empty_tree(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    empty.write_manifest()
    empty.run("lock")
    done = empty.run("tree")
    assert done.stdout == ""
    assert done.stderr.startswith("The lock has no packages for cp3")


def test_a_group_and_an_extra_without_a_solution_have_no_packages(empty: Workspace) -> None:
    """Packages that the rest of the project has are not what the part would get."""
    empty.publish(*(empty.wheel("models", version) for version in ("1.4.0", "1.4.2")), empty.wheel("plots"))
    empty.write_manifest(
        "models==1.4.0",
        more="[dependency-groups]\ndev = ['plots', 'models==1.4.2']\nfine = ['models']\n"
        "[optional-dependencies]\nnew = ['models>1.4']\n",
    )
    assert "no solution for the group `dev`" in empty.run("lock").stderr
    assert empty.run("tree").stdout == (
        "dependencies\n  models 1.4.0\ngroup dev: no solution\ngroup fine\n  models 1.4.0\nextra new: no solution\n"
    )
    assert '["group dev: no solution"]' in empty.run("tree", "--format", "mermaid").stdout
    assert empty.run("tree", "--invert", "models").stdout == "models 1.4.0 [dependencies, group fine]\n"
    assert [root["label"] for root in json.loads(empty.run("tree", "--json").stdout)["roots"]] == [
        None,
        "fine",
    ]
    why = empty.run("why", "models")
    assert why.stdout == "dependencies: models==1.4.0 -> models 1.4.0\ngroup fine: models -> models 1.4.0\n"
    assert "The group `dev` has no solution" in why.stderr
    assert "The extra `new` has no solution" in why.stderr
    told = empty.run("why", "plots", code=2).stderr
    assert "the group `dev`, which requires it, has no solution" in told
