"""The zip gate: check that each byte of a zip belongs to a known structure, and that all headers agree.

A zip describes each member twice, in a local header and in the central directory, and tools differ in which
one they read. All tools read the same members only if both are equal and the file has no other bytes before,
between or after them (PKWARE APPNOTE 6.3.10, sections 4.3 to 4.5).
"""

import stat
import struct
from collections.abc import Mapping
from itertools import pairwise

from msgspec import Struct

from pipper.wheels.member_paths import MAX_PATH, path_fault, refuse_collisions
from pipper.wheels.zip.end_record import Directory, find_directory
from pipper.wheels.zip.source import ZipSource

STORED = 0
DEFLATED = 8

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")

_LOCAL_SIGN = b"PK\x03\x04"
_CENTRAL_SIGN = b"PK\x01\x02"
_DESCRIPTOR_SIGN = b"PK\x07\x08"

_FLAG_ENCRYPTED = 0x1
_FLAG_DESCRIPTOR = 0x8
_FLAG_UTF8 = 0x800
_KNOWN_FLAGS = 0x6 | _FLAG_DESCRIPTOR | _FLAG_UTF8

_EXTRA_ZIP64 = 0x0001
_EXTRA_UNICODE_PATH = 0x7075
_FULL32 = 0xFFFFFFFF
_READ_AHEAD = 64
_NEWEST_VERSION = 63


class Entry(Struct, frozen=True):
    """A member, by its two equal headers."""

    name: str
    """Relative, separated by `/`; the name of a folder ends in `/`."""
    start: int
    """The offset of its data in the file."""
    packed: int
    """Bytes of data in the file."""
    size: int
    """Bytes of data after decompression."""
    crc: int
    method: int
    mode: int
    """Unix mode, 0 if the archive has none."""
    moment: int
    """MS-DOS date and time as one number: later is greater."""

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith("/")


class _Central(Entry, frozen=True):
    """A member by its central header alone: `start` is still unknown."""

    raw_name: bytes
    offset: int
    flags: int
    has_zip64: bool


def read_layout(source: ZipSource) -> tuple[Entry, ...]:
    """Check the structure of a zip and return its members in the order of its central directory.

    Requires one end record, followed only by a plain comment; a central directory that fills the space before
    it; members that fill the space before that without gap or overlap; local headers and data descriptors
    that agree with the directory; unique names that `path_fault` accepts; only regular files and folders,
    stored or deflated, not encrypted; sizes within the limits. Does not read the data of members. Raises
    IntegrityError, and MachineError if the file cannot be read.
    """
    directory = find_directory(source)
    records = _read_directory(source, directory)
    _check_sizes(source, records)
    refuse_collisions((record.name for record in records if not record.is_folder), subject=source.subject)
    _check_folders(source, records)
    ends = _spans(source, records, directory.offset)
    return tuple(_with_local_header(source, record, ends[record.offset]) for record in records)


def _read_directory(source: ZipSource, directory: Directory) -> list[_Central]:
    size = directory.size
    raw = source.read(directory.offset, size)
    records = []
    at = 0
    for _ in range(directory.count):
        if at + _CENTRAL.size > size:
            raise source.damaged("the central directory has fewer records than the end record states")
        fields = _CENTRAL.unpack_from(raw, at)
        name_at = at + _CENTRAL.size
        extra_at = name_at + fields[10]
        comment_at = extra_at + fields[11]
        at = comment_at + fields[12]
        if fields[0] != _CENTRAL_SIGN or at > size:
            raise source.damaged("a record of the central directory is malformed")
        if fields[12] > source.limits.comment:
            rule = f"has a member with a comment of more than {source.limits.comment:,} bytes"
            raise source.exceeds("comment", fields[12], rule)
        records.append(_central(source, fields, raw[name_at:extra_at], raw[extra_at:comment_at]))
    if at != size:
        raise source.damaged("the central directory has more bytes than its records")
    return records


