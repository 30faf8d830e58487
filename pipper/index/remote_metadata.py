"""METADATA of a remote wheel, read with range requests: for servers without metadata files (PEP 658)."""

import io
import re
import struct
import zipfile

from pipper.errors import IntegrityError
from pipper.wheels.ranged_file import DAMAGE, RangedFile, metadata_members, read_text

TAIL = 32 * 1024
"""Bytes of the first request, from the end: METADATA is near the end, and the zip directory follows it."""

LONGEST_TAIL = 512 * 1024
"""The same, for a project whose other wheels needed more."""

BLOCK = 16 * 1024
"""Bytes of a further request, at least."""
_END, _LAST, _LENGTHS = struct.Struct("<4sHH"), struct.Struct("<4sHHHHIIH"), struct.Struct("<HHH")
"""Of the zip format (APPNOTE 6.3): the start of the end record, the whole record, the lengths in a directory entry."""
_LONGEST_END = _LAST.size + 0xFFFF
"""Bytes of the end record with the longest comment."""
_ENTRY = 46
"""Bytes of a directory entry before its name."""
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_HINT = "use another version of the package"


def read_metadata(file: RangedFile, *, subject: str) -> bytes:
    """Return METADATA of a wheel, whose end was seeded.

    Raises IntegrityError if the file is not a wheel, and what its `fetch` raises.
    """
    try:
        with zipfile.ZipFile(_with_metadata_alone(file) or file) as wheel:
            found = metadata_members(wheel)
            if len(found) == 1:
                return read_text(wheel, found[0])
    except DAMAGE as error:
        raise IntegrityError(f"{subject} is damaged", cause=str(error), hint=_HINT) from error
    raise IntegrityError(
        f"{subject} is damaged", cause=f"it has {len(found)} METADATA files instead of one", hint=_HINT
    )


def _with_metadata_alone(file: RangedFile) -> RangedFile | None:
    """Return the zip with a directory that lists only METADATA; None if its end has an unusual form.

    A wheel may have ten thousand members. `zipfile` makes an object of each, which is most of the work of a lock.
    """
    begin = file.seek(max(file.lowest, file.seek(0, io.SEEK_END) - _LONGEST_END))
    tail = file.read()
    place = tail.rfind(_END.pack(b"PK\5\6", 0, 0))
    if place < 0 or place + _LAST.size > len(tail):
        return None
    _, _, _, _, count, length, start, comment = _LAST.unpack_from(tail, place)
    end = begin + place
    if place + _LAST.size + comment != len(tail) or start + length != end or count == 0xFFFF:
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
    """Return METADATA without the description, which is often the largest part."""
    end = _BLANK_LINE.search(metadata)
    return metadata[: end.start()] + b"\n" if end else metadata
