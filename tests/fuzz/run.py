"""Many mutants in several processes, counted; what must not be is told with the number that makes it again."""

import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from multiprocessing import get_context

from tests.fuzz.mutate import mutant
from tests.fuzz.trial import Outcome, bench

_CHUNK = 2_000
_FEW = 200
_SLOWEST = 5
MOST_MEMORY = 512 << 20
"""Bytes that a process may have held at most, whatever came by."""


@dataclass(slots=True)
class Tally:
    """What became of some mutants."""

    families: Counter[str] = field(default_factory=Counter)
    findings: list[Outcome] = field(default_factory=list)
    slowest: list[tuple[float, int]] = field(default_factory=list)
    """Seconds of processor time, and index."""
    seconds: float = 0.0
    memory: int = 0
    """Bytes by which the biggest process grew: one that runs other tests too was big before."""

    def add(self, outcome: Outcome) -> None:
        """Count one mutant."""
        self.families[outcome.family] += 1
        self.seconds += outcome.seconds
        if outcome.findings:
            self.findings.append(outcome)
        self.slowest = sorted([*self.slowest, (outcome.seconds, outcome.index)])[-_SLOWEST:]

    def merge(self, other: "Tally") -> None:
        """Count those of another one."""
        self.families += other.families
        self.findings += other.findings
        self.seconds += other.seconds
        self.slowest = sorted([*self.slowest, *other.slowest])[-_SLOWEST:]
        self.memory = max(self.memory, other.memory)

    @property
    def count(self) -> int:
        """How many mutants."""
        return self.families.total()

    @property
    def accepted(self) -> int:
        """How many passed the gate and were installed."""
        return sum(count for family, count in self.families.items() if family.startswith("accepted"))

    @property
    def failed(self) -> bool:
        """Whether anything was found that must not be."""
        return bool(self.findings) or self.memory > MOST_MEMORY


def try_range(seed: int, start: int, stop: int) -> Tally:
    """Try the mutants from `start` to before `stop` in this process; a warning counts as an exception."""
    tally, before = Tally(), _peak()
    with warnings.catch_warnings(), bench() as place:
        warnings.simplefilter("error")
        for index in range(start, stop):
            tally.add(place.try_one(mutant(seed, index)))
    tally.memory = _peak() - before
    return tally


def try_many(seed: int, count: int, jobs: int, told: Callable[[str], None] = lambda line: None) -> Tally:
    """Try the first `count` mutants of `seed` in `jobs` processes; `told` gets a line now and then."""
    tally = Tally()
    began = time.monotonic()
    for part in _parts(seed, count, jobs):
        tally.merge(part)
        rate = tally.count / (time.monotonic() - began)
        told(f"{tally.count:,} of {count:,}, {rate:,.0f} a second, {len(tally.findings)} findings")
    return tally


def try_for(seed: int, seconds: float, told: Callable[[str], None] = lambda line: None) -> Tally:
    """Try mutants of `seed` in a process of its own for so many seconds of its processor time."""
    tally = Tally()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        while tally.seconds < seconds:
            start = tally.count
            tally.merge(pool.submit(try_range, seed, start, start + _FEW).result())
            told(f"{tally.count:,} mutants, {tally.seconds:.0f} of {seconds:.0f} s")
    return tally


def _parts(seed: int, count: int, jobs: int) -> Iterator[Tally]:
    ranges = [(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        parts = [pool.submit(try_range, seed, start, stop) for start, stop in ranges]
        try:
            for part in as_completed(parts):
                yield part.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _peak() -> int:
    if sys.platform == "win32":
        return 0
    import resource  # there is no such module on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
