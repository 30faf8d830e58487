"""What a project's page of an index says. A remembered lock imports this module, so it imports little."""

from typing import NamedTuple

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON_TYPE}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
"""The Accept header of a request for a page: JSON is preferred."""

LARGEST_PAGE = 64 * 2**20
"""Bytes of a page, decompressed; the largest pages of a public index have a third of that."""


class IndexFile(NamedTuple):
    """The entry of a wheel or a source distribution on a page.

    It is a named tuple, not a dataclass: a page has thousands, and the cache stores them as JSON.
    """

    filename: str
    version: str
    """As written in the file name."""
    url: str
    """Absolute, without fragment."""
    sha256: str
    """64 lower-case hex digits; empty if the page has none."""
    size: int
    """Bytes; 0 if the page does not state it."""
    requires_python: str
    upload_time: str
    """ISO 8601; empty if the page does not state it (PEP 700)."""
    yanked: str | None
    """The reason (PEP 592), which may be empty; None if the file is not yanked."""
    metadata: str | None
    """The hash of the metadata file (PEP 658, 714): the digits of its sha256, else as `other_hash`; empty if the page
    has none, None if the file does not exist."""
    other_hash: str = ""
    """`ALGORITHM=HEX` where the page has no sha256, but another hash; see `page_hash`."""


class ProjectFiles(NamedTuple):
    """The contents of a project's page."""

    files: tuple[IndexFile, ...]
    """Wheels, in the order of the page."""
    sdists: tuple[IndexFile, ...]
    """Source distributions, one for each version that has some."""
