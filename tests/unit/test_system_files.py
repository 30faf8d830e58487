"""Replacing a file whole: what is left beside it, also by a command that was killed."""

import errno
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipper.errors import MachineError
from pipper.system.files import replacing, set_mode, write_bytes, write_durable


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_C2_what_a_killed_command_left_is_gone_after_the_next(tmp_path: Path) -> None:
    (tmp_path / ".pipper-0123456789abcdef.tmp").write_bytes(b"x" * 100)
    write_bytes(tmp_path / "pipper.lock", b"new")
    assert _names(tmp_path) == ["pipper.lock"]
    assert (tmp_path / "pipper.lock").read_bytes() == b"new"


@pytest.mark.parametrize(("step", "private"), [("chmod", False), ("fsync", False), ("fsync", True)])
def test_C6_a_refused_write_leaves_the_old_bytes_and_nothing_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, private: bool
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o666)  # more than a new file has
    monkeypatch.setattr(f"pipper.system.files.os.{step}", refuse)
    with pytest.raises(MachineError, match="cannot write"):
        write_bytes(tmp_path / "file", b"new", private=private)
    assert _names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot write"):
        write_bytes(tmp_path / "missing" / "file", b"new")
    assert _names(tmp_path) == []


@pytest.mark.parametrize("private", [False, True])
def test_K2_a_file_has_a_name_that_nobody_can_foresee_until_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private: bool
) -> None:
    names: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        names.extend(_names(tmp_path))
        fsync(descriptor)

    monkeypatch.setattr("pipper.system.files.os.fsync", watched)
    for _ in range(2):
        write_bytes(tmp_path / "file", b"new", private=private)
    temporary = {name for name in names if name != "file"}
    assert len(temporary) == 2
    assert all(re.fullmatch(r"\.pipper-[0-9a-f]{16}\.tmp", name) for name in temporary)
    assert _names(tmp_path) == ["file"]
    if private:
        assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_what_a_living_command_writes_is_not_swept(tmp_path: Path) -> None:
    with replacing(tmp_path / "one") as file:
        file.write(b"one")
        write_bytes(tmp_path / "other", b"other")
    assert _names(tmp_path) == ["one", "other"]
    assert (tmp_path / "one").read_bytes() == b"one"


def test_many_who_write_into_one_folder_do_not_take_each_others_files_away(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(20):
            write_bytes(tmp_path / str(number % 2), b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert _names(tmp_path) == ["0", "1"]


@pytest.mark.parametrize("place", ["symlink", "pipe"])
def test_litter_that_is_no_file_of_ours_is_neither_followed_nor_waited_for(
    tmp_path: Path, place: str
) -> None:
    litter = tmp_path / ".pipper-0123456789abcdef.tmp"
    (tmp_path / "kept").write_bytes(b"kept")
    if place == "symlink":
        litter.symlink_to("kept")
    elif hasattr(os, "mkfifo"):
        os.mkfifo(litter)
    write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "kept").read_bytes() == b"kept"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_flush_a_folder_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fsync = os.fsync

    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(descriptor)

    monkeypatch.setattr("pipper.system.files.os.fsync", refuse)
    write_durable(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_the_mode_of_a_file_stays_and_a_new_one_follows_the_umask(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o640)
    before = os.umask(0o027)
    try:
        for name in ("old", "new"):
            write_bytes(tmp_path / name, b"new")
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("old", "new")]
    assert modes == [0o640, 0o640]


def test_N07_a_mode_that_keeps_others_out_is_not_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    path = tmp_path / "file"
    path.touch(mode=0o644)
    monkeypatch.setattr(os, "chmod", refused)
    set_mode(path, 0o755)
    with pytest.raises(PermissionError):
        set_mode(path, 0o600)
    assert path.stat().st_mode & 0o777 == 0o644
