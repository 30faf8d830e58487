"""Zips that tools read differently, or that are damaged (H12 to H15)."""

import shutil
import struct
import zlib
from collections.abc import Callable

import pytest

from tests.hostile import NAME, Arena, member, parts, wheel_with
from tests.invariants import Workspace
from tests.zipcraft import DEFLATED, DESCRIPTOR, FULL, UTF8, Member, craft, with_zip64_end, zip64

GOOD = craft(parts())


def altered(change: Callable[[Member], None], *, at: int = 0) -> bytes:
    """A good wheel, but for one of its members."""
    members = parts()
    change(members[at])
    return craft(members)


def with_fields(*, local: dict[str, object] | None = None, central: dict[str, object] | None = None) -> bytes:
    def change(member: Member) -> None:
        member.local, member.central = local or {}, {**member.central, **(central or {})}

    return altered(change)


def described(*, wide: bool = False, signed: bool = True, **wrong: int) -> bytes:
    """A good wheel whose first member has a data descriptor, which may lie."""

    def change(member: Member) -> None:
        member.flags |= DESCRIPTOR
        blank = {"crc": 0, "packed": FULL if wide else 0, "size": FULL if wide else 0}
        member.local = {**blank, "extra": zip64(0, 0) if wide else b""}
        member.after = member.descriptor(wide=wide, signed=signed, **wrong)

    return altered(change)


def wide(*values: int, more: bytes = b"") -> bytes:
    return with_fields(local={"packed": FULL, "size": FULL, "extra": zip64(*values) + more})


def unicode_name(name: bytes) -> bytes:
    return struct.pack("<2HBL", 0x7075, len(name) + 5, 1, zlib.crc32(b"epsilon/__init__.py")) + name


def _first() -> Member:
    return parts()[0]


def short_size() -> bytes:
    """Both headers say less than what is unpacked."""
    lie: dict[str, object] = {"size": 3, "crc": zlib.crc32(_first().data[:3])}
    return with_fields(local=lie, central=lie)


def trailing() -> bytes:
    """More data than the stream of a member has, in the place that both headers give it."""

    def change(member: Member) -> None:
        packed = len(member.packed()) + 2
        member.after, member.local, member.central = b"xx", {"packed": packed}, {"packed": packed}

    return altered(change)


SIZE, PACKED = len(_first().data), len(_first().packed())
MALFORMED = {
    "prefix": b"X" + GOOD,
    "prefix_with_right_offsets": craft(parts(), before=b"X"),
    "suffix": GOOD + b"    ",
    "two_end_records": GOOD + GOOD[-22:],
    "comment_is_an_end_record": craft(parts(), comment=b"PK\x05\x06\0\0\0\xff\xff" + b"\0" * 100),
    "comment_with_control_bytes": craft(parts(), comment=b"a\x1bb"),
    "zip_in_comment": craft(parts(), comment=wheel_with({"epsilon/evil.py": b""})),
    "no_zip": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>" * 9,
    "record_without_member": craft([*parts(), Member(name=b"x", in_file=False)]),
    "member_without_record": craft([*parts(), Member(name=b"x", in_directory=False)]),
    "first_member_without_record": craft([Member(name=b"x", in_directory=False), *parts()]),
    "two_records_of_one_member": craft([*parts(), Member(name=b"x", central={"offset": 0})]),
    "gap_between_members": altered(lambda member: setattr(member, "after", b"..")),
    "counts_more": craft(parts(), here=9, count=9),
    "counts_less": craft(parts(), here=3, count=3),
    "several_disks": craft(parts(), disk=1),
    "member_on_another_disk": with_fields(central={"disk": 1}),
    "descriptor_crc_0": described(crc=0),
    "descriptor_wrong_crc": described(crc=1),
    "descriptor_wrong_packed_size": described(packed=PACKED + 1),
    "descriptor_wrong_size": described(size=SIZE - 1),
    "descriptor_unsigned_wrong_size": described(signed=False, size=SIZE - 1),
    "descriptor_zip64_wrong_packed_size": described(wide=True, packed=PACKED + 1),
    "descriptor_zip64_wrong_size": described(wide=True, size=SIZE - 1),
    "descriptor_without_flag": altered(lambda member: setattr(member, "after", member.descriptor())),
    "flag_without_descriptor": altered(lambda member: setattr(member, "flags", DESCRIPTOR)),
    "extra_too_short": with_fields(central={"extra": struct.pack("<2H", 9, 5) + b"x"}),
    "extra_of_three_bytes": with_fields(local={"extra": b"   "}),
    "zip64_extra_too_long": wide(SIZE, PACKED, 0),
    "zip64_extra_too_short": wide(SIZE),
    "zip64_extra_missing": with_fields(local={"packed": FULL, "size": FULL}),
    "zip64_extra_twice": wide(SIZE, PACKED, more=zip64(SIZE, PACKED)),
    "zip64_extra_wrong_packed_size": wide(SIZE, PACKED + 1),
    "zip64_extra_wrong_size": wide(SIZE + 1, PACKED),
    "zip64_extra_against_plain_sizes": with_fields(central={"extra": zip64(SIZE + 1, PACKED)}),
    "zip64_end_extensible_data": with_zip64_end(GOOD, more=b"x" * 8),
    "zip64_locator_elsewhere": with_zip64_end(GOOD, shift=-1),
    "zip64_end_confusion": with_zip64_end(GOOD, full=False, offset=0),
    "zip64_end_other_count": with_zip64_end(GOOD, here=3, count=3),
    "zip64_end_missing": GOOD[:-22] + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 5, 5, FULL, FULL, 0),
    "second_unicode_name": with_fields(central={"extra": unicode_name(b"a") + unicode_name(b"b")}),
    "other_unicode_name": with_fields(central={"extra": unicode_name(b"epsilon/evil.py")}),
    "short_size": short_size(),
    "data_after_the_stream": trailing(),
    "folder_with_data": craft(parts(member("epsilon/data/"))),
    "folder_that_is_a_file": craft(parts(member("epsilon/data/", b""))),
    "no_bytes": b"",
    "only_a_header": b"PK\x03\x04",
}
WELL_FORMED = {
    "stored": craft([Member(name=each.name, data=each.data) for each in parts()]),
    "comment": craft(parts(), comment=b"built by hand"),
    "descriptor": described(),
    "descriptor_zip64": described(wide=True),
    "descriptor_without_signature": described(signed=False),
    "zip64_extra": wide(SIZE, PACKED),
    "zip64_end": with_zip64_end(GOOD),
    "zip64_end_not_needed": with_zip64_end(GOOD, full=False),
    "folder": craft([member("epsilon/", b"", mode=0o40755), *parts()]),
    "unicode_name": craft(parts(member("epsilon/é.py"))),
    "same_unicode_name": with_fields(central={"extra": unicode_name(b"epsilon/__init__.py")}),
}
"""Also the disputed ones: data descriptors and end comments that agree with all else are taken."""


