"""The index as a source, against a server that does what each test wants: answers, lies, faults, silence."""

import gzip
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from pipper.core.ports import CandidateFile, Release, ReleaseFile, ReleaseMetadata
from pipper.core.reads import ReadLog
from pipper.errors import AccessError, IntegrityError, StoreError
from pipper.http.client import Account, Web
from pipper.index.cache import PageCache
from pipper.index.pages import is_as_read
from pipper.index.project_page import LARGEST_PAGE
from pipper.index.reader import Connection, Disk
from pipper.index.source import IndexSource
from pipper.system.seals import read_sealed, sealed
from tests.index_double import Fault, IndexDouble, Style
from tests.sdists import make_sdist
from tests.wheelhouse import make_wheel

FOO = canonicalize_name("foo")
Start = Callable[..., IndexDouble]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start an index of a given style that has foo 1.0 (needs bar) and foo 2.0."""
    with ExitStack() as stack:

        def started(style: Style | None = None) -> IndexDouble:
            index = stack.enter_context(IndexDouble(style))
            index.add(
                make_wheel(tmp_path / "wheels", "foo", "1.0", requires=["bar>=2"], extras={"x": ["baz"]})
            )
            index.add(make_wheel(tmp_path / "wheels", "foo", "2.0"))
            return index

        yield started


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipper.http.client.time.sleep", lambda seconds: None)


def opened(index: IndexDouble, cache: Path, *, offline: bool = False) -> IndexSource:
    web = Web({}, account=lambda origin: None)
    return IndexSource(lambda: Connection(url=index.url, reader=web), cache, offline=offline)


def one(source: IndexSource, version: str = "1.0") -> tuple[Release, CandidateFile]:
    (release,) = (each for each in source.releases(FOO) if str(each.version) == version)
    return release, release.files[0]


def needs(source: IndexSource, version: str = "1.0") -> ReleaseMetadata:
    return source.metadata(*one(source, version))


STYLES = {
    "json": Style(),
    "html": Style(json=False),
    "no metadata files": Style(metadata=False),
    "neither metadata files nor sizes": Style(metadata=False, sizes=False),
    "neither metadata files nor ranges": Style(metadata=False, ranges=False),
    "html without metadata files": Style(json=False, metadata=False),
    "no hashes": Style(hashes=False, metadata=False),
}


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())
def test_every_kind_of_server_tells_the_same(start: Start, tmp_path: Path, style: Style) -> None:
    source = opened(start(style), tmp_path / "cache")
    assert sorted(str(release.version) for release in source.releases(FOO)) == ["1.0", "2.0"]
    _, file = one(source)
    assert file.filename == file.locked.filename == "foo-1.0-py3-none-any.whl"
    assert bool(file.locked.sha256) == style.hashes
    found = needs(source)
    assert [str(each) for each in found.requires_dist] == ["bar>=2", 'baz; extra == "x"']
    assert found.provides_extra == {"x"}


def test_nothing_is_asked_before_a_project_is(tmp_path: Path) -> None:
    def connect() -> Connection:
        raise AssertionError

    IndexSource(connect, tmp_path).prefetch([])


def test_an_unknown_project_is_absent_and_asked_for_once(start: Start, tmp_path: Path) -> None:
    index = start()
    source = opened(index, tmp_path / "cache")
    assert source.releases(canonicalize_name("nothing")) == ()
    assert not source.holds(canonicalize_name("nothing"))
    assert index.count("/simple/nothing/") == 1


def test_only_404_is_absent(start: Start, tmp_path: Path) -> None:
    for status, error in ((401, AccessError), (403, AccessError), (500, StoreError), (418, StoreError)):
        index = start()
        index.script(Fault(path="/simple/*", status=status, times=float("inf")))
        with pytest.raises(error):
            opened(index, tmp_path / str(status)).releases(FOO)


def test_S1_a_page_that_failed_is_not_waited_for_again(start: Start, tmp_path: Path) -> None:
    index = start()
    index.script(Fault(path="/simple/*", status=500, times=float("inf")))
    source = opened(index, tmp_path / "cache")
    for ask in (lambda: source.prefetch([FOO]), lambda: source.releases(FOO)):
        with pytest.raises(StoreError):
            ask()
    assert index.count("/simple/foo/") == 4


def test_S1_what_passes_is_tried_again(start: Start, tmp_path: Path) -> None:
    index = start()
    index.script(Fault(path="/simple/foo/", status=503, times=2), Fault(path="*.metadata", status=500))
    assert needs(opened(index, tmp_path / "cache")).requires_dist
    assert index.count("/simple/foo/") == 3


def test_S5_a_page_that_breaks_off_is_read_again(start: Start, tmp_path: Path) -> None:
    index = start()
    index.script(Fault(path="/simple/foo/", cut=100))
    assert len(opened(index, tmp_path / "cache").releases(FOO)) == 2


@pytest.mark.parametrize("path", ["/simple/foo/", "*.metadata", "/files/*.whl"])
def test_S6_an_endless_body_is_not_read_to_its_end(start: Start, tmp_path: Path, path: str) -> None:
    index = start(Style(metadata=path != "/files/*.whl"))
    index.script(Fault(path=path, endless=True, times=float("inf")))
    source = opened(index, tmp_path / "cache")
    if path.startswith("/simple"):
        with pytest.raises(IntegrityError, match="longer than"):
            source.releases(FOO)
    else:
        assert "cannot be read" in needs(source).unusable


@pytest.mark.parametrize(
    "body", [b"<html><form>log in</form></html>", b"<?xml version='1.0'?><Error/>", b"{}", b""]
)
@pytest.mark.parametrize("kind", ["text/html", "application/vnd.pypi.simple.v1+json", "application/xml"])
def test_S7_a_page_that_is_none_is_never_an_empty_project(
    start: Start, tmp_path: Path, body: bytes, kind: str
) -> None:
    index = start()
    index.script(Fault(path="/simple/*", body=body, headers={"Content-Type": kind}, times=float("inf")))
    with pytest.raises(StoreError, match="not a project page"):
        opened(index, tmp_path / "cache").releases(FOO)


def test_H28_a_metadata_file_with_another_hash_is_not_believed(start: Start, tmp_path: Path) -> None:
    index = start()
    index.script(Fault(path="*.metadata", body=b"Metadata-Version: 2.1\nName: foo\nVersion: 1.0\n"))
    assert "sha256" in needs(opened(index, tmp_path / "cache")).unusable


def test_a_metadata_file_that_is_announced_and_missing_is_read_out_of_the_wheel(
    start: Start, tmp_path: Path
) -> None:
    index = start()
    index.script(Fault(path="*.metadata", status=404))
    assert needs(opened(index, tmp_path / "cache")).requires_dist


def test_metadata_of_another_project_or_version_is_unusable(start: Start, tmp_path: Path) -> None:
    index = start()
    wheel = make_wheel(tmp_path / "lies", "foo", "3.0")
    index.add(wheel, metadata=b"Metadata-Version: 2.1\nName: foo\nVersion: 3.1\n")
    assert "3.1" in needs(opened(index, tmp_path / "cache"), "3.0").unusable


def test_R06_a_malformed_requires_python_counts_as_none_and_is_told_with_v(
    start: Start, tmp_path: Path
) -> None:
    index = start()
    index.add(make_wheel(tmp_path / "old", "foo", "3.0", requires_python=">=3.6.*"))
    found = needs(opened(index, tmp_path / "cache"), "3.0")
    assert (found.unusable, found.requires_python) == ("", None)


def test_what_is_known_is_not_sent_again(start: Start, tmp_path: Path) -> None:
    index = start()
    needs(opened(index, tmp_path / "cache"))
    index.seen.clear()
    again = needs(opened(index, tmp_path / "cache"))
    assert again.requires_dist
    assert [(each.path, each.status) for each in index.seen] == [("/simple/foo/", 304)]


def test_without_validators_an_equal_page_is_recognised_and_metadata_is_kept(
    start: Start, tmp_path: Path
) -> None:
    index = start(Style(etags=False))
    needs(opened(index, tmp_path / "cache"))
    index.seen.clear()
    assert needs(opened(index, tmp_path / "cache")).requires_dist
    assert [(each.path, each.status) for each in index.seen] == [("/simple/foo/", 200)]


def test_a_page_is_fresh_for_as_long_as_the_server_says(start: Start, tmp_path: Path) -> None:
    index = start(Style(cache_control="public, max-age=300"))
    opened(index, tmp_path / "cache").releases(FOO)
    opened(index, tmp_path / "cache").releases(FOO)
    assert index.count("/simple/foo/") == 1


def test_a_changed_page_is_read_anew(start: Start, tmp_path: Path) -> None:
    index = start()
    opened(index, tmp_path / "cache").releases(FOO)
    index.add(make_wheel(tmp_path / "wheels", "foo", "3.0"))
    assert len(opened(index, tmp_path / "cache").releases(FOO)) == 3


def test_offline_what_is_remembered_is_all_there_is(start: Start, tmp_path: Path) -> None:
    index = start()
    with pytest.raises(StoreError, match="not in the cache"):
        opened(index, tmp_path / "cache", offline=True).releases(FOO)
    needs(opened(index, tmp_path / "cache"))
    index.seen.clear()
    assert needs(opened(index, tmp_path / "cache", offline=True)).requires_dist
    assert index.seen == []


def test_a_damaged_memory_is_no_memory(start: Start, tmp_path: Path) -> None:
    index = start()
    needs(opened(index, tmp_path / "cache"))
    for path in (tmp_path / "cache").rglob("*.page"):
        path.write_bytes(path.read_bytes()[:50])
    assert needs(opened(index, tmp_path / "cache")).requires_dist


def test_no_index_speaks_for_another(start: Start, tmp_path: Path) -> None:
    first, second = start(), start()
    needs(opened(first, tmp_path / "cache"))
    needs(opened(second, tmp_path / "cache"))
    assert second.count("*.metadata") == 1


def test_many_at_once_remember_whole_pages(start: Start, tmp_path: Path) -> None:
    index = start(Style(etags=False))

    def work(_: int) -> bool:
        return all(needs(opened(index, tmp_path / "cache")).requires_dist for _ in range(5))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_files_elsewhere_over_http_and_of_other_projects_are_left_out(start: Start, tmp_path: Path) -> None:
    index = start()
    elsewhere = {
        "4.0": "http://192.0.2.1/foo.whl",
        "5.0": "ftp://127.0.0.1/foo.whl",
        "7.0": "https://[broken",
    }
    for version, url in elsewhere.items():
        index.add(make_wheel(tmp_path / "wheels", "foo", version), url=url)
    index.add(make_wheel(tmp_path / "wheels", "foo", "6.0"), filename="other-6.0-py3-none-any.whl")
    assert sorted(str(each.version) for each in opened(index, tmp_path / "cache").releases(FOO)) == [
        "1.0",
        "2.0",
    ]


def test_no_account_and_no_signature_gets_into_what_is_locked(start: Start, tmp_path: Path) -> None:
    index = start()
    url = "https://me:secret@files.example.com/foo-4.0-py3-none-any.whl?X-Amz-Signature=secret#sha256=0"
    index.add(make_wheel(tmp_path / "wheels", "foo", "4.0"), url=url)
    _, file = one(opened(index, tmp_path / "cache"), "4.0")
    assert file.locked.url == "https://files.example.com/foo-4.0-py3-none-any.whl"
    assert not [
        path for path in (tmp_path / "cache").rglob("*") if path.is_file() and b"secret" in path.read_bytes()
    ]


def test_a_page_with_signed_urls_of_source_distributions_is_asked_for_each_time(
    start: Start, tmp_path: Path
) -> None:
    index, cache = start(), tmp_path / "cache"
    sdist = make_sdist(tmp_path / "sdists", "foo", "4.0")
    for signature in ("first-secret", "second-secret"):
        url = f"{index.root}/files/{sdist.name}?X-Amz-Signature={signature}"
        index.add_sdist(sdist, url=url)
        for _ in range(2):
            assert opened(index, cache).address(FOO, sdist.name) == url
    assert index.count("/simple/foo/", status=304) == 0
    assert not [path for path in cache.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]


def test_a_page_that_an_earlier_version_stored_with_signed_urls_is_not_used(
    start: Start, tmp_path: Path
) -> None:
    index, cache = start(), tmp_path / "cache"
    index.add_sdist(make_sdist(tmp_path / "sdists", "foo", "4.0"))
    opened(index, cache).releases(FOO)
    (path,) = cache.rglob("foo.page")
    subject = f"{path.parent.name}/{path.name}"
    body = read_sealed(path, subject)
    assert body is not None
    path.write_bytes(
        sealed(body.replace(b'foo-4.0.tar.gz",', b'foo-4.0.tar.gz?X-Amz-Signature=old",'), subject)
    )
    assert "?" not in opened(index, cache).address(FOO, "foo-4.0.tar.gz")
    assert index.count("/simple/foo/", status=304) == 0


def test_credentials_go_to_their_own_server_and_not_along_a_redirect(start: Start, tmp_path: Path) -> None:
    index, other = start(Style(account=("me", "secret"))), start()
    index.script(Fault(path="*.metadata", status=302, headers={"Location": f"{other.root}/files/x.metadata"}))
    other.script(Fault(path="/files/x.metadata", status=404))
    web = Web(
        {}, account=lambda origin: Account(user="me", password="secret") if origin == index.root else None
    )
    source = IndexSource(lambda: Connection(url=index.url, reader=web), tmp_path / "cache")
    assert needs(source).requires_dist
    assert other.count("*.metadata") == 1
    assert all("authorization" not in each.headers for each in other.seen)


def test_a_refused_index_tells_how_credentials_are_given(start: Start, tmp_path: Path) -> None:
    with pytest.raises(AccessError) as caught:
        opened(start(Style(account=("me", "secret"))), tmp_path / "cache").releases(FOO)
    assert "netrc" in caught.value.hint


def test_an_index_may_be_a_folder_of_files(start: Start, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "index" / "simple" / "files", "foo", "1.0", requires=["bar"])
    page = tmp_path / "index" / "simple" / "foo" / "index.html"
    page.parent.mkdir(parents=True)
    page.write_text(f'<a href="../files/{wheel.name}">{wheel.name}</a>')
    url = (tmp_path / "index" / "simple").as_uri() + "/"
    source = IndexSource(lambda: Connection(url=url, reader=Disk()), tmp_path / "cache")
    assert [str(each) for each in needs(source).requires_dist] == ["bar"]
    assert source.releases(canonicalize_name("nothing")) == ()


def test_a_version_without_a_wheel_is_told_of(start: Start, tmp_path: Path) -> None:
    index = start()
    index.add(make_wheel(tmp_path / "wheels", "foo", "4.0"), filename="foo-4.0.tar.gz")
    (release,) = (
        each for each in opened(index, tmp_path / "cache").releases(FOO) if str(each.version) == "4.0"
    )
    assert release.files == ()


def test_yanks_times_and_python_are_read_from_the_page(start: Start, tmp_path: Path) -> None:
    index = start()
    more = {"yanked": "broken", "requires-python": ">=3.99", "upload-time": "2026-01-02T03:04:05.678Z"}
    index.add(make_wheel(tmp_path / "wheels", "foo", "4.0"), **more)
    _, file = one(opened(index, tmp_path / "cache"), "4.0")
    assert (file.yanked, str(file.requires_python)) == ("broken", ">=3.99")
    assert file.upload_time is not None
    assert file.upload_time.isoformat() == "2026-01-02T03:04:05.678000+00:00"


def test_what_will_be_asked_is_read_at_once(start: Start, tmp_path: Path) -> None:
    index = start()
    names = [canonicalize_name(f"many-{number}") for number in range(20)]
    for name in names:
        index.add(make_wheel(tmp_path / "wheels", name, "1.0"))
    source = opened(index, tmp_path / "cache")
    source.prefetch([*names, canonicalize_name("nothing")])
    source.prefetch_metadata(
        ReleaseFile(release, release.files[0]) for name in names for release in source.releases(name)
    )
    assert len(index.seen) == 41
    index.seen.clear()
    for name in names:
        (release,) = source.releases(name)
        source.metadata(release, release.files[0])
    assert index.seen == []


def members_of(index: IndexDouble, *, cut: int | None = None) -> Fault:
    """The page of foo in two members of gzip (RFC 1952), up to `cut`."""
    body = index.answer("/simple/foo/", {})[2]
    packed = gzip.compress(body[:200]) + gzip.compress(body[200:])
    return Fault(
        path="/simple/foo/", body=packed[:cut], headers={"Content-Encoding": "gzip"}, times=float("inf")
    )


def test_S6_all_members_of_a_compressed_page_are_read(start: Start, tmp_path: Path) -> None:
    index = start(Style(json=False))
    index.script(members_of(index))
    assert len(opened(index, tmp_path / "cache").releases(FOO)) == 2


@pytest.mark.parametrize("cut", [-1, -9, -60, 30])
def test_S6_a_compressed_page_that_is_cut_is_no_shorter_page(start: Start, tmp_path: Path, cut: int) -> None:
    index = start(Style(json=False))
    index.script(members_of(index, cut=cut))
    with pytest.raises(StoreError, match="cannot decompress"):
        opened(index, tmp_path / "cache").releases(FOO)


def test_S6_what_a_page_is_decompressed_to_is_bounded_over_all_members(start: Start, tmp_path: Path) -> None:
    index = start()
    bomb = gzip.compress(b" " * (LARGEST_PAGE * 2 // 3)) * 2
    index.script(Fault(path="/simple/foo/", body=bomb, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(IntegrityError, match="longer than"):
        opened(index, tmp_path / "cache").releases(FOO)


def test_H28_a_metadata_file_is_compared_with_any_hash_of_the_page(start: Start, tmp_path: Path) -> None:
    index = start()
    for version, digest in (("3.0", None), ("4.0", "0" * 128)):
        wheel = make_wheel(tmp_path / "more", "foo", version, requires=["bar"])
        body = f"Metadata-Version: 2.1\nName: foo\nVersion: {version}\nRequires-Dist: bar\n".encode()
        index.add(
            wheel, metadata=body, **{"core-metadata": {"sha512": digest or hashlib.sha512(body).hexdigest()}}
        )
    source = opened(index, tmp_path / "cache")
    assert [str(each) for each in needs(source, "3.0").requires_dist] == ["bar"]
    assert f"the page has sha512:{'0' * 128}" in needs(source, "4.0").unusable


def test_a_page_is_as_fresh_as_the_cache_of_a_proxy_leaves_it(start: Start, tmp_path: Path) -> None:
    index = start(Style(cache_control="public, max-age=300"))
    index.script(
        Fault(path="/simple/foo/", headers={"Age": "300"}), Fault(path="/simple/foo/", headers={"Age": "9"})
    )
    for requests in (1, 2, 2):
        opened(index, tmp_path / "cache").releases(FOO)
        assert index.count("/simple/foo/") == requests


@pytest.mark.parametrize("etags", [True, False])
def test_a_page_whose_redirect_moved_has_the_links_of_its_new_place(
    start: Start, tmp_path: Path, etags: bool
) -> None:
    index, old, new = start(), start(Style(etags=etags)), start(Style(etags=etags))
    for place, times in ((old, 2), (new, float("inf"))):
        target = {"Location": f"{place.root}/simple/foo/"}
        index.script(Fault(path="/simple/foo/", status=302, headers=target, times=times))
    connection, cache, log = Connection(url=index.url, reader=Web({})), tmp_path / "cache", ReadLog()
    source = IndexSource(lambda: connection, cache, log=log)
    assert one(source)[1].locked.url.startswith(old.root)
    (read,) = log.reads
    assert is_as_read(connection, PageCache(cache, index.url), read)
    assert not is_as_read(connection, PageCache(cache, index.url), read), "a solve would lock other links now"
    assert one(opened(index, cache))[1].locked.url.startswith(new.root)
    assert not is_as_read(connection, PageCache(cache, index.url), read), "also if another solve has read it"
