"""The same work on many things at once, for work that waits for a store."""

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")
R = TypeVar("R")

JOBS = 32
"""Requests under way at once."""
_FAREWELL = 0.5
"""Seconds that threads have to clean up behind an interrupted command."""


def in_parallel(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return what `work` gives for each of `items`, in their order.

    Where it raises, nothing new is begun, what is under way is waited for, and the error of the first such
    item is raised. An interrupt does not wait for what hangs.
    """
    if len(items) < 2:
        return [work(item) for item in items]
    return _Run(work, items).results()


def both(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    """Return what two functions give, called at once; raises what they raise."""
    one: list[A] = []
    other: list[B] = []
    calls: list[Callable[[], None]] = [lambda: one.append(first()), lambda: other.append(second())]
    in_parallel(_call, calls)
    return one[0], other[0]


def _call(function: Callable[[], None]) -> None:
    function()


def spread(work: Callable[[T], object], first: Iterable[T], follow: Callable[[T], Iterable[T]]) -> None:
    """Do `work` on items, many at once, as long as there are any: `follow` names the next ones.

    `follow` is called in this very thread with each item that is done, in the order in which they get done.
    Where anything raises, nothing new is begun, and the error is raised once what is under way is done; an
    interrupt does not wait for what hangs.
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
                    item, error = self._done.get(timeout=1.0)  # so that an interrupt gets through everywhere
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
                thread.join(_FAREWELL / len(self._threads))
            raise
        self._end()

    def _begin(self, items: Iterable[T]) -> None:
        for item in items:
            self._under_way += 1
            self._todo.put(item)
            if len(self._threads) < min(JOBS, self._under_way):
                self._threads.append(threading.Thread(target=self._drain, daemon=True))
                self._threads[-1].start()

    def _end(self) -> None:
        """Have the threads end after what they are at."""
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
            except BaseException as raised:  # noqa: BLE001 - raised again in the thread that asked
                error = raised
            self._done.put((item, error))


class _Run(Generic[T, R]):
    # Not a pool: its threads are waited for at the end of the process, and one that hangs in a read would keep
    # an interrupted command from ending.
    def __init__(self, work: Callable[[T], R], items: Sequence[T]) -> None:
        self._work = work
        self._queue = iter(enumerate(items))
        self._threads = [
            threading.Thread(target=self._drain, daemon=True) for _ in range(min(JOBS, len(items)))
        ]
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._done: dict[int, R] = {}
        self._failed: dict[int, BaseException] = {}

    def results(self) -> list[R]:
        try:
            for thread in self._threads:
                thread.start()
            for thread in self._threads:
                while thread.is_alive():
                    thread.join(1.0)  # with a limit, so that an interrupt gets through on every system
        except BaseException:
            self._stop.set()
            for thread in self._threads:
                thread.join(_FAREWELL / len(self._threads))
            raise
        if self._failed:
            raise self._failed[min(self._failed)]
        return [self._done[number] for number in sorted(self._done)]

    def _drain(self) -> None:
        while not self._stop.is_set():
            with self._turn:
                entry = next(self._queue, None)
            if entry is None:
                return
            number, item = entry
            try:
                self._done[number] = self._work(item)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                self._failed[number] = error
                self._stop.set()
