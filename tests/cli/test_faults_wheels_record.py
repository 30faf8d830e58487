"""Wheels that contradict themselves: RECORD, names, versions, folders and WHEEL (H22 to H25, H27)."""

from collections.abc import Callable, Mapping

import pytest

from tests.cli.test_bundle import source
from tests.hostile import DATA, INFO, NAME, Arena, info_file, member, parts, wheel_with
from tests.invariants import Workspace
from tests.wheelhouse import record_lines, record_of, wheel_members
from tests.zipcraft import DEFLATED, Member, craft

Lines = list[tuple[str, str, str]]
A_HASH = "sha256=" + "A" * 43


def _first(lines: Lines, digest: str, size: str) -> Lines:
    return [(lines[0][0], digest, size), *lines[1:]]


RECORDS: Mapping[str, tuple[Callable[[Lines], Lines], str]] = {
    "member missing": (lambda lines: lines[1:], "is not in RECORD with a hash"),
    "no hash": (lambda lines: _first(lines, "", lines[0][2]), "is not in RECORD with a hash"),
    "wrong hash": (lambda lines: _first(lines, A_HASH, lines[0][2]), "its sha256 differs from RECORD"),
    "md5": (lambda lines: _first(lines, "md5=" + "A" * 22, ""), "has a hash by 'md5' in RECORD"),
    "short hash": (lambda lines: _first(lines, "sha256=abc", ""), "has a malformed sha256 hash in RECORD"),
    "wrong size": (lambda lines: _first(lines, lines[0][1], "7"), "has 7 bytes in RECORD"),
    "itself": (lambda lines: [*lines[:-1], (lines[-1][0], A_HASH, "10")], "RECORD lists its own hash"),
    "twice": (lambda lines: [*lines, (lines[0][0], A_HASH, "")], "has two different lines in RECORD"),
    "absent file": (lambda lines: [("epsilon/ghost.py", A_HASH, "1"), *lines], "is not in the wheel"),
}
TEXTS = {
    "open quote": b'"unfinished,,\n',
    "too few fields": b"lonely\n",
    "too many fields": b"a,b,c,d\n",
    "no UTF-8": b"\xff,,\n",
    "NUL": b"a\0,,\n",
    "empty": b"",
}


def with_record(edit: Callable[[Lines], Lines]) -> bytes:
    return craft(parts(record=record_of(edit(record_lines(wheel_members("epsilon", "1.0.0"))))))


@pytest.mark.parametrize("case", RECORDS)
def test_H22_a_record_that_lies_is_refused(case: str, arena: Arena) -> None:
    edit, told = RECORDS[case]
    arena.refuses(with_record(edit), told)


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_H22_a_record_that_is_no_csv_of_three_fields_is_refused(text: bytes, arena: Arena) -> None:
    arena.refuses(craft(parts(record=text)), "RECORD")


def test_H22_a_wheel_without_record_is_refused(arena: Arena) -> None:
    arena.refuses(craft(parts()[:-1]), f"{INFO} has no RECORD")


def test_H22_a_wheel_with_a_bad_record_is_refused_by_bundle(empty: Workspace) -> None:
    project = source(empty.root / "source")
    (made,) = (project / "made").iterdir()
    made.unlink()
    (project / "made" / NAME).write_bytes(with_record(RECORDS["wrong hash"][0]))
    (empty.app / "dist").mkdir(parents=True)
    done = empty.refused("bundle", project, "-o", "dist", code=4, subject=NAME)
    assert "its sha256 differs from RECORD" in done.stderr


@pytest.mark.parametrize(
    "path",
    ["../../../canary.txt", "{base}/canary.txt", "..\\canary.txt", "C:canary.txt", "../../../../bin/python"],
)
def test_H23_a_record_line_outside_is_refused(path: str, arena: Arena) -> None:
    path = path.format(base=arena.base)
    arena.refuses(with_record(lambda lines: [*lines, (path, "", "")]), f"RECORD line 5: {path!r}")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"Name: epsilon", b"Name: zeta", "has the name 'zeta', the file name has 'epsilon'"),
        (b"Version: 1.0.0", b"Version: 2.0.0", "has the version 2.0.0, the file name has 1.0.0"),
        (b"Version: 1.0.0", b"Version: one", "has the invalid version 'one'"),
        (b"Name: epsilon\n", b"", "no Name"),
        (b"Name: epsilon\n", b"Name: epsilon\nName: zeta\n", "2 Name"),
        (b"Metadata-Version: 2.1", b"Metadata-Version: 3.0", "'3.0'"),
    ],
)
def test_H24_metadata_that_contradicts_the_file_name_is_refused(
    old: bytes, new: bytes, told: str, arena: Arena
) -> None:
    assert old in info_file("METADATA")
    arena.refuses(wheel_with(METADATA=info_file("METADATA").replace(old, new)), told)


@pytest.mark.parametrize(
    "filename", ["epsilon-2.0.0-py3-none-any.whl", "Epsilon-1.0.0.post1-py3-none-any.whl"]
)
def test_H24_a_wheel_under_the_name_of_another_version_is_refused(filename: str, arena: Arena) -> None:
    for done in (
        arena.publish_refused(craft(parts()), filename),
        arena.sync_refused(craft(parts()), filename),
    ):
        assert INFO in done.stderr
        assert ".dist-info' of another distribution" in done.stderr


