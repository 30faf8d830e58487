"""Forked processes that answer questions while this process does other work, where a fork is safe: on Linux.

Threads of Python compute one at a time, and hand each other the turn at every system call; processes do not. A fork
needs no start of Python and no imports. A worker has no variable that is for pipper alone, no open file but its pipes,
and no output. It ends with the process that forked it: the kernel sends it SIGIO when the other end of a pipe is gone.
"""

import contextlib
import gc
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import BinaryIO, NoReturn

from pipper.system.process import child_environment

Work = Callable[[Iterator[bytes], Callable[[bytes], object]], None]
"""Called in a worker with the questions, as lines, and with what sends the answer to each, a line without its end."""
Told = Callable[[bytes | None], None]
"""Called in a thread with the answer to a question, a line; with None if the worker ended without one."""

_AHEAD = 2
"""Questions that a worker has at once: so it need not wait for the next one."""
_OWN_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def can_fork() -> bool:
    """Return whether this process may fork: on Linux, as long as it has one thread."""
    return sys.platform == "linux" and threading.active_count() == 1


class Workers:
    """Up to `count` processes that do `work`: a context manager that ends them, at once after an error.

    Made before any thread is started (`can_fork`). Starts no more processes than the system allows, perhaps none.
    """

    def __init__(self, count: int, work: Work) -> None:
        self._lock = threading.Lock()
        self._todo: deque[tuple[bytes, Told]] = deque()
        self._workers: list[_Worker] = []
        with contextlib.suppress(OSError):
            for _ in range(count):
                self._workers.append(_Worker(work))
        self._threads = [
            threading.Thread(target=self._listen, args=(each,), daemon=True) for each in self._workers
        ]

    def __enter__(self) -> "Workers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        with self._lock:
            self._todo.clear()
        for worker in self._workers:
            worker.end(at_once=error is not None)
        for thread in self._threads:
            thread.join()
        for worker in self._workers:
            worker.answers.close()

    def __bool__(self) -> bool:
        return bool(self._workers)

    def ask(self, question: bytes, told: Told) -> None:
        """Give a question, a line without its end, to the worker that has the fewest; for any thread."""
        with self._lock:
            self._todo.append((question, told))
            unanswered = self._feed()
        _give_up(unanswered)

    def _feed(self) -> list[Told]:
        """Hand waiting questions to idle workers; return those that are left if no worker runs."""
        running = [worker for worker in self._workers if not worker.is_gone]
        while self._todo and running:
            worker = min(running, key=lambda each: len(each.asked))
            if len(worker.asked) >= _AHEAD:
                return []
            question, told = self._todo.popleft()
            worker.asked.append(told)
            worker.send(question)
        left = [told for _, told in self._todo] if not running else []
        if left:
            self._todo.clear()
        return left

    def _listen(self, worker: "_Worker") -> None:
        for line in worker.answers:
            if line[-1:] != b"\n":
                break  # it was killed in the middle of an answer
            with self._lock:
                told = worker.asked.popleft()
                unanswered = self._feed()
            told(line)
            _give_up(unanswered)
        with self._lock:
            worker.is_gone = True
            unanswered = [*worker.asked, *self._feed()]
            worker.asked.clear()
        _give_up(unanswered)


def _give_up(unanswered: list[Told]) -> None:
    for told in unanswered:
        told(None)


class _Worker:
    """One process, and this side of the pipes to it."""

    def __init__(self, work: Work) -> None:
        self.asked: deque[Told] = deque()
        self.is_gone = False
        pipes: list[int] = []
        try:
            for _ in range(3):
                pipes += os.pipe()
            self._pid = _forked(work, pipes)
        except BaseException:
            for each in pipes:
                os.close(each)
            raise
        questions, self._questions, answers, written, life, self._life = pipes
        for each in (questions, written, life):
            os.close(each)
        self.answers: BinaryIO = open(answers, "rb")  # noqa: SIM115 - closed by `end`

    def send(self, question: bytes) -> None:
        # A worker that was killed is told by the end of its answers. What is sent ahead always fits into the pipe.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._questions, question + b"\n")

    def end(self, *, at_once: bool) -> None:
        """Let the process end after what it was asked, or kill it; wait for its end."""
        if at_once:
            os.kill(self._pid, signal.SIGKILL)
        os.close(self._questions)
        with contextlib.suppress(ChildProcessError):  # SIGCHLD is ignored: the kernel has waited for it
            os.waitpid(self._pid, 0)
        os.close(self._life)


def _forked(work: Work, pipes: list[int]) -> int:
    """Fork a worker and return its process id; raises OSError."""
    if min(pipes) <= 2:
        raise OSError("a standard stream is closed")  # its number is a pipe's now
    questions, _, answers, written, life, _ = pipes
    parent = os.getpid()
    # The new process must not take a signal as this one would.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _OWN_SIGNALS)
    try:
        if pid := os.fork():
            return pid
        del answers
        _be_worker(work, (questions, written, life), parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _be_worker(work: Work, pipes: tuple[int, int, int], parent: int) -> NoReturn:
    """Be the new process; nothing of what the forked one was doing goes on here."""
    code = 1
    try:
        gc.freeze()  # so that no collection copies the memory that both share
        _withdraw(pipes)
        questions, written, life = pipes
        _end_with(parent, life)
        with open(questions, "rb") as lines:
            work(iter(lines.readline, b""), lambda answer: _write(written, answer + b"\n"))
        code = 0
    finally:
        os._exit(code)


def _withdraw(pipes: tuple[int, ...]) -> None:
    """Give up what is the other process's: its signals, its variables, its files."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # of a terminal: the other process gets it too, and ends this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (*_OWN_SIGNALS, signal.SIGIO))
    for name in os.environ.keys() - child_environment().keys():
        del os.environ[name]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in pipes:
            with contextlib.suppress(OSError):  # the one of the listing
                os.close(int(name))


def _end_with(parent: int, life: int) -> None:
    """Let the kernel end this process when the other end of the pipe `life` is closed."""
    import fcntl  # noqa: PLC0415 - Windows has none

    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    if os.getppid() != parent:  # it ended before
        os._exit(1)


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
