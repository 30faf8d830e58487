"""A README as HTML that can do nothing: Markdown without raw HTML, or the plain text.

Installers take every `<a>` of a page for a file, so a README must not bring one: a link is a `<span data-link>`, which
the script of the page turns into a link for browsers. Nothing is loaded from elsewhere: an image is its alternative
text.
"""

import re
from collections.abc import Sequence
from functools import cache
from html import escape, unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_LIMIT = 200_000
"""Characters of a README that are shown."""
_ODD = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, marks that turn the direction of text, and halves of characters that UTF-8 does not have."""
_DROPPED = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)|<!--.*?(?:-->|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*>")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s\"'<>]+", re.IGNORECASE)


def text_of(value: str) -> str:
    """Return a text of a stranger for HTML: escaped, without characters that do not show."""
    return escape(_ODD.sub("", value))


def link_of(label: str, url: str) -> str:
    """Return a label that the page's script makes a link; only the label, if the URL is not of the web."""
    if not _LINK.fullmatch(url):
        return text_of(label)
    return f'<span data-link="{text_of(url)}">{text_of(label)}</span>'


def description_html(text: str, content_type: str) -> str:
    """Return a README as HTML; one that is too long ends with a note."""
    cut = text[:_LIMIT]
    kind = content_type.partition(";")[0].strip().lower()
    body = _markdown(_ODD.sub("", cut)) if kind == "text/markdown" else f"<pre>{text_of(cut)}</pre>"
    return body + ("<p>The rest is left out: it is too long.</p>" if len(text) > _LIMIT else "")


def _markdown(text: str) -> str:
    html: str = _renderer().render(text)
    return html


@cache
def _renderer() -> "MarkdownIt":
    # The import takes 30 ms, and only the pages of a site need it.
    from markdown_it import MarkdownIt  # noqa: PLC0415 - see above

    renderer = MarkdownIt("commonmark").enable("table")
    for name, rule in _RULES.items():
        renderer.add_render_rule(name, rule)
    renderer.render("x")  # compiles its rules, which threads must not see half done
    return renderer


def _raw(_: Any, tokens: "Sequence[Token]", index: int, *__: Any) -> str:
    """Show raw HTML as the text in it."""
    text = _TAG.sub("", _DROPPED.sub("", tokens[index].content))
    shown = text_of(unescape(text))
    return f"<p>{shown.strip()}</p>\n" if tokens[index].block and shown.strip() else shown


def _image(_: Any, tokens: "Sequence[Token]", index: int, *__: Any) -> str:
    return text_of(tokens[index].content)


def _link_open(_: Any, tokens: "Sequence[Token]", index: int, *__: Any) -> str:
    url = str(tokens[index].attrGet("href") or "")
    return f'<span data-link="{text_of(url)}">' if _LINK.fullmatch(url) else "<span>"


def _link_close(*_: Any) -> str:
    return "</span>"


def _heading(_: Any, tokens: "Sequence[Token]", index: int, *__: Any) -> str:
    """Put headings below those of the page."""
    token = tokens[index]
    level = min(int(token.tag[1:]) + 2, 6)
    return f"<h{level}>" if token.nesting == 1 else f"</h{level}>\n"


def _cell(_: Any, tokens: "Sequence[Token]", index: int, *__: Any) -> str:
    """Open a cell of a table without its alignment: the policy of the page admits no style of an element."""
    return f"<{tokens[index].tag}>"


def _code(_: Any, tokens: "Sequence[Token]", index: int, *__: Any) -> str:
    return f"<pre><code>{text_of(tokens[index].content)}</code></pre>\n"


_RULES = {
    "html_block": _raw,
    "html_inline": _raw,
    "image": _image,
    "link_open": _link_open,
    "link_close": _link_close,
    "heading_open": _heading,
    "heading_close": _heading,
    "th_open": _cell,
    "td_open": _cell,
    "fence": _code,
    "code_block": _code,
}
