"""Find the central directory of a zip by the record at its end (APPNOTE 4.3.14 to 4.3.16)."""

import struct

from msgspec import Struct

from pipper.errors import IntegrityError
from pipper.wheels.zip.source import ZipSource

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_END_SIGN = b"PK\x05\x06"
_END64_SIGN = b"PK\x06\x06"
_LOCATOR_SIGN = b"PK\x06\x07"
_FULL16 = 0xFFFF
_FULL32 = 0xFFFFFFFF


class Directory(Struct, frozen=True, kw_only=True):
    """The position of a central directory."""

    offset: int
    size: int
    """Bytes."""
    count: int
    """Number of records in it."""


def find_directory(source: ZipSource) -> Directory:
    """Return the position of the central directory from the only end record, at the end of the file.

    Raises IntegrityError if the end record is missing or differs from its 64-bit form, or if the directory
    does not end where the end record begins or exceeds the limits.
    """
    limits = source.limits
    tail_length = min(source.size, _END.size + limits.comment)
    tail = source.read(source.size - tail_length, tail_length)
    at = tail.rfind(_END_SIGN)
    if at < 0 or at + _END.size > len(tail):
        raise _no_end(source, tail_length)
    _, disk, start_disk, here, count, size, offset, comment_length = _END.unpack_from(tail, at)
    comment = tail[at + _END.size :]
    if len(comment) != comment_length:
        raise source.damaged("the end record is not at the end of the file")
    if any(byte < 0x20 or byte == 0x7F for byte in comment):
        raise source.refused("has control characters in the archive comment")
    end = source.size - tail_length + at
    if end >= _LOCATOR.size and source.read(end - _LOCATOR.size, 4) == _LOCATOR_SIGN:
        small = (disk, start_disk, here, count, size, offset)
        disk, start_disk, here, count, size, offset, end = _read_end64(source, end - _LOCATOR.size, small)
    if disk or start_disk or here != count:
        raise source.damaged("it is one part of a split archive")
    if offset + size != end:
        raise source.damaged("the central directory does not end where the end record begins")
    if count > limits.members:
        raise source.exceeds("members", count, f"has {count:,} members, more than {limits.members:,}")
    if size > limits.directory:
        raise source.exceeds(
            "directory", size, f"has a directory of {size:,} bytes, more than {limits.directory:,}"
        )
    return Directory(offset=offset, size=size, count=count)


def _no_end(source: ZipSource, tail_length: int) -> IntegrityError:
    """Return the error for a file without an end record in its last bytes: missing, or before a long comment."""
    length = min(source.size, _END.size + _FULL16)
    tail = source.read(source.size - length, length)
    at = tail.rfind(_END_SIGN)
    if at < 0 or at + _END.size > length or _END.unpack_from(tail, at)[-1] != length - at - _END.size:
        return source.damaged(f"no end of central directory in the last {tail_length:,} bytes")
    rule = f"has a comment of more than {source.limits.comment:,} bytes"
    return source.exceeds("comment", length - at - _END.size, rule)


def _read_end64(source: ZipSource, at: int, small: tuple[int, ...]) -> tuple[int, ...]:
    """Return the six values of the 64-bit end record and its offset; `small` are the values of the plain one."""
    _, locator_disk, end64, disks = _LOCATOR.unpack(source.read(at, _LOCATOR.size))
    if locator_disk or disks > 1 or end64 + _END64.size != at:
        raise source.damaged("the locator does not point to the 64-bit end record")
    sign, length, _, _, *values = _END64.unpack(source.read(end64, _END64.size))
    if sign != _END64_SIGN or length != _END64.size - 12:
        raise source.damaged("the 64-bit end record is malformed or has extra data")
    full = (_FULL16, _FULL16, _FULL16, _FULL16, _FULL32, _FULL32)
    if any(plain not in (wide, limit) for plain, wide, limit in zip(small, values, full, strict=True)):
        raise source.damaged("the two end records differ")
    return (*values, end64)
