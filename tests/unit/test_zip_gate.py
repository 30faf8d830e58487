"""The zip gate: only a file that every tool reads alike passes."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipper.core.archive_limits import Limits
from pipper.errors import IntegrityError
from pipper.wheels.member_paths import folded, path_fault
from pipper.wheels.zip.archive import open_zip
from tests.zipcraft import DEFLATED, DESCRIPTOR, FULL, UTF8, Member, craft, with_zip64_end, zip64

DEFAULT = Limits()
BENIGN = b"# benign\n"
MALICIOUS = b"print('malicious')\n"


def contents(path: Path, data: bytes, limits: Limits = DEFAULT) -> dict[str, bytes]:
    """What the gate reads from a file of these bytes."""
    target = path / "x.zip"
    target.write_bytes(data)
    with open_zip(target, subject="x.zip", limits=limits) as archive:
        return {entry.name: b"".join(archive.chunks(entry)) for entry in archive.entries}


def refusal(path: Path, data: bytes, limits: Limits = DEFAULT) -> str:
    """The gate's message about a file of these bytes."""
    with pytest.raises(IntegrityError) as caught:
        contents(path, data, limits)
    assert caught.value.message.startswith("x.zip: ")
    return caught.value.message


def described(*, wide: bool = False, signed: bool = True, **changes: int) -> bytes:
    """A zip of one member with a data descriptor."""
    member = Member(name=b"foo", method=DEFLATED, flags=DESCRIPTOR)
    blank = {"crc": 0, "packed": FULL if wide else 0, "size": FULL if wide else 0}
    member.local = {**blank, "extra": zip64(0, 0) if wide else b""}
    member.after = member.descriptor(wide=wide, signed=signed, **changes)
    return craft([member])


def twice(**changes: object) -> list[Member]:
    return [Member(name=b"one"), Member(name=b"two", **changes)]  # type: ignore[arg-type]  # fields of one test


