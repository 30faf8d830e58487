"""Pages of a simple index: what is read from them, and what bytes that are none come to."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from pipper.errors import StoreError
from pipper.index.project_page import JSON_TYPE, ProjectFiles
from pipper.index.simple_api import parse_page

URL = "https://index.example.com/simple/foo/"
FOO = canonicalize_name("foo")
SHA = "ab" * 32


def from_json(*files: dict[str, Any], **page: Any) -> ProjectFiles:
    body = {"meta": {"api-version": "1.0"}, "name": "foo", "files": list(files), **page}
    return parse_page(json.dumps(body).encode(), content_type=JSON_TYPE, url=URL, name=FOO)


def from_html(text: str, url: str = URL) -> ProjectFiles:
    return parse_page(text.encode(), content_type="text/html; charset=utf-8", url=url, name=FOO)


def wheel(version: str = "1.0", **more: Any) -> dict[str, Any]:
    filename = f"foo-{version}-py3-none-any.whl"
    return {"filename": filename, "url": filename, "hashes": {"sha256": SHA}, **more}


def test_links_are_made_absolute_and_lose_their_fragment() -> None:
    links = [
        "x.whl#sha256=1",
        "/y.whl",
        "../../z.whl",
        "https://files.example.com/w.whl",
        "//files.example.com/v.whl",
    ]
    found = from_json(*(wheel(f"1.{number}", url=link) for number, link in enumerate(links)))
    assert [file.url for file in found.files] == [
        "https://index.example.com/simple/foo/x.whl",
        "https://index.example.com/y.whl",
        "https://index.example.com/z.whl",
        "https://files.example.com/w.whl",
        "https://files.example.com/v.whl",
    ]


def test_html_says_the_same_as_json() -> None:
    html = (
        f'<a href="foo-1.0-py3-none-any.whl#sha256={SHA}" data-requires-python="&gt;=3.9" data-yanked="bad"'
        f' data-core-metadata="sha256={SHA}">foo-1.0-py3-none-any.whl</a><a href="foo-2.0.tar.gz">foo-2.0.tar.gz</a>'
    )
    entry = wheel("1.0", yanked="bad", **{"requires-python": ">=3.9", "core-metadata": {"sha256": SHA}})
    assert from_html(html) == from_json(entry, {"filename": "foo-2.0.tar.gz", "url": "foo-2.0.tar.gz"})


def test_the_base_of_an_html_page_counts() -> None:
    html = '<base href="https://files.example.com/deep/"><a href="foo-1.0-py3-none-any.whl">x</a>'
    assert from_html(html).files[0].url == "https://files.example.com/deep/foo-1.0-py3-none-any.whl"


def test_an_escaped_link_names_its_file() -> None:
    (file,) = from_html('<a href="foo-1.0%2Bcpu-py3-none-any.whl">x</a>').files
    assert (file.filename, file.version) == ("foo-1.0+cpu-py3-none-any.whl", "1.0+cpu")


@pytest.mark.parametrize(
    ("value", "meaning"),
    [(True, ""), (False, None), ({}, ""), ({"sha256": SHA}, SHA), ({"sha256": "no hash"}, ""), (None, None)],
)
@pytest.mark.parametrize("key", ["core-metadata", "dist-info-metadata"])
def test_metadata_may_be_announced_with_a_hash_or_without(
    key: str, value: object, meaning: str | None
) -> None:
    assert from_json(wheel(**{key: value})).files[0].metadata == meaning


@pytest.mark.parametrize(
    ("value", "meaning"),
    [(False, None), (True, ""), ("", None), ("why", "why"), (None, None), (0, None), (1, "")],
)
def test_a_yank_may_have_a_reason(value: object, meaning: str | None) -> None:
    assert from_json(wheel(yanked=value)).files[0].yanked == meaning


def test_in_html_a_yank_needs_no_reason() -> None:
    for mark in ('data-yanked=""', "data-yanked"):
        assert from_html(f'<a href="foo-1.0-py3-none-any.whl" {mark}>x</a>').files[0].yanked == ""


@pytest.mark.parametrize(
    ("hashes", "meaning"),
    [
        ({"sha512": "AB" * 64, "md5": "ab" * 16}, "sha512=" + "ab" * 64),
        ({"blake2b": "ab" * 64, "sha384": "ab" * 48}, "blake2b=" + "ab" * 64),
        ({"md5": "ab" * 16, "sha512": "ab" * 32}, "md5=" + "ab" * 16),
        ({"sha256": SHA, "sha512": "ab" * 64}, ""),
        ({"shake_256": "ab" * 64, "crc32": "abababab"}, ""),
        ({"sha512": 5}, ""),
        (None, ""),
    ],
)
def test_the_strongest_hash_of_a_page_without_sha256_is_known(hashes: object, meaning: str) -> None:
    assert from_json(wheel(hashes=hashes)).files[0].other_hash == meaning


def test_html_gives_hashes_of_any_algorithm_too() -> None:
    (file,) = from_html(f'<a href="foo-1.0-py3-none-any.whl#sha512={"ab" * 64}&amp;egg=foo">x</a>').files
    assert (file.sha256, file.other_hash) == ("", "sha512=" + "ab" * 64)


@pytest.mark.parametrize("value", ["12", -1, True, 1.5, None, [], 0])
def test_a_size_that_is_none_is_unknown(value: object) -> None:
    assert from_json(wheel(size=value)).files[0].size == 0


@pytest.mark.parametrize(
    "filename",
    [
        "other-1.0-py3-none-any.whl", "foo-1.0.whl", "../foo-1.0-py3-none-any.whl", "foo-1.0-py3-none-any.whl\n",
        "foo 1.0-py3-none-any.whl", "foo-1.0-py3-none-any.exe", "foo-1.0-x-py3-none-any.whl", "foo.tar.gz", "",
        "foo-1.0-" + ".".join(f"py{number}" for number in range(2000)) + "-none-any.whl",
    ],
)  # fmt: skip
def test_what_is_no_file_of_the_project_is_left_out(filename: str) -> None:
    found = from_json(wheel(), {"filename": filename, "url": "x"})
    assert [file.filename for file in found.files] == ["foo-1.0-py3-none-any.whl"]
    assert found.sdists == ()


def test_one_source_distribution_of_each_version_is_listed() -> None:
    names = ("foo-1.0.tar.gz", "foo-2.0.zip", "foo-2.0.tar.gz", "foo-3.0.zip", "foo-x.zip", "foo-4.0.tar.bz2")
    found = from_json(wheel("1.0"), *({"filename": name, "url": "x"} for name in names))
    listed = [(file.filename, file.version) for file in found.sdists]
    assert listed == [("foo-1.0.tar.gz", "1.0"), ("foo-2.0.tar.gz", "2.0"), ("foo-3.0.zip", "3.0")]


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://x/y", "data:,x"])
def test_a_link_that_is_no_address_is_left_out(url: str) -> None:
    assert from_json(wheel(url=url)).files == ()


def test_a_newer_major_version_is_refused() -> None:
    with pytest.raises(StoreError, match=r"version 2\.0"):
        from_json(meta={"api-version": "2.0"})
    with pytest.raises(StoreError, match=r"version 2\.0"):
        from_html('<meta name="pypi:repository-version" content="2.0">')


def test_a_deep_page_is_none() -> None:
    with pytest.raises(StoreError):
        parse_page(b"[" * 200_000, content_type=JSON_TYPE, url=URL, name=FOO)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
KEYS = ("filename", "url", "hashes", "size", "requires-python", "upload-time", "yanked", "core-metadata")


@given(
    st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, json_values)) | json_values, max_size=5)
)
def test_any_values_in_a_page_are_read_or_left_out(files: list[Any]) -> None:
    for file in from_json(wheel(), *files).files:
        assert file.url.startswith("https://")
        assert file.filename.startswith("foo-")


@given(st.binary(max_size=300), st.sampled_from(["text/html", JSON_TYPE, "", "image/png"]))
def test_any_bytes_are_a_page_or_a_store_error(body: bytes, kind: str) -> None:
    with contextlib.suppress(StoreError):
        assert isinstance(parse_page(body, content_type=kind, url=URL, name=FOO), ProjectFiles)
