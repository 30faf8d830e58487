"""What S3Store makes of a server that throttles, refuses, breaks off or lies: the S cases of faults."""

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import boto3
import pytest
from moto import mock_aws

from pipper.core.access import Credentials
from pipper.errors import (
    AccessError,
    MachineError,
    ObjectAbsentError,
    ObjectChangedError,
    ObjectExistsError,
    PipperError,
    StoreError,
    UsageError,
)
from pipper.storage.s3 import session
from pipper.storage.s3.location import S3Location
from pipper.storage.s3.session import Connection
from pipper.storage.s3.store import S3Store
from tests.loopback import closed_ports
from tests.s3_double import (
    Answer,
    BrokenBody,
    Fault,
    LostAnswer,
    OtherBody,
    Rule,
    S3Double,
    Silence,
)

PLAIN = "application/octet-stream"
FOR_EVER = float("inf")
FIRST = {"GetObject": 1, "ListObjectsV2": 1}
"""Reads are sent once before boto3 has its turn; what is not a good answer then counts as one more."""
SLOW_DOWN = Answer(status=503, code="SlowDown")
KEYS = Credentials(
    access_key_id="AKIACANARY", secret_access_key="CANARY-SECRET", session_token="CANARY-TOKEN"
)


class Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    def monotonic(self) -> float:
        return sum(self.waits)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The waits between attempts, which take no time."""
    clock = Clock()
    for module in ("botocore.endpoint", "pipper.system.retry"):
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(sleep=clock.sleep, monotonic=clock.monotonic))
    return clock


@pytest.fixture
def store(s3_double: S3Double, clock: Clock) -> S3Store:
    """A store in a fresh bucket of the double, in its root."""
    return s3_double.endpoint.store(prefix="")


ACTIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "ListObjectsV2": "s3:ListBucket",
}


def _told(error: PipperError) -> str:
    return f"{error.message}\n{error.cause}\n{error.hint}"


def _every_request(store: S3Store) -> dict[str, Callable[[], object]]:
    return {
        "GetObject": lambda: store.read("foo/x"),
        "HeadObject": lambda: store.head("foo/x"),
        "PutObject": lambda: store.create("foo/x", b"body", content_type=PLAIN),
        "DeleteObject": lambda: store.delete("foo/x"),
        "ListObjectsV2": lambda: list(store.list("foo/")),
    }


@pytest.mark.parametrize("code", [(503, "SlowDown"), (500, "InternalError")])
def test_S01_three_refusals_for_load_are_waited_out(
    s3_double: S3Double, store: S3Store, clock: Clock, code: tuple[int, str]
) -> None:
    s3_double.script(Rule(operation="PutObject", times=3, fault=Answer(status=code[0], code=code[1])))
    store.create("foo/x", b"body", content_type=PLAIN)
    assert s3_double.count("PutObject", "foo/x") == 4
    assert store.read("foo/x").body == b"body"
    assert len(clock.waits) == 3
    assert all(0 <= wait <= 2**number for number, wait in enumerate(clock.waits))
    assert len(set(clock.waits)) == 3, "the waits must not be in step with those of others"


@pytest.mark.parametrize(
    "operation", ["GetObject", "HeadObject", "PutObject", "DeleteObject", "ListObjectsV2"]
)
def test_S02_a_server_that_is_busy_for_ever_is_given_up(
    s3_double: S3Double, store: S3Store, clock: Clock, operation: str
) -> None:
    s3_double.script(Rule(operation=operation, times=FOR_EVER, fault=SLOW_DOWN))
    with pytest.raises(StoreError, match="foo/") as given_up:
        _every_request(store)[operation]()
    assert s3_double.count(operation) == session.ATTEMPTS + FIRST.get(operation, 0)
    assert f"after {session.ATTEMPTS} attempts" in given_up.value.cause
    assert not isinstance(given_up.value, ObjectAbsentError)
    assert sum(clock.waits) < 60


def _elsewhere(url: str) -> S3Store:
    location = S3Location(bucket="some-bucket", prefix="pipper", endpoint_url=url, region="us-east-1")
    return S3Store(location, credentials=KEYS)


def test_S03_a_closed_port_is_told_with_its_host(clock: Clock) -> None:
    with closed_ports() as (port,), pytest.raises(StoreError, match=f"127.0.0.1:{port}") as unreachable:
        _elsewhere(f"http://127.0.0.1:{port}").read("foo/x")
    assert "s3://some-bucket/pipper/foo/x" in unreachable.value.message
    assert "CANARY" not in _told(unreachable.value)
    assert "Connection refused" in unreachable.value.cause


def test_S03_a_host_without_address_is_out_of_reach(clock: Clock) -> None:
    with pytest.raises(StoreError, match=r"nowhere\.invalid"):
        _elsewhere("http://nowhere.invalid").read("foo/x")


def test_S03_a_server_without_tls_is_not_asked_in_the_clear(s3_double: S3Double, clock: Clock) -> None:
    with pytest.raises(StoreError, match="cannot read"):
        _elsewhere(s3_double.endpoint.url.replace("http:", "https:")).read("foo/x")
    assert s3_double.seen == []


def test_S04_a_silent_server_is_given_up(
    s3_double: S3Double, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipper.http.pool.READ_SECONDS", 0.1)
    store = s3_double.endpoint.store(prefix="")
    s3_double.script(Rule(operation="GetObject", times=FOR_EVER, fault=Silence()))
    with pytest.raises(StoreError, match="cannot read") as silent:
        store.read("foo/x")
    assert silent.value.cause.startswith("no response in time")
    assert s3_double.count("GetObject") == session.ATTEMPTS + FIRST["GetObject"]


def test_S04_a_body_that_hardly_flows_is_given_up(
    s3_double: S3Double, store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("foo/x", b"0123456789" * 300, content_type=PLAIN)
    times = iter([0.0, 61.0])
    monkeypatch.setattr("pipper.http.client.time", SimpleNamespace(monotonic=lambda: next(times)))
    with pytest.raises(StoreError, match="too slow"), store.stream("foo/x") as pieces:
        list(pieces)


def test_the_double_stores_nothing_of_a_body_whose_sender_was_killed(s3_double: S3Double) -> None:
    bucket = s3_double.endpoint.fresh_bucket()
    key_id = s3_double.endpoint.access_key_id
    with socket.create_connection(("127.0.0.1", urlsplit(s3_double.endpoint.url).port or 0)) as client:
        head = (
            f"PUT /{bucket}/x HTTP/1.1\r\nAuthorization: Credential={key_id}/\r\nContent-Length: 10\r\n\r\n"
        )
        client.sendall(head.encode() + b"half")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert s3_double.contents(bucket) == {}


@pytest.mark.parametrize("reset", [True, False])
def test_S05_a_body_that_broke_off_is_read_again(s3_double: S3Double, store: S3Store, reset: bool) -> None:
    store.create("foo/x", b"0123456789" * 100, content_type=PLAIN)
    s3_double.script(Rule(operation="GetObject", times=2, fault=BrokenBody(sent=500, reset=reset)))
    assert store.read("foo/x").body == b"0123456789" * 100
    assert s3_double.count("GetObject") == 3


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("sent", [0, 1, 500, 999])
def test_S05_a_body_that_always_breaks_off_is_never_taken_for_whole(
    s3_double: S3Double, store: S3Store, reset: bool, sent: int
) -> None:
    store.create("foo/x", b"0123456789" * 100, content_type=PLAIN)
    s3_double.script(Rule(operation="GetObject", times=FOR_EVER, fault=BrokenBody(sent=sent, reset=reset)))
    with pytest.raises(StoreError, match="foo/x"):
        store.read("foo/x")
    assert s3_double.count("GetObject") == 3
    with pytest.raises(StoreError, match="foo/x"), store.stream("foo/x") as pieces:
        list(pieces)


def test_S05_a_stream_can_be_resumed_where_it_broke(s3_double: S3Double, store: S3Store) -> None:
    body = b"0123456789" * 100_000
    store.create("foo/x", body, content_type=PLAIN)
    s3_double.script(Rule(operation="GetObject", fault=BrokenBody(sent=400_000, reset=False)))
    got: list[bytes] = []
    with pytest.raises(StoreError), store.stream("foo/x") as pieces:
        got.extend(iter(pieces.__next__, None))
    assert b"".join(got) == body[:400_000]
    with store.stream("foo/x", start=400_000) as pieces:
        assert b"".join([*got, *pieces]) == body


def test_S06_a_stream_ends_at_the_announced_length(s3_double: S3Double, store: S3Store) -> None:
    store.create("foo/x", b"short", content_type=PLAIN)
    s3_double.script(Rule(operation="GetObject", fault=OtherBody(body=b"longer than it was")))
    with store.stream("foo/x") as pieces:
        assert b"".join(pieces) == b"longer than it was"  # the hash is the business of whoever asked


def test_S06_a_server_that_ignores_ranges_is_found_out(s3_double: S3Double, store: S3Store) -> None:
    store.create("foo/x", b"0123456789", content_type=PLAIN)
    s3_double.script(
        Rule(operation="GetObject", times=FOR_EVER, fault=OtherBody(body=b"0123456789", partial=False))
    )
    with pytest.raises(StoreError, match="in part"):
        store.read("foo/x", start=5)
    with pytest.raises(StoreError, match="in part"), store.stream("foo/x", start=5):
        pass


@pytest.mark.parametrize("operation", ["HeadObject", "PutObject", "DeleteObject", "ListObjectsV2"])
def test_S07_a_page_that_is_not_of_s3_is_no_answer(
    s3_double: S3Double, store: S3Store, operation: str
) -> None:
    page = OtherBody(body=b"<html>sign in first</html", content_type="text/html", etag=False, partial=False)
    s3_double.script(Rule(operation=operation, times=FOR_EVER, fault=page))
    with pytest.raises(StoreError):
        _every_request(store)[operation]()


def test_S08_a_missing_key_is_asked_for_once(s3_double: S3Double, store: S3Store) -> None:
    with pytest.raises(ObjectAbsentError, match=f"{store.location}foo/x"):
        store.read("foo/x")
    assert s3_double.count("GetObject") == 1


def test_a_404_of_another_server_is_not_absent(s3_double: S3Double, store: S3Store) -> None:
    answer = Answer(status=404, code="page_not_found", message="<Code>NoSuchKey</Code>")
    s3_double.script(Rule(operation="GetObject", times=FOR_EVER, fault=answer))
    with pytest.raises(StoreError) as wrong:
        store.read("foo/x")
    assert not isinstance(wrong.value, ObjectAbsentError)


@pytest.mark.parametrize(
    "operation", ["GetObject", "HeadObject", "PutObject", "DeleteObject", "ListObjectsV2"]
)
@pytest.mark.parametrize("there", [True, False])
def test_S09_a_403_names_the_permission_and_to_a_read_both_possibilities(
    s3_double: S3Double, store: S3Store, operation: str, there: bool
) -> None:
    if there:
        store.create("foo/x", b"there", content_type=PLAIN)
    s3_double.script(Rule(operation="*", times=FOR_EVER, fault=Answer(status=403, code="AccessDenied")))
    before = s3_double.count(operation)
    with pytest.raises(AccessError, match="foo/") as refused:
        _every_request(store)[operation]()
    assert "no permission" in refused.value.cause
    reads = operation in ("GetObject", "HeadObject")
    assert ("the key does not exist" in refused.value.cause) == reads
    assert f"allow {ACTIONS[operation]}: `pipper repository policy" in refused.value.hint
    assert s3_double.count(operation) == before + 1 + FIRST.get(operation, 0)


def test_S09_a_head_that_alone_is_refused_stays_refused(s3_double: S3Double, store: S3Store) -> None:
    s3_double.script(Rule(operation="HeadObject", fault=Answer(status=403, code="AccessDenied")))
    with pytest.raises(AccessError):
        store.head("foo/x")


@pytest.mark.parametrize("date", ["Thu, 01 Jan 2026 10:00:00 -0000", "Thu, 01 Jan 2026 12:00:00 +0200"])
def test_B02_a_date_of_the_server_without_a_zone_is_utc(
    s3_double: S3Double, store: S3Store, date: str
) -> None:
    skewed = Answer(status=403, code="RequestTimeTooSkewed", headers={"Date": date})
    s3_double.script(Rule(operation="*", times=FOR_EVER, fault=skewed))
    with pytest.raises(AccessError) as refused:
        store.read("foo/x")
    assert "the time of the server 2026-01-01 10:00:00 UTC" in refused.value.cause


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject", "PutObject"])
def test_S10_a_wrong_clock_is_told_with_both_times(
    s3_double: S3Double, store: S3Store, operation: str
) -> None:
    skewed = Answer(
        status=403, code="RequestTimeTooSkewed", headers={"Date": "Thu, 01 Jan 2026 10:00:00 GMT"}
    )
    s3_double.script(Rule(operation="*", times=FOR_EVER, fault=skewed))
    before = len(s3_double.seen)
    with pytest.raises(AccessError, match="RequestTimeTooSkewed") as refused:
        _every_request(store)[operation]()
    assert "the local time is 2" in refused.value.cause
    assert "the time of the server 2026-01-01 10:00:00 UTC" in refused.value.cause
    assert "seconds apart" in refused.value.cause
    assert len(s3_double.seen) - before <= 3, "no retry loop"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ExpiredToken"),
        (400, "InvalidToken"),
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
    ],
)
@pytest.mark.parametrize("operation", ["GetObject", "HeadObject", "PutObject", "ListObjectsV2"])
def test_S11_credentials_that_fail_are_told_by_name(
    s3_double: S3Double, store: S3Store, status: int, code: str, operation: str
) -> None:
    s3_double.script(Rule(operation="*", times=FOR_EVER, fault=Answer(status=status, code=code)))
    with pytest.raises(AccessError, match=code):
        _every_request(store)[operation]()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=400, code="AuthorizationHeaderMalformed", elements={"Region": "eu-west-3"}),
        Answer(status=301, code="PermanentRedirect", headers={"x-amz-bucket-region": "eu-west-3"}),
        Answer(
            status=307,
            code="TemporaryRedirect",
            headers={"x-amz-bucket-region": "eu-west-3", "Location": "http://127.0.0.1:9/elsewhere"},
        ),
    ],
)
def test_S12_the_stated_region_is_followed_once(s3_double: S3Double, store: S3Store, answer: Answer) -> None:
    s3_double.script(Rule(operation="PutObject", fault=answer))
    store.create("foo/x", b"body", content_type=PLAIN)
    first, second = (one for one in s3_double.seen if one.operation == "PutObject")
    assert "/us-east-1/s3/" in first.headers["authorization"]
    assert "/eu-west-3/s3/" in second.headers["authorization"]


@pytest.mark.parametrize("code", ["AuthorizationHeaderMalformed", "PermanentRedirect"])
def test_S12_a_region_that_does_not_hold_is_told_with_both_names(
    s3_double: S3Double, store: S3Store, code: str
) -> None:
    status = 400 if code.startswith("Auth") else 301
    answer = Answer(
        status=status,
        code=code,
        elements={"Region": "eu-west-3"},
        headers={"x-amz-bucket-region": "eu-west-3"},
    )
    s3_double.script(Rule(operation="GetObject", times=FOR_EVER, fault=answer))
    with pytest.raises(AccessError, match="us-east-1") as refused:
        store.read("foo/x")
    assert "eu-west-3" in refused.value.cause
    assert "eu-west-3" in refused.value.hint
    assert s3_double.count("GetObject") == 2 + FIRST["GetObject"]


def test_S14_create_is_refused_for_what_stands_whether_the_bytes_agree_or_not(
    s3_double: S3Double, store: S3Store
) -> None:
    store.create("foo/x", b"body", content_type=PLAIN)
    before = s3_double.body(_bucket(store), "foo/x")
    for body in (b"body", b"other"):
        with pytest.raises(ObjectExistsError):
            store.create("foo/x", body, content_type=PLAIN)
    assert s3_double.body(_bucket(store), "foo/x") == before


def test_S14_a_write_under_way_is_waited_for(s3_double: S3Double, store: S3Store, clock: Clock) -> None:
    conflict = Answer(status=409, code="ConditionalRequestConflict")
    s3_double.script(Rule(operation="PutObject", times=2, fault=conflict))
    etag = store.create("foo/x", b"body", content_type=PLAIN)
    assert store.read("foo/x").etag == etag
    assert len(clock.waits) == 2


def test_S14_a_write_under_way_for_ever_is_a_conflict(s3_double: S3Double, store: S3Store) -> None:
    etag = store.create("foo/y", b"old", content_type=PLAIN)
    conflict = Answer(status=409, code="ConditionalRequestConflict")
    s3_double.script(Rule(operation="PutObject", times=FOR_EVER, fault=conflict))
    with pytest.raises(ObjectExistsError):
        store.create("foo/x", b"body", content_type=PLAIN)
    with pytest.raises(ObjectChangedError):
        store.replace("foo/y", b"new", etag=etag, content_type=PLAIN)
    assert s3_double.count("PutObject") < 20


def test_S14_a_replace_whose_answer_was_lost_is_known_to_have_worked(
    s3_double: S3Double, store: S3Store
) -> None:
    old = store.create("foo/index.json", b"old", content_type=PLAIN)
    s3_double.script(Rule(operation="PutObject", fault=LostAnswer()))
    new = store.replace("foo/index.json", b"new", etag=old, content_type=PLAIN)
    blob = store.read("foo/index.json")
    assert (blob.body, blob.etag) == (b"new", new)


def test_S14_a_lost_answer_does_not_hide_another_writer(s3_double: S3Double, store: S3Store) -> None:
    old = store.create("foo/index.json", b"old", content_type=PLAIN)
    other = store.replace("foo/index.json", b"theirs", etag=old, content_type=PLAIN)
    s3_double.script(Rule(operation="PutObject", fault=LostAnswer()))
    with pytest.raises(ObjectChangedError):
        store.replace("foo/index.json", b"ours", etag=old, content_type=PLAIN)
    assert store.read("foo/index.json").etag == other


def test_S14_a_lost_answer_does_not_hide_another_writer_of_the_same_bytes(
    s3_double: S3Double, store: S3Store
) -> None:
    old = store.create("foo/index.json", b"old", content_type=PLAIN)
    store.replace("foo/index.json", b"new", etag=old, content_type=PLAIN)
    s3_double.script(Rule(operation="PutObject", fault=LostAnswer()))
    with pytest.raises(ObjectChangedError):
        store.replace("foo/index.json", b"new", etag=old, content_type=PLAIN)


SERVER_ERROR = Answer(status=500, code="UnknownError")


def test_S14_a_replace_that_happened_before_the_server_failed_is_known_to_have_worked(
    s3_double: S3Double, store: S3Store, clock: Clock
) -> None:
    old = store.create("foo/index.json", b"old", content_type=PLAIN)
    s3_double.script(
        Rule(operation="PutObject", fault=LostAnswer()),
        Rule(operation="PutObject", times=FOR_EVER, fault=SERVER_ERROR),
    )
    new = store.replace("foo/index.json", b"new", etag=old, content_type=PLAIN)
    blob = store.read("foo/index.json")
    assert (blob.body, blob.etag) == (b"new", new)


def test_S14_a_server_error_does_not_hide_another_writer(
    s3_double: S3Double, store: S3Store, clock: Clock
) -> None:
    old = store.create("foo/index.json", b"old", content_type=PLAIN)
    other = store.replace("foo/index.json", b"theirs", etag=old, content_type=PLAIN)
    s3_double.script(Rule(operation="PutObject", times=FOR_EVER, fault=SERVER_ERROR))
    with pytest.raises(ObjectChangedError):
        store.replace("foo/index.json", b"ours", etag=old, content_type=PLAIN)
    assert store.read("foo/index.json").etag == other


@pytest.mark.parametrize("operation", ["PutObject", "*"])
def test_S14_a_replace_that_the_server_cannot_do_fails_as_a_write(
    s3_double: S3Double, store: S3Store, clock: Clock, operation: str
) -> None:
    old = store.create("foo/index.json", b"old", content_type=PLAIN)
    s3_double.script(Rule(operation=operation, times=FOR_EVER, fault=SERVER_ERROR))
    with pytest.raises(StoreError, match="cannot write") as caught:
        store.replace("foo/index.json", b"new", etag=old, content_type=PLAIN)
    assert "UnknownError" in str(caught.value)


def test_S14_the_same_bytes_from_another_writer_are_no_lost_answer(store: S3Store) -> None:
    old = store.create("foo/index.json", b"old", content_type=PLAIN)
    store.replace("foo/index.json", b"new", etag=old, content_type=PLAIN)
    with pytest.raises(ObjectChangedError):
        store.replace("foo/index.json", b"new", etag=old, content_type=PLAIN)


def test_S14_a_create_whose_answer_was_lost_is_known_to_have_worked(
    s3_double: S3Double, store: S3Store
) -> None:
    s3_double.script(Rule(operation="PutObject", fault=LostAnswer()))
    etag = store.create("foo/x", b"body", content_type=PLAIN)
    blob = store.read("foo/x")
    assert (blob.body, blob.etag) == (b"body", etag)


def test_S14_a_create_that_is_in_progress_when_it_is_repeated_is_known_to_have_worked(
    s3_double: S3Double, store: S3Store, clock: Clock
) -> None:
    in_progress = Answer(status=409, code="ConditionalRequestConflict")
    s3_double.script(
        Rule(operation="PutObject", fault=LostAnswer()), Rule(operation="PutObject", fault=in_progress)
    )
    store.create("foo/x", b"body", content_type=PLAIN)
    assert s3_double.count("PutObject") == 3


def test_S14_a_lost_answer_to_a_create_does_not_hide_another_writer_of_the_same_bytes(
    s3_double: S3Double, store: S3Store
) -> None:
    store.create("foo/x", b"body", content_type=PLAIN)
    s3_double.script(Rule(operation="PutObject", fault=LostAnswer()))
    with pytest.raises(ObjectExistsError):
        store.create("foo/x", b"body", content_type=PLAIN)


def test_S14_a_refused_create_that_was_sent_once_asks_nothing_more(
    s3_double: S3Double, store: S3Store
) -> None:
    store.create("foo/x", b"body", content_type=PLAIN)
    with pytest.raises(ObjectExistsError):
        store.create("foo/x", b"body", content_type=PLAIN)
    assert s3_double.count("HeadObject") == 0


def test_S15_a_server_that_ignores_conditions_is_visible_to_the_caller(
    s3_double: S3Double, store: S3Store
) -> None:
    s3_double.conditions = False
    store.create("foo/x", b"body", content_type=PLAIN)
    store.create("foo/x", b"body", content_type=PLAIN)  # must have been refused: this is how it shows


def test_a_server_that_wants_bare_etags_is_understood_and_remembered(
    s3_double: S3Double, store: S3Store
) -> None:
    s3_double.quoting = "bare"
    etag = store.create("foo/x", b"0", content_type=PLAIN)
    for number in range(3):
        etag = store.replace("foo/x", b"%d" % (number + 1), etag=etag, content_type=PLAIN)
    assert s3_double.count("PutObject") == 1 + 3 + 1, "one detour, at the first replace"
    with pytest.raises(ObjectChangedError):
        store.replace("foo/x", b"x", etag="0" * 32, content_type=PLAIN)
    with pytest.raises(ObjectChangedError, match="foo/gone"):
        store.replace("foo/gone", b"x", etag=etag, content_type=PLAIN)
    assert store.head("foo/gone") is None


def test_K01_no_message_holds_a_secret(s3_double: S3Double, clock: Clock) -> None:
    bucket = s3_double.endpoint.fresh_bucket()
    location = S3Location(bucket=bucket, endpoint_url=s3_double.endpoint.url, region="us-east-1")
    store = S3Store(location, credentials=KEYS)
    faults: list[Fault] = [
        SLOW_DOWN,
        Answer(
            status=403, code="SignatureDoesNotMatch", message="http://h/k?X-Amz-Signature=CANARY-SIGNATURE"
        ),
        Answer(
            status=403, code="AccessDenied", message="see http://h/k?X-Amz-Signature=CANARY-SIGNATURE here"
        ),
        Answer(status=418, code="Teapot", message="http://h/k?X-Amz-Security-Token=CANARY-TOKEN"),
        LostAnswer(),
    ]
    for fault in faults:
        s3_double.forget()
        s3_double.script(Rule(operation="*", times=FOR_EVER, fault=fault))
        for attempt in _every_request(store).values():
            with pytest.raises(PipperError) as failed:
                attempt()
            assert "CANARY" not in _told(failed.value)
            assert "\n" not in failed.value.message + failed.value.cause + failed.value.hint


def test_K01_credentials_do_not_show_themselves() -> None:
    for text in (
        repr(KEYS),
        str(KEYS),
        f"{KEYS}",
        repr(Connection(S3Location(bucket="some-bucket"), credentials=KEYS)),
    ):
        assert "CANARY" not in text
    assert "****" in repr(KEYS)


def test_K04_no_credentials_at_all_is_said_so(s3_double: S3Double) -> None:
    location = S3Location(bucket="some-bucket", endpoint_url=s3_double.endpoint.url, region="us-east-1")
    with pytest.raises(AccessError, match="no usable credentials"):
        S3Store(location).read("x")
    with pytest.raises(AccessError, match="no usable credentials") as missing:
        S3Store(location, profile="not-there").head("x")
    assert "not-there" in missing.value.cause
    assert s3_double.seen == []


def test_K04_a_damaged_configuration_is_not_passed_over(
    s3_double: S3Double, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path_factory.mktemp("aws") / "credentials"
    file.write_text("[default\naws_access_key_id")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    with pytest.raises(AccessError) as damaged:
        S3Store(S3Location(bucket="some-bucket", endpoint_url=s3_double.endpoint.url)).read("x")
    assert str(file) in damaged.value.cause


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_an_endpoint_of_the_environment_is_asked_by_path(
    s3_double: S3Double, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bucket = s3_double.endpoint.fresh_bucket()
    for variable, value in s3_double.endpoint.environment.items():
        if variable != "AWS_ENDPOINT_URL_S3":
            monkeypatch.setenv(variable, value)
    monkeypatch.setenv(name, s3_double.endpoint.url)
    store = S3Store(S3Location(bucket=bucket, prefix="pipper"))
    store.create("x", b"body", content_type=PLAIN)
    assert s3_double.body(bucket, "pipper/x") == b"body"


def test_amazon_is_asked_by_host_and_signed_for_in_the_buckets_own_region() -> None:
    with mock_aws():
        keys = {"aws_access_key_id": KEYS.access_key_id, "aws_secret_access_key": KEYS.secret_access_key}
        client = boto3.client("s3", region_name="eu-west-1", **keys)
        client.create_bucket(
            Bucket="some-bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        client.close()
        for region in ("eu-west-1", "us-east-2", None):
            url = S3Store(S3Location(bucket="some-bucket", region=region), credentials=KEYS).presign(
                "x", seconds=60
            )
            assert url.startswith("https://some-bucket.s3.eu-west-1.amazonaws.com/x?")
            assert "%2Feu-west-1%2Fs3%2Faws4_request" in url


@pytest.mark.parametrize(
    "wrong",
    [
        {"bucket": ""},
        {"bucket": "s3://bucket"},
        {"bucket": "a/b"},
        {"bucket": "good-bucket", "prefix": "/x"},
        {"bucket": "good-bucket", "prefix": "x/"},
        {"bucket": "good-bucket", "prefix": "../x"},
        {"bucket": "good-bucket", "endpoint_url": "127.0.0.1:9000"},
        {"bucket": "good-bucket", "endpoint_url": "ftp://127.0.0.1"},
        {"bucket": "good-bucket", "endpoint_url": "http://"},
        {"bucket": "good-bucket", "endpoint_url": "http://127.0.0.1:port"},
        {"bucket": "good-bucket", "endpoint_url": "http://[::1"},
    ],
)
def test_what_cannot_be_a_location_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        S3Location(**wrong)


def test_K05_an_endpoint_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(UsageError) as refused:
        S3Location(bucket="some-bucket", endpoint_url="https://user:CANARY@127.0.0.1")
    assert "CANARY" not in _told(refused.value)


def test_an_endpoint_variable_that_is_no_url_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(UsageError):
        S3Store(S3Location(bucket="some-bucket", region="us-east-1"), credentials=KEYS).read("x")


def test_K07_credentials_tell_how_long_they_are_good() -> None:
    location = S3Location(bucket="some-bucket")
    lasting = Credentials(access_key_id="AKIA", secret_access_key="x")
    assert not S3Store(location, credentials=lasting).lifetime().temporary
    session_keys = S3Store(location, credentials=KEYS).lifetime()
    assert session_keys.temporary
    assert session_keys.ends is None


def test_one_store_opens_one_client_for_many_threads(
    s3_double: S3Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[threading.Thread] = []
    real = boto3.Session.client

    def counted(*args: object, **kwargs: object) -> object:
        opened.append(threading.current_thread())
        return real(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    store = s3_double.endpoint.store()
    monkeypatch.setattr(boto3.Session, "client", counted)
    threads = [threading.Thread(target=store.head, args=("x",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1


def test_a_body_file_that_is_not_there_is_this_machines_fault(store: S3Store, s3_double: S3Double) -> None:
    with pytest.raises(MachineError, match="not-there"):
        store.create("x", Path("not-there.whl"), content_type=PLAIN)
    assert s3_double.count("PutObject") == 0


def _bucket(store: S3Store) -> str:
    return store.location.removeprefix("s3://").strip("/")
