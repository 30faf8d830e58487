"""Whatever happens to a request to S3, nothing published is lost, and the same command again completes the change.

A sample: `python -m tests.faults` tries every disturbance at every request.
"""

from pathlib import Path

import pytest

from tests.faults.everything import SAMPLE, Tally, try_all
from tests.faults.worlds import WORLDS
from tests.s3_endpoint import S3Endpoint

pytestmark = pytest.mark.e2e


def test_C03_S14_no_request_is_the_wrong_one_to_go_wrong(ceph: S3Endpoint, tmp_path: Path) -> None:
    tally = Tally()
    try_all(ceph, tmp_path, tally, worlds=list(WORLDS), every=SAMPLE)
    print(f"{sum(tried for _, _, tried in tally.worlds.values())} points: {tally.worlds}")  # noqa: T201 - what it covered
    assert sum(points for _, points, _ in tally.worlds.values()) > 300, (
        "the harness has lost sight of requests"
    )
    assert {str(point): problems for point, problems in tally.failures.items()} == {}
