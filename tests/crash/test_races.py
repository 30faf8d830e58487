"""Commands at once on what they share: every end state is exactly one of the locks.

By default two rounds of each race; `PIPPER_ROUNDS=100` runs so many.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROUNDS = os.environ.get("PIPPER_ROUNDS", "2")
PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the racers are forks")


@pytest.mark.parametrize(
    "race",
    [
        pytest.param("one_environment", id="test_C7_syncs_into_one_environment"),
        pytest.param("one_project", id="test_C7_syncs_of_one_project_that_has_no_environment"),
        pytest.param("one_cache", id="test_C8_environments_from_one_cache_beside_prune_and_clean"),
    ],
)
def test_C7_C8_of_eight_at_once_each_end_is_exactly_a_lock(race: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.racer", tmp_path, race, ROUNDS],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    print(f"{race}: {told['rounds']} rounds, exit codes {told['codes']}")  # noqa: T201 - how much this run covered
    assert told["failures"] == {}