ACCEPTED = {
    "store": craft([Member(name=b"foo")]),
    "empty": craft([]),
    "normal_deflate": craft([Member(name=b"foo", method=DEFLATED)]),
    "normal_deflate_zip64_extra": craft(
        [Member(name=b"foo", method=DEFLATED, local={"packed": FULL, "size": FULL, "extra": zip64(8, 10)})]
    ),
    "subdir": craft(
        [
            Member(name=b"foo/", data=b"", central={"attributes": (0o40755 << 16) | 0x10}),
            Member(name=b"foo/bar"),
        ]
    ),
    "nosubdir": craft([Member(name=b"foo/bar")]),
    "comment": craft([Member(name=b"foo")], comment=b"hello"),
    "data_descriptor": described(),
    "data_descriptor_zip64": described(wide=True),
    "data_descriptor_without_signature": described(signed=False),
    "zip64_eocd": with_zip64_end(craft([Member(name=b"foo")])),
    "zip64_eocd_not_needed": with_zip64_end(craft([Member(name=b"foo")]), full=False),
    "zip64_extra_in_the_directory": craft(
        [
            Member(
                name=b"foo",
                central={"packed": FULL, "size": FULL, "extra": zip64(8, 8)},
                local={"packed": FULL, "size": FULL, "extra": zip64(8, 8)},
            )
        ]
    ),
    "unicode_name": craft([Member(name="é.py".encode(), flags=UTF8)]),
    "same_unicode_extra": craft(
        [
            Member(
                name=b"foo",
                central={"extra": struct.pack("<2HBL", 0x7075, 8, 1, zlib.crc32(b"foo")) + b"foo"},
            )
        ]
    ),
}


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_well_formed_zip_is_read_as_zipfile_reads_it(tmp_path: Path, data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert contents(tmp_path, data) == {name: archive.read(name) for name in archive.namelist()}


def _unicode_extra(name: bytes) -> bytes:
    return struct.pack("<2HBL", 0x7075, len(name) + 5, 1, zlib.crc32(b"foo")) + name


_ONE = craft([Member(name=b"foo")])
_INNER = craft([Member(name=b"file", data=b"A")])

REJECTED = {
    "prefix": b"X" + _ONE,
    "prefix_with_right_offsets": craft([Member(name=b"foo")], before=b"X"),
    "suffix": _ONE + b"    ",
    "two_end_records": _ONE + _ONE[-22:],
    "comment_with_an_end_record": craft(
        [Member(name=b"foo")], comment=b"PK\x05\x06\0\0\0\xff\xff" + b"\0" * 100
    ),
    "comment_with_control_bytes": craft([Member(name=b"foo")], comment=b"a\x1bb"),
    "zip_in_comment": craft([Member(name=b"file", data=b"B")], comment=_INNER),
    "gap_between_members": craft(twice()).replace(b"abcdefghPK\x03\x04", b"abcdefgh..PK\x03\x04", 1),
    "gap_after_a_member": craft([Member(name=b"one", after=b".."), Member(name=b"two")]),
    "directory_record_without_member": craft(twice(in_file=False)),
    "member_without_directory_record": craft([Member(name=b"one"), Member(name=b"two", in_directory=False)]),
    "first_member_without_directory_record": craft(
        [Member(name=b"two", in_directory=False), Member(name=b"one")]
    ),
    "two_records_of_one_member": craft([Member(name=b"one"), Member(name=b"two", central={"offset": 0})]),
    "wrong_count": craft([Member(name=b"foo")], here=2, count=2),
    "fewer_than_there_are": craft(twice(), here=1, count=1),
    "several_disks": craft([Member(name=b"foo")], disk=1),
    "member_on_another_disk": craft([Member(name=b"foo", central={"disk": 1})]),
    "descriptor_with_crc_0": described(crc=0),
    "descriptor_with_wrong_crc": described(crc=1),
    "descriptor_with_wrong_packed_size": described(packed=8),
    "descriptor_with_wrong_size": described(size=6),
    "descriptor_without_signature_with_wrong_size": described(signed=False, size=6),
    "wide_descriptor_with_wrong_packed_size": described(wide=True, packed=8),
    "wide_descriptor_with_wrong_size": described(wide=True, size=6),
    "descriptor_without_its_flag": craft(
        [Member(name=b"foo", after=Member(name=b"foo").descriptor())],
    ),
    "flag_without_descriptor": craft([Member(name=b"foo", flags=DESCRIPTOR)]),
    "descriptor_flag_in_one_header_only": craft([Member(name=b"foo", local={"flags": DESCRIPTOR})]),
    "extra_field_too_short": craft([Member(name=b"foo", central={"extra": struct.pack("<2H", 9, 5) + b"x"})]),
    "extra_of_three_bytes": craft([Member(name=b"foo", local={"extra": b"   "})]),
    "zip64_extra_too_long": craft(
        [Member(name=b"foo", local={"packed": FULL, "size": FULL, "extra": zip64(8, 8, 0)})]
    ),
    "zip64_extra_too_short": craft(
        [Member(name=b"foo", local={"packed": FULL, "size": FULL, "extra": zip64(8)})]
    ),
    "zip64_extra_missing": craft([Member(name=b"foo", local={"packed": FULL, "size": FULL})]),
    "zip64_extra_with_wrong_packed_size": craft(
        [Member(name=b"foo", local={"packed": FULL, "size": FULL, "extra": zip64(8, 9)})]
    ),
    "zip64_extra_with_wrong_size": craft(
        [Member(name=b"foo", local={"packed": FULL, "size": FULL, "extra": zip64(9, 8)})]
    ),
    "zip64_extra_against_plain_sizes": craft([Member(name=b"foo", central={"extra": zip64(9, 8)})]),
    "zip64_extra_twice": craft([Member(name=b"foo", local={"extra": zip64(8, 8) * 2})]),
    "zip64_end_with_more_data": with_zip64_end(_ONE, more=b"x" * 8, shift=0),
    "zip64_locator_to_elsewhere": with_zip64_end(_ONE, shift=-1),
    "zip64_end_confusion": with_zip64_end(_ONE, full=False, offset=0),
    "zip64_end_with_another_count": with_zip64_end(_ONE, here=2, count=2),
    "zip64_end_missing": _ONE[:-22] + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, FULL, FULL, 0),
    "second_unicode_name": craft(
        [Member(name=b"foo", central={"extra": _unicode_extra(b"first") + _unicode_extra(b"second")})]
    ),
    "other_unicode_name": craft([Member(name=b"foo", central={"extra": _unicode_extra(b"bar")})]),
    "other_unicode_name_in_local_header": craft(
        [Member(name=b"foo", local={"extra": _unicode_extra(b"bar")})]
    ),
    "short_size": craft(
        [
            Member(
                name=b"file",
                data=BENIGN + MALICIOUS,
                method=DEFLATED,
                local={"size": len(BENIGN), "crc": zlib.crc32(BENIGN)},
                central={"size": len(BENIGN), "crc": zlib.crc32(BENIGN)},
            )
        ]
    ),
    "stored_in_another_size": craft([Member(name=b"foo", local={"size": 7}, central={"size": 7})]),
    "data_after_the_stream": craft(
        [
            Member(
                name=b"foo",
                method=DEFLATED,
                after=b"xx",
                local={"packed": len(Member(name=b"foo", method=DEFLATED).packed()) + 2},
                central={"packed": len(Member(name=b"foo", method=DEFLATED).packed()) + 2},
            )
        ]
    ),
    "folder_with_data": craft([Member(name=b"foo/", data=b"payload")]),
    "folder_that_says_it_is_a_file": craft([Member(name=b"foo/", data=b"")]),
    "name_in_latin_1": craft([Member(name=b"f\xe9")]),
    "utf_8_name_without_its_flag": craft([Member(name="é".encode())]),
    "no_utf_8_with_the_flag": craft([Member(name=b"f\xff", flags=UTF8)]),
    "empty_name": craft([Member(name=b"")]),
    "no_bytes": b"",
    "only_a_header": b"PK\x03\x04",
    "no_zip": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>" * 4,
}


