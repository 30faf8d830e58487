"""Whole applications over a real registry, with what exists as source only: locked, built, checked, compared with uv.

On demand: `PIPPER_APPLICATIONS=1` tries all of them, with the registry that pip is configured with.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.applications import APPLICATIONS, Outcome, as_row, tried

ALL = os.environ.get("PIPPER_APPLICATIONS", "")
"""Read here: no variable of pipper's own reaches a test."""


@pytest.mark.registry
@pytest.mark.skipif(not ALL, reason="asked for with PIPPER_APPLICATIONS=1")
@pytest.mark.parametrize("name", APPLICATIONS)
def test_R01_an_application_works_with_what_it_has_as_source_and_in_the_versions_that_uv_chooses(
    name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "app"
    folder.mkdir()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    outcome = tried(APPLICATIONS[name], folder, as_of=now, cache=tmp_path / "cache")
    assert outcome.problems == ()
    assert outcome.built
    assert outcome.differences == ()


def test_an_outcome_becomes_a_row_of_the_table() -> None:
    outcome = Outcome(packages=2, built=("promise==2.3",), seconds={"lock": 1.25, "sync": 2})
    row = "| a site | 2 | promise==2.3 | none | 1.2 |  | 2.0 | yes |"
    assert as_row("a site", outcome) == row
    bad = Outcome(problems=("lock: exit 3",), differences=("six: 1, uv 2",))
    assert as_row("a site", bad) == "| a site | 0 |  | six: 1, uv 2 |  |  |  | no |"
