"""resolvelib decides: every command that chooses versions goes through its rounds."""

from collections.abc import Iterator
from unittest import mock

import pytest
from resolvelib.reporters import BaseReporter

from tests.invariants import Workspace
from tests.s3_endpoint import S3Endpoint


@pytest.fixture
def rounds() -> Iterator[list[int]]:
    """The numbers of all rounds that resolvelib reports."""
    seen: list[int] = []

    def starting_round(self: object, index: int) -> None:
        seen.append(index)

    with mock.patch.object(BaseReporter, "starting_round", starting_round):
        yield seen


@pytest.mark.parametrize(
    "command",
    [
        ("lock", "-U"),
        ("add", "gamma"),
        ("install", "gamma"),
        ("install", "-t", "vendor", "alpha"),
        ("download", "alpha", "-d", "wheels"),
    ],
    ids=" ".join,
)
def test_versions_are_chosen_in_rounds(
    workspace: Workspace, rounds: list[int], command: tuple[str, ...]
) -> None:
    workspace.run(*command)
    # alpha and beta at the least, and one more round that finds nothing left to choose
    assert rounds[:3] == [0, 1, 2]


def test_authorize_of_a_name_chooses_in_rounds(
    workspace: Workspace, rounds: list[int], bucket: str, s3_server: S3Endpoint
) -> None:
    url = f"s3://{bucket}/pipper"
    workspace.run("publish", workspace.wheel("alpha", "1.0.0"), "-b", url, env=s3_server.environment)
    workspace.run("authorize", "alpha", "-b", url, env=s3_server.environment)
    assert rounds == [0, 1]


def test_a_sync_chooses_nothing(workspace: Workspace, rounds: list[int]) -> None:
    workspace.run("sync", "--check")
    assert rounds == []
