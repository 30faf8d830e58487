"""METADATA of a wheel that lies on a server, read by ranges of its zip: for servers without metadata files."""

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from pipper.errors import IntegrityError
from pipper.sources.ranged import DAMAGE, RangedFile, metadata_members, read_text

TAIL = 32 * 1024
"""Bytes from the end that are asked for first: METADATA is near the end, and the directory behind it."""

LONGEST_TAIL = 512 * 1024
"""Of a project whose other wheels needed more."""

_BLOCK = 16 * 1024
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The end of a file, and how long the file is."""

    piece: bytes
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """METADATA, and how much of the wheel's end it took."""

    body: bytes
    needed: int
    """Bytes."""


def read_metadata(tail: Tail, fetch: Callable[[int, int], bytes], *, subject: str) -> Found:
    """Return METADATA of a wheel of which the end is known; `fetch` reads more (start, length).

    Raises IntegrityError where it is no wheel, and what `fetch` raises.
    """
    file = RangedFile(fetch, tail.size, block=_BLOCK)
    file.seed(tail.size - len(tail.piece), tail.piece)
    try:
        with zipfile.ZipFile(file) as wheel:
            found = metadata_members(wheel)
            if len(found) == 1:
                return Found(body=read_text(wheel, found[0]), needed=tail.size - file.lowest)
    except DAMAGE as error:
        raise IntegrityError(f"{subject} is damaged", cause=str(error)) from error
    raise IntegrityError(f"{subject} has {len(found)} METADATA files")


def headers_only(metadata: bytes) -> bytes:
    """Return METADATA without the description, which may be most of it."""
    end = _BLANK_LINE.search(metadata)
    return metadata[: end.start()] + b"\n" if end else metadata
