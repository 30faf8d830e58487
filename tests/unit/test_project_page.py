"""A project's page: what `--force` replaced is remembered, and what can be read of a damaged page is kept."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name
from packaging.version import Version

from pipper.core.layout.page import Needs, PageBundle, PageFile, ProjectPage
from pipper.core.layout.page_json import dump_page, parse_page, salvage_page
from pipper.core.layout.provenance import FileNotes, FileOrigin, RemovedFile
from pipper.errors import ConflictError, IntegrityError

NAME = canonicalize_name("foo")


def file(digit: str, version: str = "1.0", yanked: bool | str = False) -> PageFile:
    return PageFile(
        filename=f"foo-{version}-py3-none-any.whl",
        sha256=digit * 64,
        size=1,
        upload_time="2026-11-22T08:00:00Z",
        metadata_sha256="0" * 64,
        yanked=yanked,
        needs=Needs(requires_dist=("bar>=1",)),
    )


def test_what_force_replaces_is_remembered_until_it_is_published_again() -> None:
    one, other = file("a"), file("b")
    page = ProjectPage(name=NAME).with_file(one).with_file(other, force=True)
    assert (page.files, page.replaced) == ((other,), (one.url,))
    assert parse_page(dump_page(page), name=NAME, label="page") == page
    again = page.with_file(one, force=True)
    assert (again.files, again.replaced) == ((one,), (other.url,))


def test_a_page_without_replaced_wheels_does_not_speak_of_them() -> None:
    assert b"replaced" not in dump_page(ProjectPage(name=NAME).with_file(file("a")))


def document(*files: PageFile) -> Any:
    return json.loads(dump_page(ProjectPage(name=NAME, files=files, replaced=("x/y.whl",))))


@pytest.mark.parametrize("lost", ["hashes", "filename", "url", "_pipper", "size"])
def test_entries_that_can_be_read_are_salvaged(lost: str) -> None:
    kept = file("b", "2.0", yanked="bad")
    damaged = document(file("a"), kept)
    del damaged["files"][0][lost]
    page = salvage_page(json.dumps(damaged).encode(), name=NAME, label="page")
    assert (page.files, page.replaced) == ((kept,), ("x/y.whl",))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b"\xff",
        b'{"files": {}}',
        b'{"files": [1, null]}',
        b'{"_pipper": {"replaced": 3}}',
    ],
)
def test_of_what_is_no_page_nothing_is_salvaged(body: bytes) -> None:
    assert salvage_page(body, name=NAME, label="page") == ProjectPage(name=NAME)


def test_a_page_of_a_newer_pipper_is_not_salvaged() -> None:
    newer = document(file("a"))
    newer["meta"]["api-version"] = "2.0"
    with pytest.raises(IntegrityError, match="api-version"):
        salvage_page(json.dumps(newer).encode(), name=NAME, label="page")


NOTES = FileNotes(
    published_by="the job",
    published_with="pipper 1.0.0",
    origin=FileOrigin(source="index", location="https://index.example.com/simple/", copied_at="now"),
)
GONE = RemovedFile(filename="foo-0.9-py3-none-any.whl", sha256="c" * 64, removed_at="then", removed_by="Ann")
BUNDLE = PageBundle(
    key="Foo/v1-0-0.pipper",
    etag="e",
    size=1,
    version="1.0.0",
    wheel="foo-1.0.0-py3-none-any.whl",
    needs=Needs(),
)


def test_who_published_and_removed_and_where_it_came_from_is_read_back() -> None:
    page = ProjectPage(
        name=NAME, files=(replace(file("a"), notes=NOTES),), removed=(GONE,), bundles=(BUNDLE,)
    )
    assert parse_page(dump_page(page), name=NAME, label="page") == page
    assert salvage_page(dump_page(page), name=NAME, label="page") == page


def test_stock_readers_see_the_same_page_with_and_without_notes() -> None:
    plain, noted = document(file("a")), document(replace(file("a"), notes=NOTES))
    for page in (plain, noted):
        del page["files"][0]["_pipper"]
    assert plain == noted


def test_a_page_without_notes_has_the_bytes_that_it_always_had() -> None:
    entry = document(file("a"))["files"][0]
    assert list(entry["_pipper"]) == ["requires-dist", "dependencies", "provides-extra"]
    assert set(document()["_pipper"]) == {"bundles", "replaced"}


@pytest.mark.parametrize("read", [parse_page, salvage_page])
def test_what_a_newer_pipper_notes_survives_a_write(read: Callable[..., ProjectPage]) -> None:
    newer = json.loads(dump_page(ProjectPage(name=NAME, files=(file("a"),), bundles=(BUNDLE,))))
    for table in (newer["_pipper"], newer["files"][0]["_pipper"], newer["_pipper"]["bundles"][0]):
        table["from-the-future"] = {"a": [1, None, "x"]}
    page = read(json.dumps(newer).encode(), name=NAME, label="page").with_file(file("b", "2.0"))
    written = json.loads(dump_page(page))
    assert written["_pipper"] == newer["_pipper"]
    assert written["files"][0] == newer["files"][0]


@pytest.mark.parametrize("force", [False, True])
def test_a_removed_version_comes_back_only_with_the_same_bytes(force: bool) -> None:
    page = ProjectPage(name=NAME, removed=(GONE,))
    for other in (file("a", "0.9"), replace(file("a"), filename="foo-0.9.0-cp311-cp311-linux_x86_64.whl")):
        with pytest.raises(ConflictError, match="was removed") as caught:
            page.with_file(other, force=force)
        assert "it was removed then by Ann" in caught.value.cause
    back = page.with_file(file("c", "0.9"), force=force)
    assert (back.files, back.removed) == ((file("c", "0.9"),), ())
    assert page.with_file(file("a", "1.0")).removed == (GONE,)


def test_once_a_version_is_back_only_its_removed_files_need_the_same_bytes() -> None:
    native = replace(file("a", "0.9"), filename="foo-0.9-cp311-cp311-linux_x86_64.whl")
    gone = (GONE, replace(GONE, filename=native.filename, sha256="b" * 64))
    back = ProjectPage(name=NAME, removed=gone).with_file(file("c", "0.9"))
    with pytest.raises(ConflictError, match="was removed"):
        back.with_file(native)
    new = replace(native, filename="foo-0.9-cp312-cp312-linux_x86_64.whl")
    assert back.with_file(new).removed == gone[1:]


def test_a_tombstone_keeps_out_its_version_and_once_that_is_back_its_own_wheel_alone() -> None:
    native = replace(GONE, filename="foo-0.9-cp311-cp311-linux_x86_64.whl", sha256="b" * 64)
    page = ProjectPage(name=NAME, removed=(GONE, native))
    assert page.removal(GONE.version, native.url) == native
    assert page.removal(GONE.version, "other") is not None
    assert page.removal(GONE.version) is not None
    assert page.removal(Version("1.0")) is None
    back = page.with_file(file("c", "0.9"))
    assert back.removal(GONE.version, native.url) == native
    assert back.removal(GONE.version, "other") is None
    assert back.removal(GONE.version) is None