def _central(source: ZipSource, fields: tuple[int, ...], raw_name: bytes, raw_extra: bytes) -> _Central:
    _, _, needed, flags, method, time, date, crc, packed, size, _, _, _, disk, _, attributes, offset = fields
    name = _name(source, raw_name, flags)
    has_zip64 = False
    if raw_extra:
        extra = _extra_fields(source, raw_extra, name)
        has_zip64 = _EXTRA_ZIP64 in extra
        size, packed, offset = _zip64(source, extra, (size, packed, offset), name)
    if disk:
        raise source.damaged("it is in another part of a split archive", name)
    if needed & 0xFF > _NEWEST_VERSION:
        raise source.refused("needs an unknown version of the zip format", name)
    if flags & ~_KNOWN_FLAGS:
        raise source.refused("is encrypted" if flags & _FLAG_ENCRYPTED else "has unknown flags", name)
    if method not in (STORED, DEFLATED):
        raise source.refused(
            f"is compressed by method {method}; supported are stored (0) and deflate (8)", name
        )
    mode = attributes >> 16
    kind = stat.S_IFMT(mode)
    if raw_name[-1:] == b"/":
        if kind not in (0, stat.S_IFDIR) or size:
            raise source.refused("has the name of a directory and is not one", name)
    elif kind not in (0, stat.S_IFREG):
        raise source.refused("is not a regular file", name)
    moment = date << 16 | time
    return _Central(name, 0, packed, size, crc, method, mode, moment, raw_name, offset, flags, has_zip64)


def _name(source: ZipSource, raw: bytes, flags: int) -> str:
    if len(raw) > MAX_PATH:
        raise source.refused(f"has a member with a path of more than {MAX_PATH} bytes")
    try:
        name = raw.decode("utf-8" if flags & _FLAG_UTF8 else "ascii")
    except UnicodeDecodeError:
        shown = raw.decode("latin-1")
        raise source.refused(
            "has a name that is neither ASCII nor marked as UTF-8 and valid", shown
        ) from None
    fault = path_fault(name.removesuffix("/"))
    if fault:
        raise source.refused(fault, name)
    return name


def _extra_fields(source: ZipSource, raw: bytes, name: str) -> Mapping[int, bytes]:
    fields: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(raw):
        kind, length = struct.unpack_from("<2H", raw, at)
        at += 4 + length
        if kind in fields:
            raise source.damaged("it has a duplicate extra field", name)
        fields[kind] = raw[at - length : at]
    if at != len(raw):
        raise source.damaged("its extra fields are malformed", name)
    # A second name for the member, which only some tools use (APPNOTE 4.6.9).
    other = fields.get(_EXTRA_UNICODE_PATH)
    if other is not None and other[5:] != name.encode():
        raise source.damaged("an extra field gives it another name", name)
    return fields


def _zip64(
    source: ZipSource, extra: Mapping[int, bytes], values: tuple[int, ...], name: str
) -> tuple[int, ...]:
    """Return `values` (size, packed size, offset) with the wide ones from the extra field (APPNOTE 4.5.3)."""
    raw = extra.get(_EXTRA_ZIP64)
    wanted = [index for index, value in enumerate(values) if value == _FULL32]
    if raw is None:
        # Exactly 4 GiB less one byte is legal, but tools write it with the extra field.
        if wanted:
            raise source.damaged("its 64-bit sizes are missing", name)
        return values
    given = len(raw) // 8
    if len(raw) % 8 or given < len(wanted) or given > len(values):
        raise source.damaged("its 64-bit sizes have the wrong length", name)
    wide = struct.unpack(f"<{given}Q", raw)
    result = list(values)
    places = wanted if given == len(wanted) else range(given)
    for index, value in zip(places, wide, strict=True):
        if values[index] not in (_FULL32, value):
            raise source.damaged("its 64-bit sizes differ from its sizes", name)
        result[index] = value
    if any(index >= given for index in wanted if given != len(wanted)):
        raise source.damaged("its 64-bit sizes are missing", name)
    return tuple(result)


