"""The promises of `ports.Store`, kept by a directory, S3 in process, the double, and a real server."""

import hashlib
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import boto3
import pytest
from moto import mock_aws
from msgspec.structs import replace

from pipper.core.access import Credentials
from pipper.core.ports import LARGEST_DOCUMENT, CopiesWithin, Store
from pipper.errors import (
    AccessError,
    IntegrityError,
    ObjectAbsentError,
    ObjectChangedError,
    ObjectExistsError,
    StoreError,
    UsageError,
)
from pipper.storage.directory.store import DirectoryStore
from pipper.storage.s3.location import S3Location
from pipper.storage.s3.store import S3Store
from tests.s3_endpoint import S3Endpoint

E2E = pytest.param("ceph", marks=pytest.mark.e2e)
REMOTE = ("s3_server", E2E)
ATOMIC = ("directory", *REMOTE)  # moto looks and writes in two steps, without a lock
EVERY = ("moto", *ATOMIC)
PLAIN = "application/octet-stream"
RACERS = 16


@pytest.fixture(params=EVERY)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store of each kind."""
    yield from _stores(request)


@pytest.fixture(params=ATOMIC)
def atomic_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store of each kind that decides races."""
    yield from _stores(request)


@pytest.fixture(params=REMOTE)
def endpoint(request: pytest.FixtureRequest) -> S3Endpoint:
    """Each server that looks at who asks."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, S3Endpoint)
    return found


def _stores(request: pytest.FixtureRequest) -> Iterator[Store]:
    match request.param:
        case "directory":
            yield DirectoryStore(request.getfixturevalue("tmp_path") / "not" / "yet there")
        case "moto":
            with mock_aws(), pytest.MonkeyPatch.context() as patch:
                # moto stands in for botocore alone: something only botocore understands keeps reads in its hands
                patch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "false")
                client = boto3.client(
                    "s3", region_name="us-east-1", aws_access_key_id="AKIAMOTO", aws_secret_access_key="moto"
                )
                client.create_bucket(Bucket="moto-bucket")
                client.close()
                keys = Credentials(access_key_id="AKIAMOTO", secret_access_key="moto")
                yield S3Store(
                    S3Location(bucket="moto-bucket", prefix="pipper", region="us-east-1"), credentials=keys
                )
        case name:
            yield request.getfixturevalue(name).store()


def _race(attempt: Callable[[int], str]) -> list[str]:
    """What each of many threads got that began at once; `conflict` for those that lost."""
    ready = threading.Barrier(RACERS)

    def run(number: int) -> str:
        ready.wait()
        try:
            return attempt(number)
        except (ObjectExistsError, ObjectChangedError):
            return "conflict"

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))


def test_what_was_created_is_read_back(store: Store) -> None:
    etag = store.create("foo/index.json", b"{}", content_type="application/json")
    blob = store.read("foo/index.json")
    assert blob.body == b"{}"
    assert blob.etag == etag


def test_a_whole_object_is_a_document_and_never_larger_than_one(store: Store, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(LARGEST_DOCUMENT + 1)
    store.create("foo/index.json", large, content_type=PLAIN)
    with pytest.raises(IntegrityError, match=r"foo/index\.json is larger than the 67,108,864 bytes"):
        store.read("foo/index.json")
    assert store.read("foo/index.json", start=LARGEST_DOCUMENT, length=5).body == b"\0"
    with store.stream("foo/index.json") as pieces:
        assert sum(map(len, pieces)) == LARGEST_DOCUMENT + 1


def test_an_empty_body_is_a_body(store: Store) -> None:
    etag = store.create("empty", b"", content_type=PLAIN)
    assert store.read("empty").body == b""
    found = store.head("empty")
    assert found is not None
    assert (found.size, found.etag) == (0, etag)
    with store.stream("empty") as pieces:
        assert b"".join(pieces) == b""


@pytest.mark.parametrize(
    "key",
    [
        "foo/0123456789abcdef/foo-1!2.0+local.1-py3-none-any.whl",
        "with space/a b.txt",
        "déjà/vu-é.txt",
        "per%20cent/%2e%2e/x",
        "question?/and&=hash#",
        "Foo_Bar/v1-2-3__build_x.pipper",
        "...",
    ],
)
def test_a_key_may_hold_any_printable_character(store: Store, key: str) -> None:
    etag = store.create(key, b"body", content_type=PLAIN)
    assert store.read(key).body == b"body"
    assert [info.key for info in store.list()] == [key]
    assert store.folders() == ({key.split("/", maxsplit=1)[0]} if "/" in key else frozenset())
    changed = store.replace(key, b"other", etag=etag, content_type=PLAIN)
    assert store.read(key).etag == changed
    store.delete(key)
    assert store.head(key) is None


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/abs",
        "a//b",
        "a/",
        "../up",
        "a/../../up",
        "a/./b",
        ".",
        "a\\b",
        "a\nb",
        "a\x00b",
        "a\x7f",
        "a/" + "x" * 1024,
    ],
)
def test_an_unsafe_key_is_refused_before_any_request(store: Store, key: str) -> None:
    attempts: list[Callable[[], object]] = [
        lambda: store.read(key),
        lambda: store.stream(key).__enter__(),
        lambda: store.head(key),
        lambda: store.create(key, b"", content_type=PLAIN),
        lambda: store.replace(key, b"", etag="x", content_type=PLAIN),
        lambda: store.delete(key),
    ]
    for attempt in attempts:
        with pytest.raises(IntegrityError, match="unsafe key"):
            attempt()


def test_an_unsafe_prefix_is_refused_at_the_call(store: Store) -> None:
    with pytest.raises(IntegrityError):
        store.list("../")


def test_what_is_absent_is_absent_in_every_method(store: Store) -> None:
    store.create("foo/there", b"x", content_type=PLAIN)
    for key in ("nope", "foo/nope", "foo", "foo/there/below"):
        assert store.head(key) is None
        with pytest.raises(ObjectAbsentError, match=key):
            store.read(key)
        with pytest.raises(ObjectAbsentError), store.stream(key):
            pass
        with pytest.raises(ObjectAbsentError):
            store.read(key, start=5, length=0)


def test_an_empty_store_lists_nothing(store: Store) -> None:
    assert list(store.list()) == []
    assert store.folders() == frozenset()


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (0, 4, b"0123"),
        (3, 4, b"3456"),
        (3, None, b"3456789"),
        (8, 100, b"89"),
        (9, 1, b"9"),
        (10, None, b""),
        (10, 5, b""),
        (99, 5, b""),
        (4, 0, b""),
    ],
)
def test_a_range_gives_what_lies_in_it(store: Store, start: int, length: int | None, expected: bytes) -> None:
    etag = store.create("digits", b"0123456789", content_type=PLAIN)
    blob = store.read("digits", start=start, length=length)
    assert blob.body == expected
    assert blob.etag == etag


def test_head_tells_size_time_and_metadata(store: Store) -> None:
    etag = store.create(
        "a/b", b"12345", content_type=PLAIN, metadata={"Version": "1.2.3", "package": '{"a": 1}'}
    )
    found = store.head("a/b")
    assert found is not None
    assert (found.key, found.size, found.etag) == ("a/b", 5, etag)
    assert found.metadata == {"version": "1.2.3", "package": '{"a": 1}'}
    assert found.modified.utcoffset() == timedelta(0)
    assert found.modified.tzinfo is UTC


def test_metadata_is_that_of_the_last_write(store: Store) -> None:
    etag = store.create("a/b", b"1", content_type=PLAIN, metadata={"version": "1"})
    etag = store.replace("a/b", b"2", etag=etag, content_type=PLAIN, metadata={"version": "2"})
    found = store.head("a/b")
    assert found is not None
    assert found.metadata == {"version": "2"}
    store.replace("a/b", b"3", etag=etag, content_type=PLAIN)
    found = store.head("a/b")
    assert found is not None
    assert found.metadata == {}


def test_read_head_list_and_write_agree_on_the_etag(store: Store) -> None:
    first = store.create("a/b", b"one", content_type=PLAIN)
    second = store.replace("a/b", b"two", etag=first, content_type=PLAIN)
    assert first != second
    found = store.head("a/b")
    assert found is not None
    assert {found.etag, store.read("a/b").etag, store.read("a/b", start=1).etag} == {second}
    assert [info.etag for info in store.list()] == [second]
    assert '"' not in second


def test_a_store_is_sure_that_nothing_changed_only_while_nothing_did(store: Store) -> None:
    key, sure = "foo/index.json", bool(store.address)  # without an address, only boto3 can ask
    etag = store.create(key, b"body", content_type=PLAIN)
    assert store.is_unchanged(key, etag) == sure
    assert store.is_unchanged("foo/absent", None) == sure
    assert not store.is_unchanged(key, None)
    assert not store.is_unchanged("foo/absent", etag)
    store.replace(key, b"other", etag=etag, content_type=PLAIN)
    assert not store.is_unchanged(key, etag)
    store.delete(key)
    assert not store.is_unchanged(key, etag)
    assert store.is_unchanged(key, None) == sure


def test_create_does_not_touch_what_stands(store: Store) -> None:
    etag = store.create("a/b", b"first", content_type=PLAIN, metadata={"by": "first"})
    for body in (b"second", b"first"):
        with pytest.raises(ObjectExistsError, match="a/b"):
            store.create("a/b", body, content_type=PLAIN, metadata={"by": "second"})
    found = store.head("a/b")
    assert found is not None
    assert (found.etag, found.metadata) == (etag, {"by": "first"})
    assert store.read("a/b").body == b"first"


def test_replace_refuses_an_etag_that_is_no_longer_true(store: Store) -> None:
    old = store.create("a/b", b"first", content_type=PLAIN)
    store.replace("a/b", b"second", etag=old, content_type=PLAIN)
    for body in (b"third", b"second"):
        with pytest.raises(ObjectChangedError, match="a/b"):
            store.replace("a/b", body, etag=old, content_type=PLAIN)
    assert store.read("a/b").body == b"second"


def test_replace_with_the_same_bytes_is_a_replace(store: Store) -> None:
    etag = store.create("a/b", b"same", content_type=PLAIN)
    assert store.replace("a/b", b"same", etag=etag, content_type=PLAIN) == etag


def test_replace_of_an_absent_key_creates_nothing(store: Store) -> None:
    with pytest.raises(ObjectChangedError, match="a/b"):
        store.replace("a/b", b"x", etag="d41d8cd98f00b204e9800998ecf8427e", content_type=PLAIN)
    assert list(store.list()) == []


def test_what_was_deleted_is_gone_and_may_be_deleted_again(store: Store) -> None:
    store.create("a/b", b"x", content_type=PLAIN, metadata={"version": "1"})
    store.delete("a/b")
    store.delete("a/b")
    store.delete("never/there")
    assert store.head("a/b") is None
    assert store.folders() == frozenset()
    store.create("a/b", b"x", content_type=PLAIN)
    found = store.head("a/b")
    assert found is not None
    assert found.metadata == {}


def test_list_is_in_the_order_of_keys_whatever_the_folders(store: Store) -> None:
    keys = ["a", "a-b/x", "a.b", "b/c/d", "b/c-d", "b/c.d", "é/x", "Z", "b/c0"]
    for key in keys:
        store.create(key, key.encode(), content_type=PLAIN)
    found = list(store.list())
    assert [info.key for info in found] == sorted(keys)
    assert [info.size for info in found] == [len(key.encode()) for key in sorted(keys)]
    assert [info.key for info in store.list("b/c")] == sorted(key for key in keys if key.startswith("b/c"))
    assert [info.key for info in store.list("a")] == sorted(key for key in keys if key.startswith("a"))
    assert [info.key for info in store.list("b/c/")] == ["b/c/d"]
    assert list(store.list("nothing/here/")) == []
    assert [info.key for info in store.list("b/c", deep=False)] == sorted(
        key for key in keys if key.startswith("b/c") and "/" not in key[3:]
    )
    assert [info.key for info in store.list(deep=False)] == sorted(key for key in keys if "/" not in key)


def test_folders_are_the_first_segments_of_longer_keys(store: Store) -> None:
    for key in ("marker.json", "foo/index.json", "foo/0/x.whl", "Foo_Bar/v1-0-0.pipper", "deep/er/x"):
        store.create(key, b"x", content_type=PLAIN)
    assert store.folders() == {"foo", "Foo_Bar", "deep"}


def test_list_and_folders_go_over_all_pages(store: Store) -> None:
    keys = [f"p{number:04}/index.json" for number in range(1005)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: store.create(key, b"x", content_type=PLAIN), keys))
    assert [info.key for info in store.list()] == keys
    assert store.folders() == {key.split("/")[0] for key in keys}


def test_a_stream_gives_the_whole_body_in_pieces(store: Store, tmp_path: Path) -> None:
    body = bytes(range(256)) * 12_300
    store.create("large", body, content_type=PLAIN)
    with store.stream("large") as pieces:
        parts = list(pieces)
    assert b"".join(parts) == body
    assert len(parts) > 1
    assert max(map(len, parts)) <= 1 << 20
    with store.stream("large", start=len(body) - 3) as pieces:
        assert b"".join(pieces) == body[-3:]
    with store.stream("large", start=len(body)) as pieces:
        assert b"".join(pieces) == b""
    with store.stream("large") as pieces:
        next(pieces)  # and no more: the rest must not hang on to anything


def test_a_body_may_come_from_a_file(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "large.bin"
    file.write_bytes(bytes(range(256)) * 9000)
    etag = store.create("file", file, content_type=PLAIN, metadata={"kind": "file"})
    digest = hashlib.sha256(file.read_bytes()).digest()
    assert hashlib.sha256(store.read("file").body).digest() == digest
    file.write_bytes(b"now short")
    store.replace("file", file, etag=etag, content_type=PLAIN)
    assert store.read("file").body == b"now short"


def test_of_many_creators_one_wins(atomic_store: Store) -> None:
    got = _race(lambda number: atomic_store.create("one/key", f"racer {number}".encode(), content_type=PLAIN))
    assert got.count("conflict") == RACERS - 1
    winner = next(number for number, etag in enumerate(got) if etag != "conflict")
    assert atomic_store.read("one/key").body == f"racer {winner}".encode()


def test_of_many_writers_that_read_one_etag_one_wins(atomic_store: Store) -> None:
    etag = atomic_store.create("one/key", b"start", content_type=PLAIN)
    for _ in range(3):
        got = _race(
            lambda number, etag=etag: atomic_store.replace(
                "one/key", f"racer {number} after {etag}".encode(), etag=etag, content_type=PLAIN
            )
        )
        assert got.count("conflict") == RACERS - 1
        winner = next(number for number, new in enumerate(got) if new != "conflict")
        assert atomic_store.read("one/key").body == f"racer {winner} after {etag}".encode()
        etag = got[winner]


def test_no_increment_is_lost(atomic_store: Store) -> None:
    atomic_store.create("counter", b"0", content_type=PLAIN)

    def add(_: int) -> str:
        while True:
            seen = atomic_store.read("counter")
            try:
                return atomic_store.replace(
                    "counter", b"%d" % (int(seen.body) + 1), etag=seen.etag, content_type=PLAIN
                )
            except ObjectChangedError:
                continue

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(24)))
    assert atomic_store.read("counter").body == b"24"


def test_only_what_lies_below_the_prefix_belongs_to_the_store(endpoint: S3Endpoint) -> None:
    bucket = endpoint.fresh_bucket()
    inner, root = endpoint.store(bucket), endpoint.store(bucket, prefix="")
    root.create("pipper-else/x", b"x", content_type=PLAIN)
    inner.create("foo/x", b"x", content_type=PLAIN)
    assert [info.key for info in inner.list()] == ["foo/x"]
    assert [info.key for info in root.list()] == ["pipper-else/x", "pipper/foo/x"]
    assert root.folders() == {"pipper", "pipper-else"}
    assert (inner.location, root.location) == (f"s3://{bucket}/pipper", f"s3://{bucket}/")


def _stranger_is_refused(endpoint: S3Endpoint, key_id: str, code: str) -> None:
    bucket = endpoint.fresh_bucket()
    endpoint.store(bucket).create("there", b"x", content_type=PLAIN)
    location = S3Location(bucket=bucket, prefix="pipper", endpoint_url=endpoint.url, region=endpoint.region)
    keys = Credentials(access_key_id=key_id, secret_access_key="CANARY-SECRET")
    stranger = S3Store(location, credentials=keys)
    attempts: list[Callable[[str], object]] = [
        stranger.read,
        stranger.head,
        lambda key: stranger.stream(key).__enter__(),
        lambda key: list(stranger.list()),
        lambda key: stranger.folders(),
        lambda key: stranger.create(key, b"", content_type=PLAIN),
        lambda key: stranger.replace(key, b"", etag="x", content_type=PLAIN),
        stranger.delete,
    ]
    for attempt in attempts:
        for key in ("there", "not there"):
            with pytest.raises(AccessError, match=code) as refused:
                attempt(key)
            assert "CANARY" not in f"{refused.value} {refused.value.cause} {refused.value.hint}"


def test_an_unknown_access_key_is_never_taken_for_absent(endpoint: S3Endpoint) -> None:
    _stranger_is_refused(endpoint, "AKIANOBODY", "InvalidAccessKeyId")


@pytest.mark.e2e
def test_a_wrong_secret_is_never_taken_for_absent(ceph: S3Endpoint) -> None:
    _stranger_is_refused(ceph, ceph.access_key_id, "SignatureDoesNotMatch")


def test_a_bucket_that_is_not_there_is_no_empty_store(endpoint: S3Endpoint) -> None:
    store = endpoint.store("no-such-bucket-here")
    attempts: list[Callable[[], object]] = [
        lambda: store.head("x"),
        lambda: store.read("x"),
        lambda: list(store.list()),
        store.folders,
        lambda: store.create("x", b"", content_type=PLAIN),
        lambda: store.delete("x"),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError, match="bucket no-such-bucket-here does not exist") as missing:
            attempt()
        assert not isinstance(missing.value, ObjectAbsentError)


def _presigned(endpoint: S3Endpoint, key: str, seconds: int = 60) -> tuple[S3Store, str]:
    store = endpoint.store()
    store.create(key, b"signed body", content_type=PLAIN)
    return store, store.presign(key, seconds=seconds)


def test_a_presigned_url_reads_without_credentials(endpoint: S3Endpoint) -> None:
    _, url = _presigned(endpoint, "foo/a+b é!.whl")
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in url
    assert "X-Amz-Expires=60" in url
    assert f"%2F{endpoint.region}%2Fs3%2Faws4_request" in url
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"signed body"


@pytest.mark.e2e
@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD"])
def test_a_presigned_url_is_good_for_reading_alone(ceph: S3Endpoint, method: str) -> None:
    store, url = _presigned(ceph, "foo/x.whl")
    body = b"forged" if method == "PUT" else None
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(urllib.request.Request(url, data=body, method=method))
    refused.value.close()
    assert store.read("foo/x.whl").body == b"signed body"


@pytest.mark.e2e
def test_a_presigned_url_is_good_for_one_key(ceph: S3Endpoint) -> None:
    store, url = _presigned(ceph, "foo/x.whl")
    store.create("foo/y.whl", b"secret", content_type=PLAIN)
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(url.replace("x.whl", "y.whl"))
    refused.value.close()


@pytest.mark.parametrize("seconds", [0, -1, 604_801, 30 * 86_400])
def test_K06_a_signature_lasts_seven_days_at_most(s3_server: S3Endpoint, seconds: int) -> None:
    store = s3_server.store()
    assert "X-Amz-Expires=604800" in store.presign("x", seconds=604_800)
    with pytest.raises(UsageError, match=f"{seconds} seconds"):
        store.presign("x", seconds=seconds)


def test_a_store_presigns_exactly_where_it_has_a_lifetime_to_tell(store: Store) -> None:
    store.create("foo/x.whl", b"body", content_type=PLAIN)
    if store.lifetime() is None:
        with pytest.raises(UsageError, match="cannot sign"):
            store.presign("foo/x.whl", seconds=60)
    else:
        assert "X-Amz-Signature=" in store.presign("foo/x.whl", seconds=60)


@pytest.mark.parametrize("key", ["foo/x.whl", "foo/a+b é!.whl", "question?/and&=hash#"])
def test_a_plain_url_names_the_object_and_grants_nothing(store: Store, key: str) -> None:
    parts = urlsplit(store.url(key))
    assert parts.scheme in ("https", "http", "file")
    assert unquote(parts.path).endswith(f"/{key}")
    assert (parts.query, parts.fragment) == ("", "")


def test_a_directory_cannot_presign(tmp_path: Path) -> None:
    assert DirectoryStore(tmp_path).lifetime() is None
    with pytest.raises(UsageError, match="cannot sign"):
        DirectoryStore(tmp_path).presign("x", seconds=60)


@pytest.fixture(params=("moto", *REMOTE))
def copying_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store of each kind that copies within its server."""
    yield from _stores(request)


