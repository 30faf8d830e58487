"""Mutants of one grammar through its reader: a value or a typed error, in bounded time and memory.

Run in a process of its own (`explore`), so that a limit of memory and a crash of the interpreter can be told.
"""

import multiprocessing
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from pipper.errors import PipperError
from tests.fuzz.grammars import GRAMMARS
from tests.fuzz.grammars.base import Grammar
from tests.fuzz.trial import TooLong, limited

LONGEST = 2.0
"""Seconds of processor time that one mutant may take, and as many as `PER_MIB` for each MiB in each pass."""
PER_MIB = 1.0

MEMORY = 1 << 30
"""Bytes of address space that a process may have beside what it begins with."""

_HANGS = 300
"""Seconds after which a process that does not go on is ended."""
_KEPT = 3
"""Mutants of one kind of finding that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What must not be."""

    grammar: str
    index: int
    kind: str
    """Equal for findings that have, as far as can be told, one cause."""
    text: str


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of some mutants of one grammar."""

    grammar: str
    seed: int
    count: int = 0
    accepted: int = 0
    refused: int = 0
    seconds: float = 0.0
    """Of processor time, those of making the mutants included."""
    slowest: tuple[float, int] = (0.0, 0)
    """Seconds, and index."""
    errors: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def found(self, finding: Finding) -> None:
        """Count a finding; keep the first ones of a kind."""
        self.kinds[finding.kind] += 1
        if self.kinds[finding.kind] <= _KEPT:
            self.findings.append(finding)

    def merge(self, other: "Tally") -> None:
        """Count those of another one, too."""
        self.count += other.count
        self.accepted += other.accepted
        self.refused += other.refused
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)
        self.errors += other.errors
        for finding in other.findings:
            self.found(finding)
        self.kinds |= other.kinds


def try_one(grammar: Grammar, seed: int, index: int, tally: Tally) -> None:
    """Try one mutant and count it; never raises."""
    data = grammar.mutant(seed, index)
    longest = LONGEST + PER_MIB * len(data) / 2**20 * grammar.passes
    began = time.process_time()
    try:
        with limited(longest):
            _through(grammar, data, tally)
    except TooLong:
        tally.found(_finding(grammar, index, "too long", f"more than {longest:.1f} s of processor time"))
    except PipperError as error:
        tally.refused += 1
        tally.errors[f"{type(error).__name__}({error.exit_code})"] += 1
        if fault := _fault(error, grammar.codes):
            tally.found(
                _finding(grammar, index, fault, f"{error.message!r:.500}, {error.cause!r:.500}", error)
            )
    except AssertionError as error:
        tally.found(_finding(grammar, index, "broken", str(error)[:2_000]))
    except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
        text = "".join(traceback.format_exception(error))
        tally.found(_finding(grammar, index, type(error).__name__, text[-6_000:], error))
    seconds = time.process_time() - began
    tally.count += 1
    tally.slowest = max(tally.slowest, (seconds, index))


def _through(grammar: Grammar, data: bytes, tally: Tally) -> None:
    value = grammar.read(data)
    if value is None:
        tally.refused += 1
        return
    tally.accepted += 1
    if grammar.write is not None:
        written = grammar.write(value)
        try:
            again = grammar.read(written)
        except PipperError as error:
            raise AssertionError(f"not read back: {error.message!r:.500}: {written!r:.1000}") from error
        assert again == value, f"not read back equal: {written!r:.1500}"


def _fault(error: PipperError, codes: frozenset[int]) -> str:
    """Return why an error is not a good one."""
    if error.exit_code not in codes:
        return f"exit code {error.exit_code}"
    return "" if error.message else "an error without a message"


def _finding(
    grammar: Grammar, index: int, what: str, text: str, error: BaseException | None = None
) -> Finding:
    frames = traceback.extract_tb(error.__traceback__) if error else []
    ours = [
        frame for frame in frames if "pipper" in Path(frame.filename).parts and "tests" not in frame.filename
    ]
    place = f" at {Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else ""
    return Finding(grammar=grammar.name, index=index, kind=what + place, text=text)


def try_range(grammar: Grammar, seed: int, start: int, until: Callable[[int], bool]) -> Tally:
    """Try mutants from `start` in this process until `until` says so of the next; a warning is an exception."""
    tally = Tally(grammar=grammar.name, seed=seed)
    began, index = time.process_time(), start
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while not until(index):
            try_one(grammar, seed, index, tally)
            index += 1
    tally.seconds = time.process_time() - began
    return tally


def explore(name: str, seed: int, seconds: float) -> Tally:
    """Try mutants of a grammar in a process of its own for so many seconds of its processor time.

    A process that dies is a finding; another one goes on after that mutant.
    """
    tally = Tally(grammar=name, seed=seed)
    context = multiprocessing.get_context("spawn")
    start = 0
    while tally.seconds < seconds:
        at: Synchronized[int] = context.Value("q", start)
        results = context.SimpleQueue()
        arguments = (name, seed, start, seconds - tally.seconds, at, results)
        process = context.Process(target=_work, args=arguments)
        process.start()
        part = _result(process, results, at)
        process.join()
        if part is not None:
            tally.merge(part)
            break
        died = Finding(
            grammar=name,
            index=at.value,
            kind=f"the process ended with {process.exitcode}",
            text="it died, or did not go on",
        )
        tally.found(died)
        tally.count += at.value + 1 - start
        tally.seconds += 1 + seconds / 50  # what it took is lost with it
        start = at.value + 1
    return tally


def _result(process: Any, results: Any, at: "Synchronized[int]") -> Tally | None:
    seen, since = -1, time.monotonic()
    while process.is_alive() or not results.empty():
        if not results.empty():
            found: Tally = results.get()
            return found
        if at.value != seen:
            seen, since = at.value, time.monotonic()
        elif time.monotonic() - since > _HANGS:
            process.kill()
            return None
        process.join(0.05)
    return None


def _work(name: str, seed: int, start: int, seconds: float, at: "Synchronized[int]", results: Any) -> None:
    grammar = GRAMMARS[name]
    _limit_memory()
    ends = time.process_time() + seconds

    def until(index: int) -> bool:
        at.value = index
        return time.process_time() >= ends

    results.put(try_range(grammar, seed, start, until))


def _limit_memory() -> None:
    if sys.platform != "linux":
        return
    import resource  # there is no such module on Windows

    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, resource.RLIM_INFINITY))
