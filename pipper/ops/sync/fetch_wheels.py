"""Fetch wheels and unpack them in the cache: those that have arrived in other processes, while others arrive.

A worker (`system.workers`) unpacks with a `Cache` of its own, and answers with its warnings and its error. So what
the user is told is the same as without workers. If one is killed, this process does its work.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self

from msgspec import Struct, json

from pipper import errors
from pipper.cache.cache import Cache
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.plan import Wanted
from pipper.core.reporter import Reporter, Task
from pipper.errors import PipperError
from pipper.ops.sync.wheel_checks import require_same_version
from pipper.system.seals import seal_key
from pipper.system.workers import Workers, can_fork

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from pipper.ops.sync.fetch import Origins

_THREADS = 2
"""Wheels unpacked at once by threads: more of them contend for the file system (45 real wheels: 4.5 s; four: 5.5 s)."""
_MOST = 4
"""Workers: more of them contend for the file system, too."""
_EACH = 1 << 18
"""Bytes of a wheel that take as long as all that is done for a wheel of any size."""
_WORTH = 4 << 20
"""Bytes for which another worker is worth its start."""


def fetch_wheels(
    missing: Sequence[Wanted], origins: "Callable[[], Origins]", cache: Cache, reporter: Reporter
) -> Mapping[str, UnpackedWheel]:
    """Return wheels that the cache has not unpacked, by sha256 and unpacked; fetch their files if needed.

    `origins` is called only if the cache lacks a file: a full one needs neither network nor credentials. Raises
    IntegrityError for bytes that are not the locked ones and for a missing file, StoreError with the names of all
    missing files if `origins` is offline, and what stores raise.
    """
    with Workers(_count(missing), lambda *pipes: _serve(missing, cache, *pipes)) as workers:
        # Imported here: it takes long, and the workers import what they need meanwhile.
        from pipper.ops.sync.fetch import divided, fetch_all, taken  # noqa: PLC0415 - see above

        here, away = divided(missing, cache)
        found = origins() if away else None
        if found:
            local, away = taken(away, found, cache, reporter)
            here += local
        with (
            reporter.task("Unpacking", total=len(missing)) as task,
            _Unpacking(missing, cache, task, workers, reporter) as unpacking,
        ):
            # Unpack each file when it has arrived, while others are still being fetched.
            for want in here:
                unpacking.begin(want)
            if found:
                fetch_all(away, found, cache, reporter, unpacking.begin)
            wheels = {wheel.sha256: wheel for wheel in unpacking.results()}
    for want in missing:
        require_same_version(want, wheels[want.file.sha256])
    return wheels


def _count(missing: Sequence[Wanted]) -> int:
    """Return how many workers are worth their start."""
    if not can_fork():
        return 0
    seal_key()  # so that not each of them makes one
    size = sum(_EACH + want.file.size for want in missing)
    return min(len(os.sched_getaffinity(0)), _MOST, size // _WORTH)


class _Unpacking:
    """Wheels that are being unpacked, by workers or by threads."""

    def __init__(
        self, missing: Sequence[Wanted], cache: Cache, task: Task, workers: Workers, reporter: Reporter
    ) -> None:
        self._numbers = {want.file.sha256: number for number, want in enumerate(missing)}
        self._cache = cache
        self._task = task
        self._workers = workers
        self._reporter = reporter
        self._started: list[Future[UnpackedWheel]] = []
        self._pool = None if workers else _threads()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._pool:
            self._pool.shutdown(cancel_futures=True)

    def begin(self, want: Wanted) -> None:
        """Begin to unpack a wheel whose file, or whose bundle, the cache has; for any thread."""
        if self._pool:
            self._started.append(self._pool.submit(self._here, want))
            return
        future: Future[UnpackedWheel] = Future()
        self._started.append(future)
        sha256 = want.file.sha256
        question = " ".join(map(str, (self._numbers[sha256], *self._cache.seen(sha256))))
        self._workers.ask(question.encode(), lambda line: self._told(want, line, future))

    def results(self) -> Iterator[UnpackedWheel]:
        """Wait for what was begun; raises the error of the first that failed."""
        for each in self._started:
            yield each.result()

    def _here(self, want: Wanted) -> UnpackedWheel:
        wheel = _unpacked(want, self._cache)
        self._task.advance()
        return wheel

    def _told(self, want: Wanted, line: bytes | None, future: Future[UnpackedWheel]) -> None:
        try:
            future.set_result(self._answered(want, line))
        except BaseException as error:  # noqa: BLE001 - raised again by `results`
            future.set_exception(error)

    def _answered(self, want: Wanted, line: bytes | None) -> UnpackedWheel:
        if line is None:
            self._reporter.warning(
                f"a process of pipper ended before it had unpacked {want.filename}: it is unpacked by this one"
            )
            return self._here(want)
        answer = json.decode(line, type=_Answer)
        for text in answer.warnings:
            self._reporter.warning(text)
        if answer.error is not None:
            raise answer.error.as_exception()
        return self._here(want)  # it is unpacked: this reads its index


def _threads() -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - with workers it is not needed

    return ThreadPoolExecutor(_THREADS)


class _Error(Struct, frozen=True, kw_only=True):
    """A PipperError between two processes."""

    kind: str
    message: str
    cause: str
    hint: str

    def as_exception(self) -> PipperError:
        kind: type[PipperError] = getattr(errors, self.kind)
        return kind(self.message, cause=self.cause, hint=self.hint)


class _Answer(Struct, frozen=True, kw_only=True):
    """What a worker says of one wheel."""

    warnings: list[str]
    error: _Error | None


class _Warnings(Reporter):
    """Keeps the warnings, to be told by another process."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def warning(self, text: str) -> None:
        self.texts.append(text)


def _serve(
    missing: Sequence[Wanted], cache: Cache, questions: Iterator[bytes], answer: Callable[[bytes], object]
) -> None:
    """Unpack the wheels whose numbers are asked for; run by a worker."""
    from pipper.wheels import gate  # noqa: F401, PLC0415 - while nothing is asked yet

    told = _Warnings()
    own = Cache(cache.root, cache.limits, told)
    with own.in_use():
        for question in questions:
            number, *seen = map(int, question.split())
            want, error = missing[number], None
            own.believe(want.file.sha256, tuple(seen))
            try:
                _unpacked(want, own)
            except PipperError as raised:
                kind = type(raised).__name__
                error = _Error(kind=kind, message=raised.message, cause=raised.cause, hint=raised.hint)
            answer(json.encode(_Answer(warnings=told.texts, error=error)))
            told.texts.clear()


def _unpacked(want: Wanted, cache: Cache) -> UnpackedWheel:
    file = want.file
    if file.bundle and cache.file(file.sha256) is None:
        from pipper.ops.lock.bundles import extract_to_cache  # noqa: PLC0415 - few locks have bundles

        extract_to_cache(file, cache)
    return cache.unpack(file.sha256, want.filename)
