"""Zips made field by field, so that each can lie about one thing (APPNOTE 6.3.10)."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

STORED = 0
DEFLATED = 8
DESCRIPTOR = 0x8
UTF8 = 0x800
FULL = 0xFFFFFFFF


@dataclass(kw_only=True)
class Member:
    """A member with a right local header and directory record, but for what `local` and `central` say.

    Keys: name, flags, method, crc, packed, size, extra; `central` also offset, attributes, comment, disk.
    """

    name: bytes
    data: bytes = b"abcdefgh"
    method: int = STORED
    flags: int = 0
    after: bytes = b""
    local: dict[str, object] = field(default_factory=dict)
    central: dict[str, object] = field(default_factory=dict)
    in_directory: bool = True
    in_file: bool = True

    def packed(self) -> bytes:
        """The data as it stands in the file."""
        if self.method == DEFLATED:
            deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
            return deflater.compress(self.data) + deflater.flush()
        return self.data

    def facts(self, changes: dict[str, object]) -> dict[str, object]:
        """The fields of a header."""
        return {
            "name": self.name,
            "flags": self.flags,
            "method": self.method,
            "crc": zlib.crc32(self.data),
            "packed": len(self.packed()),
            "size": len(self.data),
            "extra": b"",
            "attributes": 0o100644 << 16,
            "comment": b"",
            "disk": 0,
            **changes,
        }

    def descriptor(self, *, wide: bool = False, signed: bool = True, **changes: int) -> bytes:
        """A data descriptor for it."""
        facts = self.facts(dict(changes))
        body = struct.pack("<L2Q" if wide else "<3L", facts["crc"], facts["packed"], facts["size"])
        return (b"PK\x07\x08" if signed else b"") + body


def zip64(*values: int) -> bytes:
    """The extra field with 64-bit values."""
    return struct.pack(f"<2H{len(values)}Q", 1, 8 * len(values), *values)


def craft(members: Sequence[Member], *, before: bytes = b"", comment: bytes = b"", **end: int) -> bytes:
    """The bytes of a zip; `end` overrides fields of the end record (disk, here, count, size, offset)."""
    file = bytearray(before)
    directory = bytearray()
    for member in members:
        offset = len(file)
        if member.in_file:
            file += _local(member.facts(member.local)) + member.packed() + member.after
        if member.in_directory:
            directory += _central({"offset": offset, **member.facts(member.central)})
    count = sum(member.in_directory for member in members)
    values = {"disk": 0, "here": count, "count": count, "size": len(directory), "offset": len(file), **end}
    record = struct.pack(
        "<4s4H2LH",
        b"PK\x05\x06",
        values["disk"],
        0,
        values["here"],
        values["count"],
        values["size"],
        values["offset"],
        len(comment),
    )
    return bytes(file + directory + record + comment)


def with_zip64_end(data: bytes, *, more: bytes = b"", shift: int = 0, full: bool = True, **end: int) -> bytes:
    """A crafted zip with a 64-bit end record; `more` is put into it, `shift` moves what the locator says."""
    at = data.rindex(b"PK\x05\x06")
    _, _, _, here, count, size, offset, _ = struct.unpack("<4s4H2LH", data[at : at + 22])
    values = {"here": here, "count": count, "size": size, "offset": offset, **end}
    record = struct.pack(
        "<4sQ2H2L4Q",
        b"PK\x06\x06",
        44 + len(more),
        45,
        45,
        0,
        0,
        values["here"],
        values["count"],
        values["size"],
        values["offset"],
    )
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at + shift, 1)
    blank = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, FULL, FULL, 0)
    return data[:at] + record + more + locator + (blank if full else data[at : at + 22])


def _local(facts: dict[str, object]) -> bytes:
    name, extra = facts["name"], facts["extra"]
    assert isinstance(name, bytes)
    assert isinstance(extra, bytes)
    head = struct.pack(
        "<4s5H3L2H",
        b"PK\x03\x04",
        20,
        facts["flags"],
        facts["method"],
        0,
        0x21,
        facts["crc"],
        facts["packed"],
        facts["size"],
        len(name),
        len(extra),
    )
    return head + name + extra


def _central(facts: dict[str, object]) -> bytes:
    name, extra, comment = facts["name"], facts["extra"], facts["comment"]
    assert isinstance(name, bytes)
    assert isinstance(extra, bytes)
    assert isinstance(comment, bytes)
    head = struct.pack(
        "<4s6H3L5H2L",
        b"PK\x01\x02",
        0x0314,
        20,
        facts["flags"],
        facts["method"],
        0,
        0x21,
        facts["crc"],
        facts["packed"],
        facts["size"],
        len(name),
        len(extra),
        len(comment),
        facts["disk"],
        0,
        facts["attributes"],
        facts["offset"],
    )
    return head + name + extra + comment
