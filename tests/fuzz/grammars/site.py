"""The site of a repository: the list of projects, and READMEs and METADATA that its pages show."""

import re
from html.parser import HTMLParser

from packaging.utils import canonicalize_name

from pipper.core.layout.page import ProjectPage
from pipper.core.layout.page_json import dump_page, parse_page
from pipper.core.site.about import About
from pipper.core.site.description import description_html
from pipper.core.site.listing import (
    EMPTY,
    ListedProject,
    Listing,
    described_file,
    dump_listing,
    listed,
    parse_listing,
)
from pipper.core.site.project_page import ProjectView, project_inputs, project_page, view_of
from pipper.core.site.root_page import root_inputs, root_page
from pipper.repository.site.read_about import parse_about
from tests.fuzz.grammars.base import Grammar, text_of
from tests.fuzz.grammars.repository import EXAMPLE_PAGE

_NAME = canonicalize_name("foo")
_LISTING = EMPTY.changed(
    {
        _NAME: ListedProject(
            name=_NAME,
            newest="1.0",
            versions=2,
            uploaded="2026-01-02",
            summary="<b>Foo</b>",
            metadata="ab" * 32,
            requires=(canonicalize_name("bar"),),
        ),
        canonicalize_name("bar"): ListedProject(name=canonicalize_name("bar")),
    }
)
_README = """\
# Title <a href="x-1.0-py3-none-any.whl">x</a>

Text *with* **marks**, `code`, [a link](https://example.com/a "title"), ![a picture](https://example.com/b.png),
<https://example.com/c>, [js](javascript:alert(1)), [ref][one] &lt;script&gt; &#60;img&#62;

> 1. quoted
>    - list

| a | b |
|---|:-:|
| 1 | `2` |

<div onclick="alert(1)"><script>alert(1)</script><!-- x --></div>

```html
<img src=x>
```

[one]: data:text/html,<script>alert(1)</script>
"""
_METADATA = """\
Metadata-Version: 2.1
Name: foo
Version: 1.0
Summary: <b>Foo</b>
Author-email: Ann <ann@example.com>
License-Expression: MIT
Project-URL: Docs, https://docs.example.com/
Project-URL: Evil, javascript:alert(1)
Home-page: https://example.com/
Description-Content-Type: text/markdown; charset=UTF-8; variant=GFM

# Title
"""
_TAGS = {
    *(
        "a",
        "article",
        "blockquote",
        "br",
        "code",
        "dd",
        "details",
        "dl",
        "dt",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
    ),
    *(
        "h6",
        "hr",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "small",
        "span",
        "strong",
        "summary",
        "table",
        "tbody",
    ),
    *("td", "th", "thead", "tr", "ul"),
}
_ATTRIBUTES = {
    *("class", "data-core-metadata", "data-index", "data-link", "data-requires-python", "data-yanked"),
    *("href", "id", "start"),
}
_GRAPH_TAGS = {"circle", "figcaption", "figure", "g", "path", "svg", "text", "title"}
"""Of the graph; a README may not have them."""
_GRAPH_ATTRIBUTES = {
    *("aria-label", "class", "cx", "cy", "d", "height", "href", "r", "role", "viewbox", "width", "x", "y"),
}
_HREF = re.compile(r"[0-9a-f]{16}/.*|\.\./.*")


class _Body(HTMLParser):
    """The body of a page, as an installer and a browser read it: it does nothing, and links only to what is its own."""

    def __init__(self, tags: set[str], attributes: set[str]) -> None:
        super().__init__()
        self._tags, self._attributes = tags, attributes

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self._tags, tag
        for name, value in attrs:
            assert name in self._attributes, (tag, name)
            assert name != "href" or _HREF.fullmatch(value or ""), value


def _harmless(html: str, *, is_page: bool = False) -> None:
    own = (_GRAPH_TAGS, _GRAPH_ATTRIBUTES) if is_page else (set(), set())
    _Body(_TAGS | own[0], _ATTRIBUTES | own[1]).feed(html)


def _readme(data: bytes) -> str:
    html = description_html(text_of(data), "text/markdown")
    assert "<a" not in html
    _harmless(html)
    return html


def _about(data: bytes) -> About:
    about = parse_about(data, subject="METADATA")
    _shown(EXAMPLE_PAGE, about)
    return about


def _shown(page: ProjectPage, about: About) -> None:
    view: ProjectView = view_of(page, about, _LISTING)
    body = project_page(view, lambda file: file.url, inputs=project_inputs(view))
    shown = body.decode().partition("<body")[2].partition(">\n")[2].rpartition("<script>")[0]
    _harmless(shown, is_page=True)


def _page(data: bytes) -> ProjectPage:
    page = parse_page(data, name=_NAME, label="page")
    described_file(page)
    listed(page, "")
    _shown(page, About())
    return page


def _list(data: bytes) -> Listing:
    listing = parse_listing(data, label="index.json")
    root_page(listing.projects.values(), inputs=root_inputs(listing))
    return listing


GRAMMARS = (
    Grammar(
        name="site-list",
        shape="json",
        examples=lambda: (dump_listing(_LISTING),),
        read=_list,
        write=dump_listing,
        codes=frozenset({4}),
        words=("foo-bar", "<script>"),
    ),
    Grammar(
        name="site-page",
        shape="json",
        examples=lambda: (dump_page(EXAMPLE_PAGE),),
        read=_page,
        codes=frozenset({4}),
        words=("<script>alert(1)</script>", '" onclick="alert(1)', "bar:1.*"),
    ),
    Grammar(
        name="site-readme",
        shape="lines",
        examples=lambda: (_README,),
        read=_readme,
        words=(
            "<script>",
            "</pre>",
            "](javascript:",
            "<!--",
            "&#x3c;",
            '" onclick="alert(1)',
            "```",
            "[" * 40,
        ),
    ),
    Grammar(
        name="site-metadata",
        shape="lines",
        examples=lambda: (_METADATA,),
        read=_about,
        codes=frozenset({4}),
        words=("Description:", 'Project-URL: x, https://example.com/"><script>', "\n\n"),
    ),
)
