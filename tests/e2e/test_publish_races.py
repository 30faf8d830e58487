"""Many publishers at once on a real server: one wins what can only be won once, and nobody's version is lost."""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest

from pipper.ops.repository.publish import PublishRequest, publish
from tests.s3_endpoint import S3Endpoint
from tests.shelf import Shelf
from tests.wheelhouse import make_wheel

pytestmark = pytest.mark.e2e

ROUNDS = int(os.environ.get("PIPPER_ROUNDS", "12"))
"""Read here: no variable of pipper's own reaches a test."""
CROWD = 16
_PATIENCE = 120

Result = tuple[str, int]
"""What became of a publication: its status, and the exit code that the command would end with."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """A process that publishes one wheel after another, each at the same moment as its rivals."""

    pipe: "Connection[Path | None, Result]"

    def begin(self, wheel: Path) -> None:
        self.pipe.send(wheel)

    def result(self) -> Result:
        assert self.pipe.poll(_PATIENCE), "a publisher does not answer"
        return self.pipe.recv()


Begin = Callable[[int, S3Endpoint, str], list[Publisher]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Start so many processes that publish into a bucket."""
    context = multiprocessing.get_context("spawn")
    processes = []
    publishers: list[Publisher] = []
    barriers = []

    def start(count: int, server: S3Endpoint, bucket: str) -> list[Publisher]:
        barrier = context.Barrier(count)
        barriers.append(barrier)  # gone for its waiters, too, as soon as nobody here holds it
        for number in range(count):
            ours, theirs = context.Pipe()
            # a copy of the endpoint, without the client it may hold: that one cannot be sent
            shelf = Shelf(root=tmp_path / f"publisher-{number}", server=replace(server), bucket=bucket)
            shelf.root.mkdir()
            process = context.Process(target=publish_all, args=(shelf, theirs, barrier), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            publishers.append(Publisher(ours))
        return publishers

    yield start
    for publisher in publishers:
        publisher.pipe.send(None)
        publisher.pipe.close()
    for process in processes:
        process.join(_PATIENCE)
        process.close()


def publish_all(shelf: Shelf, pipe: "Connection[Result, Path | None]", barrier: Barrier) -> None:
    """Publish every wheel that comes, until None does."""
    while (wheel := pipe.recv()) is not None:
        barrier.wait(_PATIENCE)
        (published,) = publish(shelf.settings, PublishRequest(paths=(wheel,)), now=datetime.now(UTC))
        pipe.send((published.status, published.error.exit_code if published.error else 0))


def entries(server: S3Endpoint, bucket: str) -> dict[str, Any]:
    """What the page of alpha says, by file name."""
    body = server.client.get_object(Bucket=bucket, Key="pipper/alpha/index.json")["Body"].read()
    return {entry["filename"]: entry for entry in json.loads(body)["files"]}


def test_of_two_who_publish_one_version_with_different_bytes_one_wins_every_time(
    ceph: S3Endpoint, tmp_path: Path, begin: Begin
) -> None:
    bucket = ceph.fresh_bucket()
    rivals = begin(2, ceph, bucket)
    winners = {}
    for number in range(ROUNDS):
        wheels = [
            make_wheel(tmp_path / side, "alpha", f"1.{number}.0", files={"alpha.py": f"of = {side!r}\n"})
            for side in ("left", "right")
        ]
        for rival, wheel in zip(rivals, wheels, strict=True):
            rival.begin(wheel)
        results = [rival.result() for rival in rivals]
        assert sorted(results) == [("failed", 7), ("published", 0)], f"round {number}: {results}"
        winner = wheels[results.index(("published", 0))]
        winners[winner.name] = sha256(winner.read_bytes()).hexdigest()
    page = entries(ceph, bucket)
    assert {name: entry["hashes"]["sha256"] for name, entry in page.items()} == winners
    for name, entry in page.items():
        key = f"pipper/alpha/{entry['url']}"
        body = ceph.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        assert sha256(body).hexdigest() == winners[name]


def test_sixteen_who_publish_versions_of_one_project_at_once_are_all_on_its_page(
    ceph: S3Endpoint, tmp_path: Path, begin: Begin
) -> None:
    bucket = ceph.fresh_bucket()
    crowd = begin(CROWD, ceph, bucket)
    wheels = [make_wheel(tmp_path, "alpha", f"1.{number}.0") for number in range(CROWD)]
    for publisher, wheel in zip(crowd, wheels, strict=True):
        publisher.begin(wheel)
    with ThreadPoolExecutor(CROWD) as pool:
        results = list(pool.map(Publisher.result, crowd))
    assert results == [("published", 0)] * CROWD
    assert entries(ceph, bucket).keys() == {wheel.name for wheel in wheels}
