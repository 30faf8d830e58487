"""Source distributions: hostile ones write nothing outside their folder and cost no more than the limits."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipper.build.sdist import has_static_requirements, read_pkg_info, unpack_sdist
from pipper.core.archive_limits import DEFAULT_LIMITS, Limits
from pipper.errors import IntegrityError
from tests.sdists import STAMP, make_sdist, write_tar

NAME = "foo-1.0.tar.gz"


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime = kind, target, STAMP
    return info, b"text\n" if kind == tarfile.REGTYPE else b""


def unpack(path: Path, place: Path, limits: Limits = DEFAULT_LIMITS) -> tuple[Path, int]:
    return unpack_sdist(path, place / "into", filename=path.name, limits=limits)


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_a_source_distribution_is_unpacked_with_its_one_folder(tmp_path: Path, suffix: str) -> None:
    path = make_sdist(tmp_path, "foo", "1.0", files={"src/deep/a.py": "a"}, suffix=suffix)
    tree, newest = unpack(path, tmp_path)
    assert tree == tmp_path / "into" / "foo-1.0"
    assert {each.relative_to(tree).as_posix() for each in tree.rglob("*") if each.is_file()} == {
        "PKG-INFO", "foo.py", "pyproject.toml", "src/deep/a.py",
    }  # fmt: skip
    assert suffix == ".zip" or newest == STAMP
    assert (read_pkg_info(path, filename=path.name, limits=DEFAULT_LIMITS) or b"").startswith(
        b"Metadata-Version"
    )


@pytest.mark.parametrize(
    "members",
    [
        [member("../evil")],
        [member("/evil")],
        [member("foo-1.0/../../evil")],
        [member("foo-1.0/a", tarfile.SYMTYPE, "../../evil")],
        [member("foo-1.0/a", tarfile.SYMTYPE, "/etc")],
        [member("foo-1.0/a", tarfile.LNKTYPE, "../evil")],
        [member("foo-1.0/a", tarfile.SYMTYPE, "."), member("foo-1.0/a/b")],
        [member("foo-1.0/a", tarfile.SYMTYPE, "b"), member("foo-1.0/a")],
        [member("foo-1.0/fifo", tarfile.FIFOTYPE)],
        [member("foo-1.0/device", tarfile.CHRTYPE)],
        [member("foo-1.0/a\x01b")],
        [member("one/a"), member("two/a")],
        [member("file")],
        [],
        [member("foo-1.0", tarfile.SYMTYPE, ".")],
    ],
    ids=lambda members: ",".join(f"{info.name}>{info.linkname}" for info, _ in members) or "nothing",
)
def test_R01_a_member_that_is_not_a_file_of_the_one_folder_is_refused(
    tmp_path: Path, members: Sequence[tuple[tarfile.TarInfo, bytes]]
) -> None:
    path = write_tar(tmp_path / NAME, members)
    with pytest.raises(IntegrityError, match=r"foo-1\.0\.tar\.gz"):
        unpack(path, tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {NAME, "into"}


def test_R01_modes_that_give_away_rights_are_dropped(tmp_path: Path) -> None:
    info, data = member("foo-1.0/run")
    info.mode = 0o6777
    tree, _ = unpack(write_tar(tmp_path / NAME, [(info, data)]), tmp_path)
    assert (tree / "run").stat().st_mode & 0o7022 == 0


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(unpacked=1000), "limit `unpacked`"),
        (Limits(ratio=2, ratio_from=100), "limit `ratio`"),
        (Limits(members=2), "limit `members`"),
    ],
    ids=["unpacked", "ratio", "members"],
)
def test_R01_a_bomb_is_refused_with_the_option_that_accepts_it(
    tmp_path: Path, limits: Limits, told: str
) -> None:
    path = make_sdist(tmp_path, "foo", "1.0", files={"zeros": "0" * 100_000})
    with pytest.raises(IntegrityError) as caught:
        unpack(path, tmp_path, limits)
    assert told in caught.value.message
    assert "--limit" in caught.value.hint


def test_R01_a_header_that_claims_a_gigabyte_of_names_costs_no_memory(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 7 << 30
    path = tmp_path / NAME
    with gzip.open(path, "wb") as stream:
        stream.write(info.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(100):
            stream.write(bytes(1 << 20))
    with pytest.raises(IntegrityError, match="limit `ratio`"):
        read_pkg_info(path, filename=NAME, limits=DEFAULT_LIMITS)


@pytest.mark.parametrize("cut", [10, 30, -20])
def test_a_damaged_archive_is_an_integrity_error(tmp_path: Path, cut: int) -> None:
    path = make_sdist(tmp_path, "foo", "1.0")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(IntegrityError, match=r"foo-1\.0\.tar\.gz"):
        unpack(path, tmp_path)


def test_what_is_no_archive_is_an_integrity_error(tmp_path: Path) -> None:
    for name, body in (
        (NAME, b"<html>"),
        (NAME, b""),
        ("foo-1.0.zip", b"PK"),
        (NAME, gzip.compress(b"text")),
    ):
        (tmp_path / name).write_bytes(body)
        with pytest.raises(IntegrityError):
            read_pkg_info(tmp_path / name, filename=name, limits=DEFAULT_LIMITS)


def test_R01_a_zip_that_leaves_its_folder_is_refused(tmp_path: Path) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr("foo-1.0/../../evil", "x")
    path = tmp_path / "foo-1.0.zip"
    path.write_bytes(raw.getvalue())
    with pytest.raises(IntegrityError):
        unpack(path, tmp_path)
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize(
    ("text", "is_static"),
    [
        ("Metadata-Version: 2.2\nName: a\nVersion: 1\n", True),
        ("Metadata-Version: 2.4\nDynamic: Description\n", True),
        ("Metadata-Version: 2.1\n", False),
        ("Name: a\n", False),
        ("Metadata-Version: x\n", False),
        ("Metadata-Version: 2.2\nDynamic: requires-DIST\n", False),
        ("Metadata-Version: 2.2\nDynamic: Requires-Python\n", False),
        ("Metadata-Version: 2.2\nDynamic: Provides-Extra\n", False),
    ],
)
def test_requirements_are_relied_on_only_where_they_are_static(text: str, is_static: bool) -> None:
    assert has_static_requirements(text.encode(), filename=NAME) is is_static