@pytest.mark.parametrize("body", [b"hostile\n", b"other\n"], ids=["same bytes", "other bytes"])
def test_H12_a_member_twice_is_refused(body: bytes, arena: Arena) -> None:
    arena.refuses(
        craft(parts(member("epsilon/x.py"), member("epsilon/x.py", body))), "'epsilon/x.py': is a duplicate"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"name": b"epsilon/__main__.py"},
        {"name": b"epsilon/x"},
        {"size": SIZE + 1},
        {"packed": PACKED + 1},
        {"crc": 1},
        {"method": 0},
        {"flags": UTF8},
        {"flags": DESCRIPTOR},
    ],
    ids=lambda change: "-".join(f"{key} {value}" for key, value in change.items()),
)
def test_H13_a_local_header_that_differs_from_the_directory_is_refused(
    change: dict[str, object], arena: Arena
) -> None:
    arena.refuses(with_fields(local=change), "damaged zip", "'epsilon/__init__.py'")


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_H14_a_zip_that_tools_could_read_differently_is_refused(data: bytes, arena: Arena) -> None:
    arena.refuses(data)


@pytest.mark.parametrize("data", WELL_FORMED.values(), ids=WELL_FORMED.keys())
def test_H14_a_well_formed_zip_is_published_and_synced(data: bytes, empty: Workspace) -> None:
    wheel = empty.root / "wheels" / NAME
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(data)
    empty.publish(wheel)
    empty.write_manifest("epsilon")
    empty.run("lock")
    empty.run("sync", "-t", empty.root / "target")
    assert (empty.root / "target" / "epsilon" / "__init__.py").read_bytes() == _first().data


def test_H15_every_truncation_is_refused_as_damage_by_publish(arena: Arena) -> None:
    folder = arena.workspace.root / "cut"
    paths = [folder / str(length) / NAME for length in range(len(GOOD))]
    for length, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        path.write_bytes(GOOD[:length])
    before = arena.workspace.state()
    with arena.unchanged():
        done = arena.workspace.run("publish", *paths, "-b", arena.workspace.url, code=4)
    arena.workspace.compare(before)
    shutil.rmtree(folder)
    told = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(told) == len(GOOD)
    assert [line for line in told if f"{NAME}: damaged zip" not in line] == []


@pytest.mark.parametrize("length", [0, 1, 21, 30, *range(50, len(GOOD), 101), len(GOOD) - 22, len(GOOD) - 1])
def test_H15_a_truncated_wheel_is_refused_as_damage_by_sync(length: int, arena: Arena) -> None:
    done = arena.sync_refused(GOOD[:length])
    assert f"{NAME}: damaged zip" in done.stderr
    assert "hash" not in done.stderr


def test_H15_a_wrong_crc_is_refused_as_damage(arena: Arena) -> None:
    lie: dict[str, object] = {"crc": 7}
    arena.refuses(with_fields(local=lie, central=lie), "'epsilon/__init__.py': damaged zip: its CRC is wrong")


def test_H15_a_flipped_byte_of_a_member_is_refused_as_damage(arena: Arena) -> None:
    at = 30 + len("epsilon/__init__.py")
    for place in (at, at + PACKED // 2, at + PACKED - 1):
        arena.refuses(GOOD[:place] + bytes([GOOD[place] ^ 0x55]) + GOOD[place + 1 :], "damaged zip")


def test_H15_a_stream_that_ends_too_early_is_refused_as_damage(arena: Arena) -> None:
    body = _first().packed()[:-3]
    cut = Member(name=b"epsilon/__init__.py", data=body)
    cut.local = cut.central = {"method": DEFLATED, "size": SIZE, "crc": zlib.crc32(_first().data)}
    arena.refuses(craft([cut, *parts()[1:]]), "'epsilon/__init__.py': damaged zip")
