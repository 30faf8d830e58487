"""What the METADATA of a release says for people. It is the text of strangers: whoever shows it escapes it."""

from msgspec import Struct


class About(Struct, frozen=True, kw_only=True):
    """The descriptive part of core metadata; every text may be empty."""

    summary: str = ""
    description: str = ""
    """The README."""
    content_type: str = ""
    """Of the description: `text/markdown`, `text/x-rst` or `text/plain`, with parameters."""
    author: str = ""
    licence: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """Labels and URLs (Project-URL, Home-page)."""


NOTHING = About()