def test_H24_a_wheel_of_another_project_is_refused(arena: Arena) -> None:
    done = arena.publish_refused(craft(parts()), "zeta-1.0.0-py3-none-any.whl")
    assert ".dist-info' of another distribution" in done.stderr
    with arena.planted(craft(parts()), "zeta-1.0.0-py3-none-any.whl"), arena.unchanged():
        done = arena.workspace.refused("lock", code=4, subject="epsilon/index.json is damaged")
        assert "zeta-1.0.0-py3-none-any.whl is not a wheel of epsilon" in done.stderr


def test_H24_a_page_whose_key_is_not_that_of_the_hash_is_refused_by_lock(arena: Arena) -> None:
    page = arena.workspace.repository / "epsilon" / "index.json"
    good = page.read_text()
    page.write_text(good.replace('"url":"', '"url":"0'))
    try:
        with arena.unchanged():
            arena.workspace.refused("lock", code=4, subject="epsilon/index.json is damaged")
    finally:
        page.write_text(good)


def test_H24_a_wheel_that_is_not_what_the_lock_says_is_refused_by_sync(workspace: Workspace) -> None:
    text = workspace.lock.read_text()
    text = text.replace('"beta==1.0.0"', '"beta==1.0.1"').replace('version = "1.0.0"', 'version = "1.0.1"', 1)
    workspace.lock.write_text(text)
    done = workspace.refused("sync", code=4, subject="")
    assert "1.0.1" in done.stderr
    assert "1.0.0" in done.stderr


@pytest.mark.parametrize(
    "path",
    [
        "zeta-1.0.dist-info/METADATA",
        "epsilon-2.0.0.dist-info/METADATA",
        f"{DATA}/purelib/zeta-2.0.dist-info/RECORD",
        f"{DATA}/platlib/{INFO}/x",
    ],
)
def test_H25_a_second_dist_info_is_refused(path: str, arena: Arena) -> None:
    arena.refuses(wheel_with({path: b""}), "dist-info")


def test_H25_a_dist_info_or_data_folder_of_another_distribution_is_refused(arena: Arena) -> None:
    members = {
        path.replace(INFO, "zeta-1.0.0.dist-info"): body
        for path, body in wheel_members("epsilon", "1.0.0").items()
    }
    record = member("zeta-1.0.0.dist-info/RECORD", record_of(record_lines(members)))
    arena.refuses(
        craft([*(member(path, body) for path, body in members.items()), record]),
        "has the directory 'zeta-1.0.0.dist-info' of another distribution",
    )
    arena.refuses(
        wheel_with({"zeta-1.0.data/scripts/x": b""}),
        "has the directory 'zeta-1.0.data' of another distribution",
    )


def test_H25_a_wheel_without_dist_info_is_refused(arena: Arena) -> None:
    arena.refuses(craft([member("epsilon/__init__.py")]), "dist-info")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"Wheel-Version: 1.0", b"Wheel-Version: 2.0", "Wheel-Version is '2.0'"),
        (b"Wheel-Version: 1.0\n", b"", "Wheel-Version"),
        (b"Root-Is-Purelib: true", b"Root-Is-Purelib: maybe", "Root-Is-Purelib"),
    ],
)
def test_H27_a_wheel_file_that_contradicts_the_file_name_is_refused(
    old: bytes, new: bytes, told: str, arena: Arena
) -> None:
    assert old in info_file("WHEEL")
    arena.refuses(wheel_with(WHEEL=info_file("WHEEL").replace(old, new)), told)


@pytest.mark.parametrize(
    ("tag", "told"),
    [
        (b"Tag: py2-none-any", "the tags in WHEEL do not match those of the file name"),
        (b"", "the tags in WHEEL do not match those of the file name"),
        (b"Tag: py3", "WHEEL has the malformed tag 'py3'"),
    ],
)
def test_R07_the_tags_of_the_file_name_count_and_others_in_the_wheel_are_warned_of(
    tag: bytes, told: str, arena: Arena
) -> None:
    assert b"Tag: py3-none-any" in info_file("WHEEL")
    wheel = wheel_with(WHEEL=info_file("WHEEL").replace(b"Tag: py3-none-any", tag))
    target = arena.base / "w" / "target"
    with arena.planted(wheel):
        arena.locked()
        done = arena.workspace.run("sync", "-t", target)
    assert f"{NAME}: {told}" in done.stderr
    assert "the file name counts" in done.stderr
    assert (target / INFO / "RECORD").exists()


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 99])
def test_H27_another_compression_is_refused(method: int, arena: Arena) -> None:
    told: dict[str, object] = {"method": method}
    arena.refuses(
        craft(parts(Member(name=b"x", local=told, central=told))), f"'x': is compressed by method {method}"
    )


@pytest.mark.parametrize("flags", [0x1, 0x41, 0x2000, 0x10])
def test_H27_an_encrypted_member_is_refused(flags: int, arena: Arena) -> None:
    arena.refuses(craft(parts(Member(name=b"x", flags=flags, method=DEFLATED))), "'x': ")
