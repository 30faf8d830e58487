"""Members that would be written where they must not (H1 to H3, H5, H8, H9, H16 to H18)."""

import pytest

from tests.hostile import DATA, Arena, member, parts, wheel_with
from tests.zipcraft import DEFLATED, UTF8, Member, craft

LEAVING = [
    "../../x",
    "../canary.txt",
    "../../../../../canary.txt",
    "epsilon/../../../../../../canary.txt",
    "..",
]


@pytest.mark.parametrize("name", LEAVING)
def test_H01_a_member_that_leaves_the_archive_is_refused(name: str, arena: Arena) -> None:
    arena.refuses(craft(parts(member(name))), repr(name), "leaves the archive")


@pytest.mark.parametrize("name", ["{base}/x", "{base}/canary.txt", "/tmp/x", "//host/share/x"])
def test_H02_an_absolute_member_is_refused(name: str, arena: Arena) -> None:
    name = name.format(base=arena.base)
    arena.refuses(craft(parts(member(name))), repr(name), "is an absolute path")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("..\\..\\x", "backslash"),
        ("epsilon\\x.py", "backslash"),
        ("\\\\host\\share\\x", "backslash"),
        ("C:\\x", "backslash"),
        ("C:x", "colon"),
        ("a:b", "colon"),
        ("epsilon/x.py::$DATA", "colon"),
    ],
)
def test_H03_a_member_that_windows_reads_otherwise_is_refused(name: str, rule: str, arena: Arena) -> None:
    arena.refuses(craft(parts(member(name))), repr(name), rule)


@pytest.mark.parametrize(
    "name", ["scripts/../../../x", "data/../../canary.txt", "purelib/../../x", "headers/../../../../x"]
)
def test_H05_a_data_member_that_leaves_is_refused(name: str, arena: Arena) -> None:
    arena.refuses(craft(parts(member(f"{DATA}/{name}"))), name, "leaves the archive")


@pytest.mark.parametrize("name", ["stdlib/os.py", "purelib", "Scripts/x", "platstdlib/x", "x"])
def test_H08_an_unknown_scheme_is_refused_with_the_known_ones(name: str, arena: Arena) -> None:
    arena.refuses(
        wheel_with({f"{DATA}/{name}": b""}), f"{DATA}/{name}", "data, headers, platlib, purelib, scripts"
    )


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o020644, 0o060644, 0o140755])
def test_H09_a_member_that_is_no_regular_file_is_refused(mode: int, arena: Arena) -> None:
    arena.refuses(craft(parts(member("evil/ln", b"/etc", mode=mode))), "'evil/ln'", "is not a regular file")


def test_H09_a_link_and_a_member_to_write_through_it_are_refused(arena: Arena) -> None:
    link = member("evil/ln", str(arena.base).encode(), mode=0o120777)
    arena.refuses(craft(parts(link, member("evil/ln/canary.txt"))), "evil/ln")
    arena.refuses(craft(parts(member("evil/ln/canary.txt"), link)), "evil/ln")


COLLIDING = [
    ("A.py", "a.py"),
    ("epsilon/X.py", "EPSILON/x.py"),
    ("é.py", "e\u0301.py"),
    ("straße.py", "STRASSE.py"),
    ("epsilon/__INIT__.py", "epsilon/other.py"),
]


@pytest.mark.parametrize(("one", "two"), COLLIDING)
@pytest.mark.parametrize("body", [b"hostile\n", b"other\n"])
def test_H16_names_that_are_one_file_somewhere_are_refused(
    one: str, two: str, body: bytes, arena: Arena
) -> None:
    arena.refuses(craft(parts(member(one), member(two, body))), "on some systems")


@pytest.mark.parametrize(
    ("one", "two"), [("p", "p/q.py"), ("P", "p/q.py"), ("epsilon/__init__.py/x", "y"), ("epsilon", "y")]
)
def test_H17_a_file_and_a_folder_of_one_name_are_refused(one: str, two: str, arena: Arena) -> None:
    arena.refuses(craft(parts(member(one), member(two))), "is a file and the directory of")
    arena.refuses(craft(parts(member(two), member(one))), "is a file and the directory of")


@pytest.mark.parametrize(
    "places",
    [
        ("epsilon/x.py", f"{DATA}/purelib/epsilon/X.py"),
        ("epsilon/x", f"{DATA}/platlib/epsilon/x/y"),
        (f"{DATA}/scripts/a", f"{DATA}/data/bin/a"),
    ],
)
def test_H16_H17_members_in_each_others_way_once_installed_are_refused(
    places: tuple[str, str], arena: Arena
) -> None:
    arena.refuses(wheel_with(dict.fromkeys(places, b"")), "when installed")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (b"a\0b.py", "control"),
        (b"a\nb.py", "control"),
        (b"a\x1b[31m.py", "control"),
        ("a\x85b".encode(), "control"),
        (b"CON", "device"),
        (b"epsilon/aux.py", "device"),
        (b"nul/x.py", "device"),
        (b"epsilon/x.", "ends in a dot or a space"),
        (b"epsilon /x", "ends in a dot or a space"),
        (b"n" * 256, "255 bytes"),
        ("é".encode() * 128, "255 bytes"),
        (b"a/" * 2048 + b"b", "4096 bytes"),
        (b"./epsilon/x", "normal"),
        (b"epsilon//x", "normal"),
    ],
)
def test_H18_a_name_that_is_not_portable_is_refused(name: bytes, rule: str, arena: Arena) -> None:
    flags = 0 if name.isascii() else UTF8
    arena.refuses(craft(parts(Member(name=name, method=DEFLATED, flags=flags))), rule)


@pytest.mark.parametrize("flags", [0, UTF8])
def test_H18_a_name_that_is_not_utf_8_and_marked_so_is_refused(flags: int, arena: Arena) -> None:
    arena.refuses(
        craft(parts(Member(name=b"f\xe9.py", flags=flags))), "neither ASCII nor marked as UTF-8 and valid"
    )
