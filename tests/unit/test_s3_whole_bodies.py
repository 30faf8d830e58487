"""What S3Store accepts of bodies and listings that were damaged on their way (B4)."""

import base64
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pipper.errors import StoreError
from pipper.storage.s3.store import S3Store
from tests.faults.disturbances import DISTURBANCES, Scene, flipped
from tests.faults.proxy import Answer, Forward, Outcome, Proxy, Request
from tests.s3_double import S3Double

PLAIN = "application/octet-stream"
BODY = b'{"name": "alpha", "files": []}'
KMS = ("x-amz-server-side-encryption", "aws:kms")
OPAQUE = '"0123456789abcdef0123456789abcdef"'
Change = Callable[[Answer], Answer]


class Line:
    """A store behind a proxy that changes the answers to GETs, one after the other; the last change stays."""

    def __init__(self, double: S3Double, proxy: Proxy) -> None:
        bucket = double.endpoint.fresh_bucket()
        double.endpoint.store(bucket).create("a/page", BODY, content_type=PLAIN)
        double.endpoint.store(bucket).create("b/page", BODY, content_type=PLAIN)
        self.proxy = proxy
        self.store: S3Store = proxy.endpoint.store(bucket)

    def changes(self, *changes: Change) -> None:
        left = list(changes)

        def meet(request: Request, forward: Forward) -> Outcome:
            change = left.pop(0) if len(left) > 1 else left[0]
            return change(forward())

        self.proxy.watch("pipper", meet)

    def count(self) -> int:
        return len(self.proxy.seen("pipper"))

    def meets(self, name: str, *, times: float) -> None:
        (disturbance,) = (each for each in DISTURBANCES if each.name == name)
        scene = Scene(kill=lambda: None, older={})
        met = 0

        def meet(request: Request, forward: Forward) -> Outcome:
            nonlocal met
            met += 1
            return disturbance.meets(request, forward, scene) if met <= times else forward()

        self.proxy.watch("pipper", meet)


@pytest.fixture
def line(s3_double: S3Double) -> Iterator[Line]:
    with Proxy(s3_double.endpoint) as proxy:
        yield Line(s3_double, proxy)


def good(answer: Answer) -> Answer:
    return answer


def damaged(answer: Answer) -> Answer:
    return replace(answer, body=flipped(answer.body, 0.5))


def opaque(answer: Answer) -> Answer:
    """As from a bucket whose ETags are no MD5s, and which says nothing of it."""
    return answer.with_header("ETag", OPAQUE)


def encrypted(answer: Answer) -> Answer:
    return opaque(answer).with_header(*KMS)


def summed(answer: Answer) -> Answer:
    """With a checksum of the bytes that are stored."""
    checksum = base64.b64encode(zlib.crc32(BODY).to_bytes(4)).decode()
    return encrypted(answer).with_header("x-amz-checksum-crc32", checksum)


def test_B04_a_body_is_held_against_its_etag_and_read_once_more(line: Line) -> None:
    line.changes(damaged, good)
    assert line.store.read("a/page").body == BODY
    assert line.count() == 2


def test_B04_a_wrong_etag_is_no_better_than_a_wrong_body(line: Line) -> None:
    assert line.store.read("b/page").body == BODY
    line.changes(opaque, good)
    assert line.store.read("a/page").etag == line.store.read("b/page").etag


def test_B04_a_body_that_stays_damaged_is_refused_in_words(line: Line) -> None:
    assert line.store.read("b/page").body == BODY
    line.changes(damaged)
    with pytest.raises(StoreError, match="the response of 127") as refused:
        line.store.read("a/page")
    assert refused.value.message.startswith(f"cannot read {line.store.location}/a/page")
    assert "proxy" in refused.value.hint
    assert line.count() == 2


@pytest.mark.parametrize("kind", [opaque, encrypted])
def test_B04_without_a_digest_two_answers_must_agree(line: Line, kind: Change) -> None:
    line.changes(kind)
    assert line.store.read("a/page").body == BODY
    assert line.count() == 2
    line.changes(lambda answer: kind(damaged(answer)), kind, kind)
    assert line.store.read("a/page").body == BODY
    assert line.count() == 3


