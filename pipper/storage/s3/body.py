"""The body of an answer of S3, piece by piece, that never ends quietly before its end."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipper.errors import StoreError
from pipper.storage.s3.errors import Request, translated

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

_PIECE = 1 << 20
_PATIENCE = 60
"""Seconds after which a body must have flowed at `_SLOWEST` on the average."""
_SLOWEST = 1024
"""Bytes per second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A good answer to a GET, whose body is still to be read."""

    etag: str
    """As it was sent, quotes and all."""
    size: int
    """Bytes of the body, as announced."""
    body: "BaseHTTPResponse" = field(repr=False)


def pieces(opened: Opened, describe: Callable[[], Request]) -> Iterator[bytes]:
    """Yield the body as it arrives, at most 1 MiB at once, and close it at the end.

    Raises StoreError where it is shorter than announced, breaks off or hardly flows.
    """
    started, received = time.monotonic(), 0
    with translated(describe), opened.body as body:
        # read1 returns what is there: a body that trickles must not hide within one read for hours
        while piece := body.read1(_PIECE):
            received += len(piece)
            yield piece
            elapsed = time.monotonic() - started
            if elapsed > _PATIENCE and received < elapsed * _SLOWEST:
                raise StoreError(
                    f"cannot read {describe().subject}: the answer hardly flows",
                    cause=f"{received} bytes in {elapsed:.0f} seconds",
                    hint="look at the network, then run the command again",
                )
    if received != opened.size:
        raise StoreError(
            f"cannot read {describe().subject}: the answer broke off",
            cause=f"{received} of {opened.size} bytes came",
        )
