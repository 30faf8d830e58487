"""Download files into the cache, many at once, and verify them."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from msgspec import Struct

from pipper.cache.cache import Cache
from pipper.cache.receiver import Receiver
from pipper.core.reporter import Reporter, Task
from pipper.core.same_cause import once_each
from pipper.core.wording import counted
from pipper.errors import ObjectAbsentError, PipperError, StoreError, gravest
from pipper.system.parallel import spread
from pipper.system.retry import pause_if_broken, retry

JOBS = 16
"""Downloads at once: more than processors, because they wait for the network."""
_AT_FIRST = 2
"""Downloads at once, as long as they need not wait."""

_ATTEMPTS = 5
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 5.0
_GRACE = 300.0
_SLOWEST = 50_000
"""Bytes per second of all downloads: a slower server is stalled (the slow retrieval attack of TUF)."""


class Download(Struct, frozen=True, kw_only=True):
    """A file to fetch."""

    subject: str
    """Names it in errors: `foo 1.2 from s3://bucket/key`; contains no signature."""
    sha256: str
    size: int
    """Bytes."""
    open: Callable[[int], AbstractContextManager[Iterator[bytes]]]
    """Opens the body for reading from an offset; raises as `Store.stream` does."""


def fetch(
    downloads: Sequence[Download],
    cache: Cache,
    reporter: Reporter,
    *,
    jobs: int = JOBS,
    arrived: Callable[[Download], None] | None = None,
) -> None:
    """Download every file into the cache, the largest first; return when all are complete.

    An incomplete body is resumed, a limited number of times; a body with a wrong hash is downloaded once more.
    `arrived` is called in the download's thread for each complete file, so that work on it overlaps with the
    other downloads. All files are tried; then the gravest error is raised, and the others are warnings: the
    errors of stores; IntegrityError for a wrong hash; StoreError if everything takes too long; MachineError for
    the disk. Incomplete files are removed.
    """
    wanted = sorted({each.sha256: each for each in downloads}.values(), key=lambda each: -each.size)
    total = sum(each.size for each in wanted)
    if not wanted:
        return
    deadline = time.monotonic() + _GRACE + total / _SLOWEST
    failures: list[BaseException] = []
    with reporter.task("Downloading", total=total, unit="bytes") as task:
        run = _Run(cache=cache, task=task, deadline=deadline, stop=threading.Event())

        def work(download: Download) -> None:
            try:
                run.fetch(download)
                if arrived:
                    arrived(download)
            except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
                failures.append(error)

        spread(work, wanted, jobs=jobs, at_first=_AT_FIRST, stop=run.stop)
    _raise_gravest(failures, reporter)


class _Run(Struct, frozen=True, kw_only=True):
    cache: Cache
    task: Task
    deadline: float
    stop: threading.Event

    def fetch(self, download: Download) -> None:
        with self.cache.receive(download.sha256, download.size, subject=download.subject) as receiver:
            self._complete(download, receiver)
            if not receiver.matches():
                # Once more from the start: it may have been replaced between two parts, or damaged in transit.
                self.task.advance(-receiver.size)
                receiver.restart()
                self._complete(download, receiver)

    def _complete(self, download: Download, receiver: Receiver) -> None:
        """Read until the body has its size; raises StoreError after too many attempts."""
        attempts = 0

        def attempt() -> None:
            nonlocal attempts
            attempts += 1
            self._read(download, receiver)

        try:
            retry(
                attempt,
                attempts=_ATTEMPTS,
                pause=lambda error: None if self._is_late() else pause_if_broken(error),
                first=_FIRST_WAIT,
                longest=_LONGEST_WAIT,
                sleep=self.stop.wait,
            )
        except ObjectAbsentError:
            raise
        except StoreError as error:
            raise _given_up(download, receiver, attempts, error) from error

    def _read(self, download: Download, receiver: Receiver) -> None:
        with download.open(receiver.size) as pieces:
            for piece in pieces:
                receiver.write(piece)
                self.task.advance(len(piece))
                if self._is_late():
                    raise StoreError(f"{download.subject} arrived too slowly")
                if self.stop.is_set():
                    raise StoreError(f"{download.subject} was interrupted")
        if receiver.size < download.size:
            raise StoreError(
                f"{download.subject} is incomplete",
                cause=f"{receiver.size:,} of {download.size:,} bytes arrived",
            )

    def _is_late(self) -> bool:
        return self.stop.is_set() or time.monotonic() > self.deadline


def _given_up(download: Download, receiver: Receiver, attempts: int, error: StoreError) -> StoreError:
    return StoreError(
        f"cannot download {download.subject}: {receiver.size:,} of {download.size:,} bytes"
        f" in {counted(attempts, 'attempt')}",
        cause=error.cause or error.message,
        hint=error.hint or "run the command again: complete files are not downloaded again",
    )


def _raise_gravest(failures: Sequence[BaseException], reporter: Reporter) -> None:
    known = []
    for error in failures:
        if not isinstance(error, PipperError):
            raise error
        known.append(error)
    if not known:
        return
    code = gravest(error.exit_code for error in known)
    kinds = once_each(known)
    worst = next(error for error in kinds if error.exit_code == code)
    for error in kinds:
        if error is not worst:
            reporter.warning(error.message)
    for error in known:
        reporter.detail(error.message)
    raise worst
