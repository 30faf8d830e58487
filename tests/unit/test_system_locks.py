"""Locks of the operating system: who waits, for how long, and what is said."""

import errno
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from pipper.errors import MachineError
from pipper.system import locks
from pipper.system.locks import LockBusyError, os_lock, os_lock_if_free


def test_a_lock_that_is_not_free_in_time_is_an_error_and_then_still_usable(tmp_path: Path) -> None:
    path, waits = tmp_path / "lock", []
    with os_lock(path):
        began = time.monotonic()
        with (
            pytest.raises(LockBusyError, match="cannot lock"),
            os_lock(path, waiting=lambda: waits.append(1), timeout=0.1),
        ):
            pytest.fail("two hold it")
        assert 0.1 <= time.monotonic() - began < 10
    assert waits == [1]
    with os_lock(path, timeout=0.0):
        pass


def test_many_may_share_a_lock_and_nobody_has_it_alone_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        os_lock(path, shared=True),
        os_lock(path, shared=True, timeout=0.0),
        pytest.raises(LockBusyError),
        os_lock(path, timeout=0.0),
    ):
        pytest.fail("a writer beside readers")


def test_a_lock_that_cannot_be_made_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="file/lock"), os_lock(tmp_path / "file" / "lock"):
        pytest.fail("a file is no folder")


def _refuse_writing(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    real = os.open

    def opened(place: Path, flags: int, mode: int = 0o777, **rest: Any) -> int:
        if Path(place) == path and flags & os.O_RDWR:
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return real(place, flags, mode, **rest)

    monkeypatch.setattr(os, "open", opened)


def test_N07_a_lock_file_that_may_only_be_read_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    path.touch()
    _refuse_writing(monkeypatch, path)
    with os_lock(path), os_lock_if_free(path) as free:
        assert not free


def test_N07_a_folder_that_may_not_be_written_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    _refuse_writing(monkeypatch, path)
    with pytest.raises(MachineError) as told, os_lock(path):
        pass
    assert told.value.cause == "Permission denied"


def test_N07_a_lock_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        with os_lock(tmp_path / "lock"):
            assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o664
    finally:
        os.umask(before)


def test_N07_without_locks_a_file_of_this_machine_is_locked_and_no_strangers_folder_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_is_lockable", lambda _: False)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    path = tmp_path / "share" / "lock"
    with os_lock(path, here=True):
        (folder,) = tmp_path.glob("pipper-locks-*")
        assert folder.stat().st_mode & 0o777 == 0o700
        (own,) = folder.iterdir()
        with os_lock_if_free(own) as free:
            assert not free
    own.unlink()
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(MachineError, match="for locks"), os_lock(path, here=True):
        pass
