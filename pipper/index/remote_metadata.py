"""METADATA of a wheel that lies on a server, read by ranges of its zip: for servers without metadata files."""

import re
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

from pipper.errors import IntegrityError
from pipper.wheels.ranged_file import DAMAGE, RangedFile, metadata_members, read_text

TAIL = 32 * 1024
"""Bytes from the end that are asked for first: METADATA is near the end, and the directory behind it."""

LONGEST_TAIL = 512 * 1024
"""Of a project whose other wheels needed more."""

_BLOCK = 16 * 1024
_END, _LAST, _LENGTHS = struct.Struct("<4sHH"), struct.Struct("<4sHHHHIIH"), struct.Struct("<HHH")
"""The zip format (APPNOTE 6.3): how its last record begins, that record, and the lengths in a directory entry."""
_ENTRY = 46
"""Bytes of a directory entry before its name."""
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
        with zipfile.ZipFile(_with_metadata_alone(file, tail) or file) as wheel:
            found = metadata_members(wheel)
            if len(found) == 1:
                return Found(body=read_text(wheel, found[0]), needed=tail.size - file.lowest)
    except DAMAGE as error:
        raise IntegrityError(f"{subject} is damaged", cause=str(error)) from error
    raise IntegrityError(f"{subject} has {len(found)} METADATA files")


def _with_metadata_alone(file: RangedFile, tail: Tail) -> RangedFile | None:
    """Return the zip as if it held METADATA alone; None where its end is not a plain one.

    A wheel may have ten thousand members, and `zipfile` makes an object of each: most of the work of a lock.
    """
    place = tail.piece.rfind(_END.pack(b"PK\5\6", 0, 0))
    if place < 0 or place + _LAST.size > len(tail.piece):
        return None
    _, _, _, _, count, length, start, comment = _LAST.unpack_from(tail.piece, place)
    end = tail.size - len(tail.piece) + place
    if place + _LAST.size + comment != len(tail.piece) or start + length != end or count == 0xFFFF:
        return None
    file.seek(start)
    directory = file.read(length)
    found, at = [], 0
    while at < length:
        if directory[at : at + 4] != b"PK\1\2" or at + _ENTRY > length:
            return None
        behind = at + _ENTRY + sum(_LENGTHS.unpack_from(directory, at + 28))
        name = directory[at + _ENTRY : at + _ENTRY + _LENGTHS.unpack_from(directory, at + 28)[0]]
        if name.endswith(b".dist-info/METADATA"):
            found.append(directory[at:behind])
        at = behind
    kept = b"".join(found)
    last = _LAST.pack(b"PK\5\6", 0, 0, len(found), len(found), len(kept), start, 0)

    def before(begin: int, wanted: int) -> bytes:
        file.seek(begin)
        return file.read(wanted)

    alone = RangedFile(before, start + len(kept) + len(last), block=1)
    alone.seed(start, kept + last)
    return alone


def headers_only(metadata: bytes) -> bytes:
    """Return METADATA without the description, which may be most of it."""
    end = _BLANK_LINE.search(metadata)
    return metadata[: end.start()] + b"\n" if end else metadata
