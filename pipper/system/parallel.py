"""Run the same work on many items in threads, for work that waits for a store."""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar, cast

from pipper.core.reporter import Reporter
from pipper.errors import PipperError

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")
R = TypeVar("R")

JOBS = 32
"""Requests at once."""
_SLOW = 0.004
"""Seconds without a finished item that show that work waits, and that more threads are worth their turns."""
_CLEANUP_SECONDS = 1.0
"""How long threads may clean up after an interrupt."""


def in_parallel(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return the result of `work` for each of `items`, in their order.

    If `work` raises, no new item is started, running ones are waited for, and the error of the first failed
    item is raised. An interrupt does not wait for threads that hang.
    """
    if len(items) < 2:
        return [work(item) for item in items]
    done: dict[int, R] = {}
    failed: dict[int, BaseException] = {}

    def one(number: int) -> None:
        try:
            done[number] = work(items[number])
        except BaseException as error:
            failed[number] = error
            raise

    try:
        spread(one, range(len(items)))
    except BaseException as error:
        if error not in failed.values():
            raise
        earliest = failed[min(failed)]
        raise earliest from earliest.__cause__
    return [done[number] for number in sorted(done)]


def attempt_each(
    work: Callable[[T], R], items: Sequence[T], reporter: Reporter | None = None, title: str = ""
) -> list[R | PipperError]:
    """As `in_parallel`, but a PipperError becomes the result of its item; `title` names the task to the reporter."""
    with (reporter or Reporter()).task(title, total=len(items)) as task:

        def attempted(item: T) -> R | PipperError:
            try:
                return work(item)
            except PipperError as error:
                return error
            finally:
                task.advance()

        return in_parallel(attempted, items)


def both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Call two functions at once and return their results; raises what they raise."""
    calls: tuple[Callable[[], A | B], ...] = (first, second)
    one, other = in_parallel(lambda call: call(), calls)
    return cast("A", one), cast("B", other)


def spread(
    work: Callable[[T], object],
    first: Iterable[T],
    follow: Callable[[T], Iterable[T]] = lambda _: (),
    *,
    jobs: int = JOBS,
    at_first: int = JOBS,
    stop: threading.Event | None = None,
) -> None:
    """Run `work`, `jobs` at once, on the items of `first` and on those that `follow` returns for each finished item.

    No more than `at_first` at once as long as they finish in quick succession: threads that need not wait are slower
    than one, because they hand each other the turn at every system call.

    `follow` is called in the calling thread, in the order in which items finish. If anything raises, no new item
    is started, and the error is raised after the running ones have finished. An interrupt does not wait for
    threads that hang. `stop` is set at the end, also by an interrupt, so that `work` can stop early.
    """
    _Spread(work, jobs, at_first, stop or threading.Event()).go(first, follow)


class _Spread(Generic[T]):
    # Not a pool: Python waits for the threads of a pool at exit, and one that hangs in a read would keep an
    # interrupted command from ending.
    def __init__(self, work: Callable[[T], object], jobs: int, at_first: int, stop: threading.Event) -> None:
        self._work = work
        self._most = jobs
        self._jobs = min(jobs, at_first)
        self._stop = stop
        self._todo: SimpleQueue[T | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[T, BaseException | None]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._under_way = 0

    def go(self, first: Iterable[T], follow: Callable[[T], Iterable[T]]) -> None:
        try:
            self._begin(first)
            while self._under_way:
                try:
                    # Not without a limit, so that an interrupt arrives on every system.
                    item, error = self._done.get(timeout=_SLOW if self._jobs < self._most else 1.0)
                except Empty:
                    self._jobs = min(2 * self._jobs, self._most)
                    self._start()
                    continue
                self._under_way -= 1
                if error is not None:
                    raise error
                self._begin(follow(item))
        except BaseException as error:
            self._end()
            for thread in self._threads:
                thread.join(_CLEANUP_SECONDS / len(self._threads))
                while isinstance(error, Exception) and thread.is_alive():
                    thread.join(1.0)
            raise
        self._end()

    def _begin(self, items: Iterable[T]) -> None:
        for item in items:
            self._under_way += 1
            self._todo.put(item)
            self._start()

    def _start(self) -> None:
        while len(self._threads) < min(self._jobs, self._under_way):
            thread = threading.Thread(target=self._drain, daemon=True)
            thread.start()
            self._threads.append(thread)

    def _end(self) -> None:
        """Let each thread end after its current item."""
        self._stop.set()
        with suppress(Empty):
            while True:
                self._todo.get_nowait()
        for _ in self._threads:
            self._todo.put(None)

    def _drain(self) -> None:
        while (item := self._todo.get()) is not None:
            error: BaseException | None = None
            try:
                self._work(item)
            except BaseException as raised:  # noqa: BLE001 - raised again in the calling thread
                error = raised
            self._done.put((item, error))