@pytest.mark.parametrize("data", REJECTED.values(), ids=REJECTED.keys())
def test_H14_a_zip_that_tools_could_read_differently_is_refused(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data)


@pytest.mark.parametrize(
    "change",
    [
        {"name": b"bar"},
        {"name": b"longer"},
        {"size": 9},
        {"packed": 9},
        {"crc": 1},
        {"method": DEFLATED},
        {"flags": UTF8},
    ],
    ids=lambda change: next(iter(change)),
)
def test_H13_local_headers_that_differ_from_the_directory_are_refused_before_any_data_is_read(
    tmp_path: Path, change: dict[str, object]
) -> None:
    target = tmp_path / "x.zip"
    target.write_bytes(craft([Member(name=b"good"), Member(name=b"foo", local=change)]))
    with (
        pytest.raises(IntegrityError, match="damaged"),
        open_zip(target, subject="x.zip", limits=Limits()),
    ):
        pytest.fail("the archive was opened")


def test_H12_a_member_twice_is_refused_with_equal_and_with_other_bytes(tmp_path: Path) -> None:
    for data in (b"same", b"other"):
        members = [Member(name=b"a/x.py", data=b"same"), Member(name=b"a/x.py", data=data)]
        assert "'a/x.py': is a duplicate" in refusal(tmp_path, craft(members))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("A.py", "a.py"),
        ("p/É", "p/é"),
        ("é", "e\u0301"),
        ("straße", "STRASSE"),
        ("p", "p/q.py"),
        ("P", "p/q"),
    ],
)
def test_H16_H17_names_that_are_one_file_somewhere_are_refused(tmp_path: Path, one: str, two: str) -> None:
    members = [Member(name=name.encode(), flags=UTF8) for name in (one, two)]
    assert refusal(tmp_path, craft(members))
    assert refusal(tmp_path, craft(members[::-1]))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("../../x", "leaves the archive"),
        ("a/../../x", "leaves the archive"),
        ("..", "leaves the archive"),
        ("/tmp/x", "absolute"),
        ("//host/share", "absolute"),
        ("..\\..\\x", "backslash"),
        ("\\\\host\\share", "backslash"),
        ("C:\\x", "backslash"),
        ("C:x", "colon"),
        ("a:b", "colon"),
        ("a//b", "normal"),
        ("./a", "normal"),
        ("a/./b", "normal"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\x85b", "control"),
        ("CON", "device"),
        ("a/aux.py", "device"),
        ("a/nul/b", "device"),
        ("Com1.txt.gz", "device"),
        ("lpt¹", "device"),
        ("a/b.", "dot or a space"),
        ("a /b", "dot or a space"),
        ("n" * 256, "255 bytes"),
        ("é" * 128, "255 bytes"),
        ("a/" * 2048 + "b", "4096 bytes"),
    ],
)
def test_H01_H02_H03_H18_a_name_that_is_not_portable_is_refused(tmp_path: Path, name: str, rule: str) -> None:
    message = refusal(tmp_path, craft([Member(name=b"good"), Member(name=name.encode(), flags=UTF8)]))
    assert rule in message
    assert message.isprintable()


@pytest.mark.parametrize(
    "name", ["a.py", ".hidden", "..x", "a/b-c_d+e.f", "com", "com10", "console", "é/ü.txt", "a b", "n" * 255]
)
def test_an_ordinary_name_passes(tmp_path: Path, name: str) -> None:
    assert contents(tmp_path, craft([Member(name=name.encode(), flags=UTF8)])) == {name: b"abcdefgh"}


