"""Every file of `tests/solver_cases` is one behaviour of the solver; its first line says which."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipper.core.lock.model import Pin
from pipper.core.lock.selection import best_wheel
from tests.solver_case import FOLDER, OPTIONS, Outcome, digests, run

CASES = sorted(FOLDER.glob("*.toml"))
EXPECTATIONS = {
    "cause", "closures", "conditions", "dependencies", "environments", "error", "extras", "failures", "files",
    "hint", "locked-files", "message", "not-asked", "not-told", "pins", "sources", "warnings",
}  # fmt: skip


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_solver_does_as_the_case_says(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    case = tomllib.loads(text)
    assert text.startswith('sentence = "')
    expect = case["expect"]
    assert expect.keys() <= EXPECTATIONS
    failing = "message" in expect
    assert failing or expect.keys() & {"pins", "sources", "files", "environments"}

    outcome = run(case)
    found = outcome.told()
    assert ("error" in found) == failing, found
    if failing:
        assert found["error"] == expect.get("error", "NoSolutionError")
        assert "\n" not in found["message"]
        assert "\n" not in found["hint"]
    for key, wanted in expect.items():
        check(key, wanted, found, outcome)
    if outcome.lock is not None:
        check_what_a_sync_takes(outcome)
    assert run(case, backwards=True).told() == found, "published the other way round, it is told otherwise"
    if outcome.lock is not None:
        again = run(case, old=outcome.lock).told()
        assert again["lock"] == found["lock"], "locked again, it is another lock"


def check_what_a_sync_takes(outcome: Outcome) -> None:
    """Hold the wheel that a sync would take in each environment against the one whose requirements were solved."""
    assert outcome.lock is not None
    assert outcome.solutions is not None
    for target, resolution in outcome.solutions.resolutions.items():
        for pin in resolution.pins:
            package = outcome.lock.by_pin[Pin(name=pin.name, version=str(pin.version))]
            taken = best_wheel(package.wheels, target)
            assert pin.files[0].is_sdist or (taken and taken.filename) == pin.files[0].filename


def check(key: str, wanted: Any, found: dict[str, Any], outcome: Outcome) -> None:
    """Hold one expectation against what was found."""
    if key == "not-asked":
        for source in outcome.sources:
            assert not source.names_asked() & set(wanted.get(source.alias, ()))
    elif key == "not-told":
        for fragment in wanted:
            assert fragment not in f"{found['message']}\n{found['cause']}\n{found['hint']}", found
    elif key in {"message", "cause", "hint"}:
        for fragment in wanted:
            assert fragment in found[key], found
    elif key == "warnings":
        assert len(found["warnings"]) == len(wanted), found["warnings"]
        for fragment, warning in zip(wanted, found["warnings"], strict=True):
            assert fragment in warning
    elif key == "failures":
        assert found["failures"].keys() == wanted.keys()
        for name, fragments in wanted.items():
            assert all(fragment in found["failures"][name] for fragment in fragments), found["failures"]
    elif isinstance(wanted, dict):
        assert {name: found[key].get(name) for name in wanted} == wanted
    else:
        assert found[key] == wanted


def test_no_two_cases_say_the_same() -> None:
    sentences = [path.read_text(encoding="utf-8").splitlines()[0] for path in CASES]
    assert len(set(sentences)) == len(sentences) >= 200


@pytest.mark.parametrize("seed", ["1", "20261123"])
def test_the_order_of_sets_changes_no_byte(seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.solver_case"],
        cwd=FOLDER.parent.parent,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == digests(CASES)


def test_every_table_of_a_case_is_a_source_or_an_option() -> None:
    for path in CASES:
        case = tomllib.loads(path.read_text(encoding="utf-8"))
        assert {key for key in case if key not in OPTIONS} <= {"acme", "drop", "index"}, path
