"""Commands that are killed at each moment, on a real S3 server."""

from pathlib import Path

import pytest

from tests.cli.test_repository_kills import (
    Killed,
    copy_is_completed,
    filled,
    first_publish_is_completed,
    prune_is_completed,
    site_is_mended,
)
from tests.s3_endpoint import S3Endpoint
from tests.shelf import Shelf

pytestmark = pytest.mark.e2e


@pytest.fixture
def killed(ceph: S3Endpoint, tmp_path: Path) -> Killed:
    return filled(Shelf(root=tmp_path, server=ceph, bucket=ceph.fresh_bucket()))


def test_a_copy_that_is_killed_is_completed_by_the_same_command(killed: Killed) -> None:
    copy_is_completed(killed)


def test_a_prune_that_is_killed_is_completed_by_the_same_command(killed: Killed) -> None:
    prune_is_completed(killed)


def test_a_first_publish_that_is_killed_and_repaired_is_completed_by_the_same_command(killed: Killed) -> None:
    first_publish_is_completed(killed)


def test_a_site_is_mended_after_its_publisher_was_killed(killed: Killed) -> None:
    site_is_mended(killed)
