"""Replacing a file whole: what is left beside it, also by a command that was killed."""

import errno
import os
from pathlib import Path

import pytest

from pipper.errors import MachineError
from pipper.system.files import write_bytes


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_C2_what_a_killed_command_left_is_gone_after_the_next(tmp_path: Path) -> None:
    (tmp_path / ".pipper.lock.new").write_bytes(b"x" * 100)
    write_bytes(tmp_path / "pipper.lock", b"new")
    assert _names(tmp_path) == ["pipper.lock"]
    assert (tmp_path / "pipper.lock").read_bytes() == b"new"


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("step", ["fchmod", "fsync"])
def test_C6_a_refused_write_leaves_the_old_bytes_and_nothing_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, private: bool
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(f"pipper.system.files.os.{step}", refuse)
    with pytest.raises(MachineError, match="cannot write"):
        write_bytes(tmp_path / "file", b"new", private=private)
    assert _names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="cannot write"):
        write_bytes(tmp_path / "missing" / "file", b"new")
    assert _names(tmp_path) == []


def test_K2_a_private_file_has_a_name_that_nobody_can_foresee_until_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".file.new").symlink_to("elsewhere")
    write_bytes(tmp_path / "file", b"new", private=True)
    assert not (tmp_path / "elsewhere").exists()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
