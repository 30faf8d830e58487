"""Run the same work on many items in threads, for work that waits for a store."""

import threading
import time
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
_CLEANUP_SECONDS = 0.5
"""How long threads may clean up after an interrupt."""


def in_parallel(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return the result of `work` for each of `items`, in their order.

    If `work` raises, no new item is started, running ones are waited for, and the error of the first failed
    item is raised. An interrupt does not wait for threads that hang.
    """
    if len(items) < 2:
        return [work(item) for item in items]
    stop = threading.Event()
    done: dict[int, R] = {}
    failed: dict[int, BaseException] = {}

    def one(number: int) -> None:
        try:
            done[number] = work(items[number])
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            failed[number] = error
            stop.set()

    in_threads(one, range(len(items)), jobs=JOBS, stop=stop, cleanup_seconds=_CLEANUP_SECONDS)
    if failed:
        raise failed[min(failed)]
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


def in_threads(
    work: Callable[[T], None], items: Sequence[T], *, jobs: int, stop: threading.Event, cleanup_seconds: float
) -> None:
    """Run `work`, which must not raise, on each item, `jobs` at once; no new item starts once `stop` is set.

    An interrupt sets `stop` and waits `cleanup_seconds` at most for the threads.
    """
    # Not a pool: Python waits for the threads of a pool at exit, and one that hangs in a read would keep an
    # interrupted command from ending.
    queue = iter(items)
    turn = threading.Lock()
    end = object()

    def drain() -> None:
        while not stop.is_set():
            with turn:
                item = next(queue, end)
            if item is end:
                return
            work(cast("T", item))

    threads = [threading.Thread(target=drain, daemon=True) for _ in range(min(jobs, len(items)))]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(1.0)  # with a timeout, so that an interrupt arrives on every system
    except BaseException:
        stop.set()
        until = time.monotonic() + cleanup_seconds
        for thread in threads:
            if thread.is_alive():  # the interrupt may have arrived while it was starting
                thread.join(max(0.0, until - time.monotonic()))
        raise


def both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Call two functions at once and return their results; raises what they raise."""
    one: list[A] = []
    other: list[B] = []
    calls: list[Callable[[], None]] = [lambda: one.append(first()), lambda: other.append(second())]
    in_parallel(lambda call: call(), calls)
    return one[0], other[0]


def spread(work: Callable[[T], object], first: Iterable[T], follow: Callable[[T], Iterable[T]]) -> None:
    """Run `work` on the items of `first` and on those that `follow` returns for each finished item.

    `follow` is called in the calling thread, in the order in which items finish. If anything raises, no new item
    is started, and the error is raised after the running ones have finished. An interrupt does not wait for
    threads that hang.
    """
    _Spread(work).go(first, follow)


class _Spread(Generic[T]):
    def __init__(self, work: Callable[[T], object]) -> None:
        self._work = work
        self._todo: SimpleQueue[T | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[T, BaseException | None]] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._under_way = 0

    def go(self, first: Iterable[T], follow: Callable[[T], Iterable[T]]) -> None:
        try:
            self._begin(first)
            while self._under_way:
                try:
                    item, error = self._done.get(timeout=1.0)  # so that an interrupt arrives on every system
                except Empty:
                    continue
                self._under_way -= 1
                if error is not None:
                    raise error
                self._begin(follow(item))
        except Exception:
            self._end()
            for thread in self._threads:
                while thread.is_alive():
                    thread.join(1.0)
            raise
        except BaseException:
            self._end()
            for thread in self._threads:
                thread.join(_CLEANUP_SECONDS / len(self._threads))
            raise
        self._end()

    def _begin(self, items: Iterable[T]) -> None:
        for item in items:
            self._under_way += 1
            self._todo.put(item)
            if len(self._threads) < min(JOBS, self._under_way):
                thread = threading.Thread(target=self._drain, daemon=True)
                thread.start()
                self._threads.append(thread)

    def _end(self) -> None:
        """Let each thread end after its current item."""
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