@given(st.text(st.sampled_from("aux.conP /\\:1é-_\0~"), max_size=12))
@example("con")
@example("a/COM1.x")
def test_a_path_that_passes_has_none_of_the_faults(path: str) -> None:
    if path_fault(path):
        return
    parts = path.split("/")
    assert all(part not in ("", ".", "..") and part[-1] not in ". " for part in parts)
    assert not set(path) & set("\\:\0")
    assert not any(part.split(".")[0].strip().lower() in ("con", "aux", "com1") for part in parts)
    assert folded(path) == folded(path.upper().lower())


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o060644, 0o140644, 0o040755])
def test_H09_only_regular_files_pass(tmp_path: Path, mode: int) -> None:
    member = Member(name=b"evil/ln", data=b"/etc", central={"attributes": mode << 16})
    assert "'evil/ln': is not a regular file" in refusal(tmp_path, craft([member]))


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 99])
def test_H27_other_compressions_are_refused(tmp_path: Path, method: int) -> None:
    member = Member(name=b"foo", local={"method": method}, central={"method": method})
    assert f"method {method}" in refusal(tmp_path, craft([member]))


@pytest.mark.parametrize("flags", [0x1, 0x41, 0x2000, 0x10, 0x20])
def test_H27_encrypted_members_and_unknown_flags_are_refused(tmp_path: Path, flags: int) -> None:
    assert "'foo': " in refusal(tmp_path, craft([Member(name=b"foo", flags=flags)]))


def test_H15_every_truncation_is_refused_as_damage(tmp_path: Path) -> None:
    data = craft([Member(name=b"one", method=DEFLATED), Member(name=b"two", data=b"x" * 40)])
    for length in range(len(data)):
        assert "damaged" in refusal(tmp_path, data[:length])


def test_H15_every_flipped_byte_is_refused_or_changes_nothing_that_is_read(tmp_path: Path) -> None:
    data = craft([Member(name=b"one", method=DEFLATED, data=BENIGN * 9), Member(name=b"two")])
    right = contents(tmp_path, data)
    refused = 0
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :]
        try:
            assert contents(tmp_path, changed) == right
        except IntegrityError:
            refused += 1
    assert refused > len(data) // 2


def test_H15_a_bad_crc_and_a_cut_stream_are_told_as_damage(tmp_path: Path) -> None:
    wrong = {"crc": 7}
    assert "'foo': damaged zip: " in refusal(
        tmp_path, craft([Member(name=b"foo", local=wrong, central=wrong)])
    ).replace("damaged zip: its CRC is wrong", "damaged zip: ")
    body = Member(name=b"foo", method=DEFLATED, data=b"x" * 100).packed()
    cut = Member(name=b"foo", data=body[:-3])
    changes = {"method": DEFLATED, "size": 100, "crc": zlib.crc32(b"x" * 100)}
    cut.local = cut.central = dict(changes)
    assert "damaged" in refusal(tmp_path, craft([cut]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(ACCEPTED)),
    edits=st.lists(
        st.tuples(st.floats(0, 0.999), st.sampled_from([0, 1, 0x7F, 0xFF, 0x50, 0x08])), max_size=3
    ),
    cut=st.floats(0, 1),
    glued=st.sampled_from([b"", b"PK\x05\x06", b"\0"]),
)
def test_whatever_passes_is_read_alike_by_zipfile_and_nothing_else_is_raised(
    tmp_path: Path, kind: str, edits: list[tuple[float, int]], cut: float, glued: bytes
) -> None:
    data = bytearray(ACCEPTED[kind])
    for place, value in edits:
        data[int(place * len(data))] = value
    if cut < 0.2:
        data = data[: int(cut * 5 * len(data))] + glued
    try:
        found = contents(tmp_path, bytes(data))
    except IntegrityError:
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert found == {name: archive.read(name) for name in archive.namelist()}


def test_H19_a_bomb_is_refused_from_its_directory_and_the_limits_are_told(tmp_path: Path) -> None:
    lie = {"size": 65 << 20}
    message = refusal(tmp_path, craft([Member(name=b"zeros", method=DEFLATED, local=lie, central=lie)]))
    assert "68,157,440" in message
    assert "67,108,864" in message
    assert "50:1" in message