def test_B04_answers_that_never_agree_are_refused(line: Line) -> None:
    places = iter([0.1, 0.5, 0.9])
    line.changes(lambda answer: encrypted(replace(answer, body=flipped(answer.body, next(places)))))
    with pytest.raises(StoreError, match="is damaged"):
        line.store.read("a/page")
    assert line.count() == 3


def test_B04_checksums_are_asked_for_where_etags_are_no_md5(line: Line) -> None:
    line.changes(encrypted, summed)
    assert line.store.read("a/page").body == BODY
    asked = [dict(request.headers).get("x-amz-checksum-mode") for request in line.proxy.seen("pipper")]
    assert asked == [None, "ENABLED"]
    line.changes(summed)
    assert line.store.read("b/page").body == BODY
    assert line.count() == 1, "a checksum needs no second answer"
    line.changes(lambda answer: summed(damaged(answer)))
    with pytest.raises(StoreError, match="is damaged"):
        line.store.read("a/page")
    assert line.count() == 2


def test_B04_a_checksum_of_the_parts_of_an_upload_says_nothing_of_the_whole(line: Line) -> None:
    line.changes(lambda answer: encrypted(answer).with_header("x-amz-checksum-crc32", "ZmFsc2U=-2"))
    assert line.store.read("a/page").body == BODY
    assert line.count() == 2


def test_B04_the_end_of_a_stream_is_refused_where_nobody_else_knows_the_hash(line: Line) -> None:
    assert line.store.read("b/page").body == BODY
    line.changes(damaged)
    with line.store.stream("a/page") as pieces:
        assert b"".join(pieces) != BODY, "a download compares the hash in the lock"
    with pytest.raises(StoreError, match="is damaged"), line.store.stream("a/page", verified=True) as pieces:
        list(pieces)


@pytest.mark.parametrize("name", ["cut listing", "doubled listing", "half body"])
def test_B04_a_listing_that_contradicts_itself_is_requested_again(line: Line, name: str) -> None:
    line.meets(name, times=1)
    assert [info.key for info in line.store.list()] == ["a/page", "b/page"]
    line.meets(name, times=1)
    assert line.store.folders() == {"a", "b"}


@pytest.mark.parametrize("name", ["cut listing", "doubled listing", "endless listing"])
def test_B04_a_listing_that_always_contradicts_itself_is_refused(line: Line, name: str) -> None:
    line.meets(name, times=float("inf"))
    with pytest.raises(StoreError, match="cannot list") as refused:
        list(line.store.list())
    assert "listing" in refused.value.cause
    with pytest.raises(StoreError, match="cannot list"):
        line.store.folders()


def test_B04_a_listing_in_an_unknown_encoding_is_requested_again(line: Line) -> None:
    line.changes(lambda answer: replace(answer, body=answer.body.replace(b"UTF-8", b"UTF-9", 1)), good)
    assert [info.key for info in line.store.list()] == ["a/page", "b/page"]


def test_B04_a_key_without_the_prefix_that_was_asked_for_is_no_key(line: Line) -> None:
    line.changes(lambda answer: replace(answer, body=answer.body.replace(b"pipper/a", b"pippes/a")))
    with pytest.raises(StoreError, match="cannot list") as refused:
        list(line.store.list())
    assert "without the prefix" in refused.value.cause


def test_B04_an_upload_that_the_server_finds_damaged_is_sent_again(s3_double: S3Double) -> None:
    from tests.s3_double import Answer as Refusal
    from tests.s3_double import Rule

    store = s3_double.endpoint.store(prefix="")
    refusal = Refusal(status=400, code="XAmzContentSHA256Mismatch")
    s3_double.script(Rule(operation="PutObject", fault=refusal))
    store.create("a/page", BODY, content_type=PLAIN)
    assert store.read("a/page").body == BODY
    s3_double.script(Rule(operation="PutObject", fault=refusal, times=4))
    with pytest.raises(StoreError, match="XAmzContentSHA256Mismatch") as refused:
        store.create("b/page", BODY, content_type=PLAIN)
    assert "later" in refused.value.hint
