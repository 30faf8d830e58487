"""Read the body of an S3 response in pieces; an incomplete body is an error."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipper.errors import StoreError
from pipper.http.errors import AGAIN
from pipper.storage.s3.errors import Request, translated

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PIECE = 1 << 20
_SLOW_SECONDS, _SLOWEST = 60, 1024
"""After so many seconds, a body must have arrived at this average rate (bytes per second)."""


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
    started, received = time.monotonic(), 0
    with translated(describe), opened.body as body:
        # read1 returns the bytes that have arrived: one read of a slow body could last for hours
        while piece := body.read1(_PIECE):
            received += len(piece)
            yield piece
            elapsed = time.monotonic() - started
            if elapsed > _SLOW_SECONDS and received < elapsed * _SLOWEST:
                raise StoreError(
                    f"cannot read {describe().subject}: the response is too slow",
                    cause=f"{received} bytes in {elapsed:.0f} seconds",
                    hint=AGAIN,
                )
    if received != opened.size:
        raise StoreError(
            f"cannot read {describe().subject}: the response is incomplete",
            cause=f"{received} of {opened.size} bytes arrived",
            hint=AGAIN,
        )