def _beside(store: S3Store, prefix: str) -> S3Store:
    """Another prefix of the same bucket, with the same credentials."""
    connection = store._connection
    return S3Store(replace(connection.location, prefix=prefix), credentials=connection._credentials)


def test_an_object_is_copied_within_the_server_with_its_metadata(copying_store: Store) -> None:
    assert isinstance(copying_store, S3Store)
    assert isinstance(copying_store, CopiesWithin)
    other = _beside(copying_store, "copies é")
    key = "foo/0123456789abcdef/foo-1!2.0+local.1-py3-none-any.whl"
    etag = copying_store.create(key, b"body", content_type=PLAIN, metadata={"a": "b"})
    assert other.can_copy_from(copying_store)
    other.copy_from(copying_store, key, etag=etag)
    assert other.read(key).body == b"body"
    found = other.head(key)
    assert found is not None
    assert (found.size, dict(found.metadata)) == (4, {"a": "b"})
    other.copy_from(copying_store, key, etag=etag)


def test_a_copy_within_the_server_takes_only_the_object_that_was_looked_at(copying_store: Store) -> None:
    assert isinstance(copying_store, S3Store)
    other = _beside(copying_store, "copies")
    etag = copying_store.create("a/b", b"body", content_type=PLAIN)
    copying_store.replace("a/b", b"other", etag=etag, content_type=PLAIN)
    with pytest.raises(ObjectChangedError):
        other.copy_from(copying_store, "a/b", etag=etag)
    with pytest.raises(ObjectAbsentError):
        other.copy_from(copying_store, "a/c", etag=etag)
    assert list(other.list()) == []


def test_stores_of_different_servers_or_identities_copy_byte_by_byte(
    s3_server: S3Endpoint, tmp_path: Path
) -> None:
    store = s3_server.store()
    location = S3Location(bucket="other", endpoint_url=s3_server.url, region=s3_server.region)
    other = S3Store(location, credentials=Credentials(access_key_id="AKIAOTHER", secret_access_key="x"))
    assert not other.can_copy_from(store)
    assert not store.can_copy_from(DirectoryStore(tmp_path))
    assert not isinstance(DirectoryStore(tmp_path), CopiesWithin)