def test_H19_the_limits_can_be_raised(tmp_path: Path) -> None:
    data = craft([Member(name=b"zeros", method=DEFLATED, data=b"\0" * (1 << 20))])
    assert "50:1" in refusal(tmp_path, data, Limits(ratio_from=1 << 16))
    assert len(contents(tmp_path, data, Limits(ratio_from=1 << 16, ratio=2000))["zeros"]) == 1 << 20
    assert "more than 1,000" in refusal(tmp_path, data, Limits(unpacked=1000))


def test_H19_a_member_that_unpacks_to_more_than_it_says_is_stopped_at_its_size(tmp_path: Path) -> None:
    lie = {"size": 10}
    bomb = Member(name=b"zeros", method=DEFLATED, data=b"\0" * (4 << 20), local=lie, central=lie)
    target = tmp_path / "x.zip"
    target.write_bytes(craft([bomb]))
    with open_zip(target, subject="x.zip", limits=Limits()) as archive:
        pieces = archive.chunks(archive.entries[0])
        with pytest.raises(IntegrityError, match="unpacks to more than 10 bytes"):
            next(pieces)


@pytest.mark.parametrize("size", [0, 1, 9, 2**31, 2**32 - 2])
def test_H20_sizes_that_lie_are_refused(tmp_path: Path, size: int) -> None:
    lie = {"size": size, "packed": size}
    assert refusal(tmp_path, craft([Member(name=b"foo", local=lie, central=lie)]))


@pytest.mark.parametrize("size", [0, 2**63, 2**64 - 1])
def test_H20_64_bit_sizes_that_lie_are_refused(tmp_path: Path, size: int) -> None:
    lie = {"size": FULL, "packed": FULL, "extra": zip64(size, size)}
    assert refusal(tmp_path, craft([Member(name=b"foo", local=lie, central=lie)]))


def test_H20_members_that_share_their_data_are_refused_from_the_directory_alone(tmp_path: Path) -> None:
    kernel = Member(name=b"a", method=DEFLATED, data=b"\0" * 1000)
    others = [
        Member(name=b"b%d" % number, method=DEFLATED, data=kernel.data, in_file=False, central={"offset": 0})
        for number in range(50)
    ]
    assert "damaged" in refusal(tmp_path, craft([kernel, *others]))
    nested = Member(name=b"quoted", data=craft([kernel])[:-22])
    nested.after = b""
    inner = Member(name=b"a", method=DEFLATED, data=kernel.data, in_file=False, central={"offset": 36})
    assert "overlaps" in refusal(tmp_path, craft([nested, inner]))


def test_H21_too_many_members_are_refused_before_the_directory_is_read(tmp_path: Path) -> None:
    data = with_zip64_end(_ONE, here=70_000, count=70_000)
    assert "70,000 members, more than 65,535" in refusal(tmp_path, data)


def test_H21_a_huge_directory_or_comment_is_refused(tmp_path: Path) -> None:
    members = [
        Member(name=b"%d" % number, central={"extra": b"\xfe\xca\xf0\xff" + b"x" * 0xFFF0})
        for number in range(9)
    ]
    assert "directory of" in refusal(tmp_path, craft(members), Limits(directory=1 << 19))
    assert refusal(tmp_path, craft([Member(name=b"foo")], comment=b"x" * 65_000))
    assert "comment" in refusal(tmp_path, craft([Member(name=b"foo", central={"comment": b"x" * 65_000})]))


def test_a_big_member_is_read_in_pieces_and_whole(tmp_path: Path) -> None:
    body = b"".join(number.to_bytes(4, "big") for number in range(300_000))
    data = craft([Member(name=b"big", method=DEFLATED, data=body), Member(name=b"flat", data=body)])
    assert contents(tmp_path, data) == {"big": body, "flat": body}
    target = tmp_path / "x.zip"
    with open_zip(target, subject="x.zip", limits=Limits()) as archive:
        for entry in archive.entries:
            assert max(map(len, archive.chunks(entry))) <= 1 << 20


@pytest.mark.parametrize(("packed", "size"), [(0, 8), (10, 0)])
def test_H14_a_header_before_a_descriptor_that_says_one_size_of_two_is_refused(
    tmp_path: Path, packed: int, size: int
) -> None:
    member = Member(name=b"foo", method=DEFLATED, flags=DESCRIPTOR)
    member.after = member.descriptor()
    assert len(member.packed()) == 10
    member.local = {"crc": 0, "packed": packed, "size": size}
    assert "another CRC or size" in refusal(tmp_path, craft([member]))
    member.local = {"crc": 0, "packed": 10, "size": 8}
    assert contents(tmp_path, craft([member])) == {"foo": member.data}
