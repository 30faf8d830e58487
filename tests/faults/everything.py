"""Tries many points, several at once."""

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from tests.faults.bench import Bench, Point, World
from tests.faults.proxy import Proxy
from tests.faults.runner import Runner
from tests.s3_endpoint import S3Endpoint

SAMPLE = 97
"""A sample has one point of so many."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was tried and found."""

    worlds: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """By world: its requests, its points, and how many of them were tried."""
    failures: dict[Point, list[str]] = field(default_factory=dict)


def try_all(
    server: S3Endpoint,
    root: Path,
    tally: Tally,
    *,
    worlds: Sequence[str],
    every: int = 1,
    jobs: int = 2,
    only: str = "",
    failed: Callable[[Point, list[str]], None] = lambda point, problems: None,
) -> None:
    """Try `every` n-th point of these worlds whose description has the pattern `only`; `failed` is told at once."""
    with contextlib.ExitStack() as stack:
        proxy = stack.enter_context(Proxy(server))
        bucket = server.fresh_bucket()
        free: SimpleQueue[Bench] = SimpleQueue()
        for number in range(jobs):
            place = root / str(number)
            place.mkdir()
            free.put(Bench(server, proxy, stack.enter_context(Runner(place)), bucket, place))
        pool = ThreadPoolExecutor(jobs)
        stack.callback(
            pool.shutdown, cancel_futures=True
        )  # an interrupt waits for what runs, and not for all
        for turn, name in enumerate(worlds):
            with _taken(free) as bench:
                world = bench.world(name)
            points = [point for point in world.points() if re.search(only, str(point))]
            chosen = points[turn % every :: every]
            for tried, (point, problems) in enumerate(pool.map(partial(_tried, free, world), chosen), 1):
                tally.worlds[name] = (len(world.requests), len(points), tried)
                if problems:
                    tally.failures[point] = problems
                    failed(point, problems)


@contextmanager
def _taken(free: "SimpleQueue[Bench]") -> Iterator[Bench]:
    bench = free.get()
    try:
        yield bench
    finally:
        free.put(bench)


def _tried(free: "SimpleQueue[Bench]", world: World, point: Point) -> tuple[Point, list[str]]:
    with _taken(free) as bench:
        return point, bench.try_point(world, point)
