"""Downloads: verified, taken up where they broke, tried all, and never for ever."""

import _thread
import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from pipper.cache import download as transfer
from pipper.cache.cache import Cache
from pipper.cache.download import Download, fetch
from pipper.core.reporter import Reporter, Task
from pipper.errors import AccessError, IntegrityError, ObjectAbsentError, PipperError, StoreError
from pipper.system import parallel

Body = bytes | PipperError


class Server:
    """Gives one answer after another: the pieces of a body from where it is asked to begin, or an error."""

    def __init__(self, *answers: Sequence[Body]) -> None:
        self.answers = list(answers)
        self.asked: list[int] = []

    def open(self, start: int) -> AbstractContextManager[Iterator[bytes]]:
        self.asked.append(start)
        pieces = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

        @contextmanager
        def body() -> Iterator[Iterator[bytes]]:
            yield self._pieces(pieces, start)

        return body()

    @staticmethod
    def _pieces(pieces: Sequence[Body], start: int) -> Iterator[bytes]:
        for piece in pieces:
            if isinstance(piece, PipperError):
                raise piece
            yield piece[start:]
            start = max(0, start - len(piece))


class Listener(Reporter):
    """Hears what is told."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.done = 0
        self.total = 0

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def task(self, title: str, *, total: int | None, unit: str = "files") -> Task:
        self.total = total
        return Bar(self)


class Bar(Task):
    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def advance(self, amount: int = 1) -> None:
        self.listener.done += amount


def download(body: bytes, server: Server, name: str = "foo 1.2") -> Download:
    sha256 = hashlib.sha256(body).hexdigest()
    return Download(subject=f"{name} from s3://bucket/key", sha256=sha256, size=len(body), open=server.open)


BODY = bytes(range(256)) * 4


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_FIRST_WAIT", 0.0)


def held(cache: Cache, body: bytes) -> bytes | None:
    path = cache.file(hashlib.sha256(body).hexdigest())
    return path.read_bytes() if path else None


def nothing_half_written(cache: Cache) -> bool:
    return not list((cache.root / "tmp").iterdir())


def test_every_file_arrives_and_the_bar_is_full(cache: Cache) -> None:
    bodies = [BODY + bytes([number]) for number in range(20)]
    listener = Listener()
    fetch([download(body, Server([body])) for body in bodies], cache, listener)
    assert [held(cache, body) for body in bodies] == bodies
    assert listener.done == listener.total == sum(map(len, bodies))


def test_the_largest_come_first(cache: Cache) -> None:
    order: list[int] = []

    def arrived(each: Download) -> None:
        order.append(each.size)
        assert cache.file(each.sha256) is not None

    bodies = [b"a", b"bbb", b"cc"]
    fetch([download(body, Server([body])) for body in bodies], cache, Reporter(), jobs=1, arrived=arrived)
    assert order == [3, 2, 1]


def test_one_file_asked_for_twice_is_fetched_once(cache: Cache) -> None:
    server = Server([BODY])
    fetch([download(BODY, server), download(BODY, server)], cache, Reporter())
    assert server.asked == [0]


def test_S5_a_body_that_breaks_off_is_taken_up_where_it_broke(cache: Cache) -> None:
    server = Server([BODY[:300], StoreError("reset")], [BODY[:700], StoreError("reset")], [BODY])
    listener = Listener()
    fetch([download(BODY, server)], cache, listener)
    assert held(cache, BODY) == BODY
    assert server.asked == [0, 300, 700]
    assert listener.done == len(BODY)


def test_S5_a_body_that_always_breaks_off_is_given_up(cache: Cache) -> None:
    server = Server([BODY[:10], StoreError("reset", cause="connection reset")])
    with pytest.raises(
        StoreError, match=r"cannot download foo 1.2 from s3://bucket/key: 10 of 1,024"
    ) as caught:
        fetch([download(BODY, server)], cache, Reporter())
    assert len(server.asked) == 5
    assert caught.value.cause == "connection reset"
    assert held(cache, BODY) is None
    assert nothing_half_written(cache)


def test_S6_a_short_body_counts_as_broken_off(cache: Cache) -> None:
    server = Server([BODY[:-1]], [BODY])
    fetch([download(BODY, server)], cache, Reporter())
    assert held(cache, BODY) == BODY
    assert server.asked == [0, len(BODY) - 1]


def test_S6_a_body_without_end_is_stopped_with_the_first_byte_too_many(cache: Cache) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield BODY

    @contextmanager
    def opened(start: int) -> Iterator[Iterator[bytes]]:
        yield endless()

    wanted = Download(subject="foo 1.2", sha256=hashlib.sha256(BODY).hexdigest(), size=len(BODY), open=opened)
    with pytest.raises(IntegrityError, match="longer than expected"):
        fetch([wanted], cache, Reporter())
    assert read == 2
    assert nothing_half_written(cache)


def test_S7_wrong_bytes_are_fetched_once_more_and_then_refused(cache: Cache) -> None:
    wrong = BODY[:-1] + b"!"
    server = Server([wrong])
    with pytest.raises(
        IntegrityError, match=r"hash mismatch for foo 1.2: expected sha256:\w+ got sha256:\w+ from s3://"
    ):
        fetch([download(BODY, server)], cache, Reporter())
    assert server.asked == [0, 0]
    assert held(cache, BODY) is None
    assert held(cache, wrong) is None
    assert nothing_half_written(cache)


def test_S7_wrong_bytes_once_are_no_error(cache: Cache) -> None:
    listener = Listener()
    fetch([download(BODY, Server([BODY[:-1] + b"!"], [BODY]))], cache, listener)
    assert held(cache, BODY) == BODY
    assert listener.done == len(BODY)


def test_S5_S7_a_part_of_another_object_is_not_glued_on(cache: Cache) -> None:
    other = b"x" * len(BODY)
    fetch([download(BODY, Server([other[:100], StoreError("reset")], [BODY], [BODY]))], cache, Reporter())
    assert held(cache, BODY) == BODY


@pytest.mark.parametrize("error", [AccessError("expired"), ObjectAbsentError("gone"), IntegrityError("bad")])
def test_S8_S11_what_will_not_get_better_is_not_tried_again(cache: Cache, error: PipperError) -> None:
    server = Server([error])
    with pytest.raises(type(error)):
        fetch([download(BODY, server)], cache, Reporter())
    assert server.asked == [0]


def test_S11_all_are_tried_and_the_gravest_is_raised(cache: Cache) -> None:
    good = [BODY + bytes([number]) for number in range(5)]
    bad = [b"1", b"2", b"3"]
    errors = [AccessError("no access"), IntegrityError("bad bytes"), AccessError("no access either")]
    listener = Listener()
    wanted = [download(body, Server([error])) for body, error in zip(bad, errors, strict=True)]
    wanted += [download(body, Server([body])) for body in good]
    with pytest.raises(IntegrityError, match="bad bytes"):
        fetch(wanted, cache, listener)
    assert sorted(listener.warnings) == ["no access", "no access either"]
    assert [held(cache, body) for body in good] == good


def test_S4_a_server_that_stalls_is_left_at_the_deadline(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "_GRACE", -1000.0)
    server = Server([BODY[:1], BODY[1:]])
    with pytest.raises(StoreError, match="cannot download") as caught:
        fetch([download(BODY, server)], cache, Reporter())
    assert "too slowly" in caught.value.cause
    assert server.asked == [0]


def test_a_fault_in_pipper_is_no_fault_of_a_store(cache: Cache) -> None:
    def bug(start: int) -> AbstractContextManager[Iterator[bytes]]:
        raise ZeroDivisionError

    wanted = Download(subject="foo 1.2", sha256="0" * 64, size=1, open=bug)
    with pytest.raises(ZeroDivisionError):
        fetch([wanted], cache, Reporter())


def test_C4_an_interrupt_does_not_wait_for_a_download_that_hangs(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "_CLEANUP_SECONDS", 0.0)
    hangs, release = threading.Event(), threading.Event()

    @contextmanager
    def opened(start: int) -> Iterator[Iterator[bytes]]:
        hangs.set()
        release.wait(30)
        yield iter([BODY])

    wanted = Download(subject="foo 1.2", sha256=hashlib.sha256(BODY).hexdigest(), size=len(BODY), open=opened)
    helper = threading.Thread(target=lambda: hangs.wait(30) and _thread.interrupt_main())
    helper.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            fetch([wanted], cache, Reporter())
        assert not release.is_set()
    finally:
        release.set()
        helper.join()


def test_nothing_to_fetch_is_nothing_to_tell(cache: Cache) -> None:
    listener = Listener()
    fetch([], cache, listener)
    assert listener.total == 0
