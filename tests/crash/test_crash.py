"""A change that is killed, interrupted or refused by the disk leaves the old state, the new one, or a journal.

By default a sample of its mutations; `PIPPER_CRASH_ALL=1` tries every one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipper.environment import installed
from tests.workshop import Workshop, tree

SAMPLES = "0" if os.environ.get("PIPPER_CRASH_ALL") else "9"
PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the driver forks")


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param("kill", id="test_C1_killed"),
        pytest.param("kill_twice", id="test_C1_killed_while_it_recovers"),
        pytest.param("interrupt", id="test_C4_interrupted"),
        pytest.param("full_disk", id="test_C6_full_disk"),
        pytest.param("one_failure", id="test_C6_one_failure"),
    ],
)
def test_C1_C4_C6_no_moment_is_the_wrong_one(scenario: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.driver", str(tmp_path), scenario, SAMPLES],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    print(f"{scenario}: {told['tried']} of {told['points']} mutations tried")  # noqa: T201 - how much of the change this run covered
    assert told["points"] > 50
    assert told["failures"] == {}


def test_C7_of_eight_at_once_each_is_done_or_told_and_one_lock_holds(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)
    for version in ("1.0", "2.0"):
        for name in ("ant", "bee", "cow"):
            workshop.wheel(
                name, version, files={f"{name}/__init__.py": version, f"{name}/v{version[0]}.py": ""}
            )
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.crash.racer", str(tmp_path), version],
            cwd=PROJECT,
            stderr=subprocess.PIPE,
        )
        for version in ("1.0", "2.0") * 4
    ]
    ends = [(racer.communicate()[1], racer.returncode) for racer in racers]
    assert {code for _, code in ends} <= {0, 7}, ends
    version = (tmp_path / "pipper.lock").read_text()
    assert {each.version for each in installed(workshop.environment)} == {version}
    other = "2" if version == "1.0" else "1"
    assert not [path for path in tree(workshop.library) if path.endswith(f"/v{other}.py")]
