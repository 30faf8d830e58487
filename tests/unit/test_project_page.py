"""A project's page: what `--force` replaced is remembered, and what can be read of a damaged page is kept."""

import json
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from pipper.core.layout.page import Needs, PageFile, ProjectPage, dump_page, parse_page, salvage_page
from pipper.errors import IntegrityError

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
