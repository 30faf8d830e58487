"""Pages of a site: what they are made from, and READMEs as HTML that can do nothing."""

import json

import pytest
from packaging.utils import canonicalize_name

from pipper.core.layout.page import Needs, PageFile, ProjectPage
from pipper.core.site import description
from pipper.core.site.about import About
from pipper.core.site.description import description_html
from pipper.core.site.frame import SITE_FORMAT, inputs_of, made_from
from pipper.core.site.listing import EMPTY, ListedProject, Listing, dump_listing, listed, parse_listing
from pipper.core.site.project_page import project_page, view_of
from pipper.core.site.root_page import root_page
from pipper.errors import IntegrityError

FOO = canonicalize_name("foo")
FILE = PageFile(
    filename="foo-1.0-py3-none-any.whl",
    sha256="0123456789abcdef" * 4,
    size=1234,
    upload_time="2024-05-06T07:08:09Z",
    metadata_sha256="fedcba9876543210" * 4,
    needs=Needs(requires_python=">=3.8", requires_dist=("bar>=1", "Baz[x] ; os_name == 'nt'")),
)
PAGE = ProjectPage(name=FOO, files=(FILE,))
PAGES = {"2": "06003c7b6b89"}
"""What the pages below hash to, by SITE_FORMAT: a site is written anew only if that changes."""


def listing_of(**projects: str) -> Listing:
    """Return a list of projects that require others."""
    names = {canonicalize_name(name): requires.split() for name, requires in projects.items()}
    return Listing(
        projects={
            name: ListedProject(name=name, requires=tuple(map(canonicalize_name, requires)))
            for name, requires in names.items()
        }
    )


def rendered() -> bytes:
    about = About(summary="Foo", description="Text", author="Ann")
    view = view_of(PAGE, about, listing_of(foo="bar baz", bar="qux", qux="", top="foo"))
    project = project_page(view, lambda file: file.url, inputs=made_from("x"))
    return project + root_page([ListedProject(name=FOO, newest="1.0", versions=1)], inputs=made_from("y"))


def test_pages_that_look_otherwise_have_another_format() -> None:
    """If this fails because you changed a page, raise SITE_FORMAT and note its hash: old pages must be out of date."""
    assert PAGES[SITE_FORMAT] == made_from(rendered().decode())[:12]


def test_a_page_is_out_of_date_when_it_was_made_from_other_things_or_changed() -> None:
    body = rendered()[: rendered().index(b"</html>") + len(b"</html>\n")]
    assert inputs_of(body) == made_from("x") != made_from("z")
    for harmed in (body.replace(b"Text", b"Fake"), body[:-1], b""):
        assert inputs_of(harmed) == ""


@pytest.mark.parametrize(
    ("readme", "html"),
    [
        ("# A", "<h3>A</h3>\n"),
        ("[a](https://example.com/)", '<p><span data-link="https://example.com/">a</span></p>\n'),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>\n"),
        ("[a](../other/)", "<p><span>a</span></p>\n"),
        ("![a](https://example.com/x.png)", "<p>a</p>\n"),
        ("a <b onclick='x()'>b</b>", "<p>a b</p>\n"),
        ("<script>\nalert(1)\n\n</script>", ""),
        ("<p align=center>\n<a href='x.whl'>a &lt;b&gt;</a>\n</p>", "<p>a &lt;b&gt;</p>\n"),
        ("a\u202eb\x07", "<p>ab</p>\n"),
        ("```js\n</code><script>\n```", "<pre><code>&lt;/code&gt;&lt;script&gt;\n</code></pre>\n"),
    ],
)
def test_markdown_becomes_html_without_links_pictures_and_raw_html(readme: str, html: str) -> None:
    assert description_html(readme, "text/markdown; charset=UTF-8") == html


@pytest.mark.parametrize("kind", ["text/x-rst", "text/plain", "", "text/html"])
def test_every_other_text_stays_as_it_is(kind: str) -> None:
    assert description_html("*a* <b>\n", kind) == "<pre>*a* &lt;b&gt;\n</pre>"


def test_a_readme_without_end_is_cut() -> None:
    html = description_html("x" * 300_000, "text/plain")
    assert len(html) < 201_000
    assert html.endswith("too long.</p>")


def test_a_list_of_projects_is_read_as_it_was_written() -> None:
    entry = listed(PAGE, "a summary")
    listing = EMPTY.changed({FOO: entry})
    assert entry
    assert (entry.newest, entry.versions, entry.uploaded) == ("1.0", 1, "2024-05-06")
    assert entry.requires == ("bar", "baz")
    assert listing.dependants(canonicalize_name("bar")) == ("foo",)
    assert parse_listing(dump_listing(listing), label="index.json") == listing


@pytest.mark.parametrize("harm", [{"projects": 3}, {"projects": [{"name": "Foo"}]}, []])
def test_a_damaged_list_is_refused(harm: object) -> None:
    with pytest.raises(IntegrityError, match=r"index\.json"):
        parse_listing(json.dumps(harm).encode(), label="index.json")


def test_threads_share_no_renderer_whose_rules_are_still_being_compiled() -> None:
    """It compiles them when they are first needed, in place: another thread may then see a part of them."""
    renderer = description._renderer()
    for ruler in (renderer.core.ruler, renderer.block.ruler, renderer.inline.ruler, renderer.inline.ruler2):
        assert ruler.__cache__
