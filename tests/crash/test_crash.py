"""A change that is killed, interrupted or refused by the disk leaves the old state, the new one, or says so.

By default a sample: of each change a few mutations, under every second disturbance. `PIPPER_CRASH_ALL=1` tries every
mutation under every disturbance, which takes hours.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ALL = bool(os.environ.get("PIPPER_CRASH_ALL"))
PROJECT = Path(__file__).parents[2]
DISTURBANCES = (
    "kill",
    "kill_twice",
    "interrupt",
    "full_disk",
    "one_failure",
    "one_refusal",
    "bad_disk",
)

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="the driver forks, and reads /proc"
)


@pytest.mark.parametrize(
    ("world", "least", "samples", "disturbances"),
    [
        pytest.param("engine", 150, 4, DISTURBANCES, id="test_a_mixed_plan"),
        pytest.param("fresh", 1500, 1, DISTURBANCES[::2], id="test_a_fresh_sync"),
        pytest.param("begun", 200, 2, DISTURBANCES[1::2], id="test_an_add_without_an_environment"),
        pytest.param("remade", 300, 1, DISTURBANCES[1::2], id="test_a_fresh_sync_by_its_recipe"),
        pytest.param("anew", 500, 3, DISTURBANCES, id="test_an_environment_that_is_made_anew"),
        pytest.param("upgrade", 2000, 1, DISTURBANCES[::2], id="test_an_upgrade_of_20_packages"),
        pytest.param("downgrade", 1200, 1, DISTURBANCES[1::2], id="test_a_downgrade_of_20_packages"),
        pytest.param("removal", 300, 1, DISTURBANCES[::2], id="test_a_removal"),
        pytest.param("relock", 25, 3, DISTURBANCES[1::2], id="test_a_new_lock"),
    ],
)
def test_C1_C2_C4_C6_no_moment_is_the_wrong_one(
    world: str, least: int, samples: int, disturbances: Sequence[str], tmp_path: Path
) -> None:
    """`least`: how many mutations the change makes, so that the harness cannot lose sight of them."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.crash.driver",
            tmp_path,
            world,
            "0" if ALL else str(samples),
            *(DISTURBANCES if ALL else disturbances),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    print(f"{world}: {told['points']} mutations, tried {told['tried']}")  # noqa: T201 - how much this run covered
    assert told["points"] > least
    assert told["failures"] == {}
