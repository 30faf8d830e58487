"""Locks of the operating system: who waits, for how long, and what is said."""

import time
from pathlib import Path

import pytest

from pipper.errors import MachineError
from pipper.system.locks import LockBusyError, os_lock


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
