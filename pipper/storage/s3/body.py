"""Read the body of an S3 response in pieces; an incomplete body is an error."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipper.http.client import arriving
from pipper.storage.s3.errors import Request, translated

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A successful response to a GET, with its unread body."""

    etag: str
    """As it was sent, with its quotes."""
    size: int
    """Bytes of the body (Content-Length)."""
    body: "BaseHTTPResponse" = field(repr=False)


def pieces(opened: Opened, describe: Callable[[], Request]) -> Iterator[bytes]:
    """Yield the body as it arrives, at most 1 MiB at once, and close it at the end.

    Raises StoreError if it is incomplete or too slow.
    """
    with translated(describe), opened.body as body:
        yield from arriving(body, opened.size, lambda: describe().subject)