def _check_sizes(source: ZipSource, records: list[_Central]) -> None:
    limits = source.limits
    total = sum(record.size for record in records)
    if total > limits.unpacked:
        raise source.exceeds("unpacked", total, f"unpacks to {total:,} bytes, more than {limits.unpacked:,}")
    if total > limits.ratio_from and total > limits.ratio * source.size:
        raise source.exceeds(
            "ratio",
            -(-total // source.size),
            f"unpacks to {total:,} bytes from {source.size:,}: "
            f"at most {limits.ratio}:1 is allowed above {limits.ratio_from:,} bytes",
        )


def _check_folders(source: ZipSource, records: list[_Central]) -> None:
    files = {record.name for record in records if not record.is_folder}
    folders: set[str] = set()
    for record in records:
        if record.is_folder:
            if record.name in folders:
                raise source.refused("is a duplicate", record.name)
            if record.name[:-1] in files:
                raise source.refused("is a file and a directory", record.name)
            folders.add(record.name)


def _spans(source: ZipSource, records: list[_Central], directory: int) -> dict[int, int]:
    """Return where the space of the member at each offset ends, from the directory alone."""
    ordered = sorted(records, key=lambda record: record.offset)
    first = ordered[0].offset if ordered else directory
    if first:
        raise source.damaged(f"{first:,} bytes before the first member belong to no member")
    ends = [record.offset for record in ordered[1:]] + [directory]
    for record, end in zip(ordered, ends, strict=False):
        if record.offset + _LOCAL.size + len(record.raw_name) + record.packed > end:
            raise source.damaged("it overlaps the next member or the directory", record.name)
    for record, following in pairwise(ordered):
        if record.offset == following.offset:
            raise source.damaged(f"it is at the same offset as {following.name!r}", record.name)
    return {record.offset: end for record, end in zip(ordered, ends, strict=False)}


def _with_local_header(source: ZipSource, record: _Central, end: int) -> Entry:
    name_end = _LOCAL.size + len(record.raw_name)
    raw = source.read(record.offset, min(name_end + _READ_AHEAD, end - record.offset))
    sign, _, flags, method, _, _, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(raw)
    if sign != _LOCAL_SIGN:
        raise source.damaged("it has no local header", record.name)
    if name_length != len(record.raw_name) or raw[_LOCAL.size : name_end] != record.raw_name:
        raise source.damaged("its local header has another name", record.name)
    if flags != record.flags or method != record.method:
        raise source.damaged("its local header has other flags or another method", record.name)
    is_wide = False
    if extra_length:
        raw_extra = raw[name_end : name_end + extra_length]
        if len(raw_extra) < extra_length:
            raw_extra = source.read(record.offset + name_end, extra_length)
        extra = _extra_fields(source, raw_extra, record.name)
        is_wide = _EXTRA_ZIP64 in extra
        size, packed = _zip64(source, extra, (size, packed), record.name)
    central = (record.crc, record.packed, record.size)
    has_descriptor = bool(flags & _FLAG_DESCRIPTOR)
    # With a descriptor the header has both sizes or neither: tools that read from the front use a single one.
    is_deferred = has_descriptor and crc in (0, record.crc) and (packed, size) in ((0, 0), central[1:])
    if (crc, packed, size) != central and not is_deferred:
        raise source.damaged("its local header has another CRC or size", record.name)
    start = record.offset + name_end + extra_length
    _check_descriptor(source, record, start + record.packed, end, is_wide=is_wide, expected=has_descriptor)
    name, mode, moment = record.name, record.mode, record.moment
    return Entry(name, start, record.packed, record.size, record.crc, record.method, mode, moment)


def _check_descriptor(
    source: ZipSource, record: _Central, at: int, end: int, *, is_wide: bool, expected: bool
) -> None:
    """Check that a data descriptor, or nothing, is between a member and the next header (APPNOTE 4.3.9)."""
    if not expected:
        if at != end:
            raise source.damaged("the bytes after it belong to no member", record.name)
        return
    wide = is_wide or record.has_zip64 or max(record.packed, record.size) > _FULL32
    plain = struct.pack("<L2Q" if wide else "<3L", record.crc, record.packed, record.size)
    if end - at not in (len(plain), len(plain) + 4) or source.read(at, end - at) not in (
        plain,
        _DESCRIPTOR_SIGN + plain,
    ):
        raise source.damaged("its data descriptor differs from the central directory", record.name)
