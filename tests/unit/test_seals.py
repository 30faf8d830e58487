"""Seals: only who has the key of this user's home can write one."""

import os
from pathlib import Path

import pytest

from pipper.system import seals
from pipper.system.regular_file import read_regular
from pipper.system.seals import read_sealed, seal_key, sealed


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "_keys", {})


def test_what_was_sealed_for_a_subject_is_read_for_it_and_for_no_other(tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_bytes(sealed(b"one\ntwo", "a wheel"))
    assert read_sealed(note, "a wheel") == b"one\ntwo"
    assert read_sealed(note, "another wheel") is None
    assert read_sealed(tmp_path / "missing", "a wheel") is None


@pytest.mark.parametrize("text", [b"", b"\n", b"\none\ntwo", b"one\ntwo", b"0" * 64 + b"\none\ntwo"])
def test_what_was_not_sealed_is_not_read(tmp_path: Path, text: bytes) -> None:
    note = tmp_path / "note"
    note.write_bytes(text)
    assert read_sealed(note, "a wheel") is None


def test_a_changed_byte_breaks_the_seal(tmp_path: Path) -> None:
    note = tmp_path / "note"
    text = sealed(b"one", "a wheel")
    for number in range(len(text)):
        note.write_bytes(text[:number] + bytes([text[number] ^ 1]) + text[number + 1 :])
        assert read_sealed(note, "a wheel") is None, number


def test_another_home_has_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "note"
    note.write_bytes(sealed(b"one", "a wheel"))
    key = seal_key()
    monkeypatch.setenv("HOME", str(tmp_path / "other"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "other"))
    assert seal_key() not in (b"", key)
    assert read_sealed(note, "a wheel") is None


@pytest.mark.skipif(os.name == "nt", reason="POSIX finds a home by HOME")
def test_without_a_home_nothing_is_sealed_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as for a user that no one knows
    note = tmp_path / "note"
    note.write_bytes(sealed(b"one", "a wheel"))
    assert seal_key() == b""
    assert read_sealed(note, "a wheel") is None
    assert list(tmp_path.iterdir()) == [note]


@pytest.mark.skipif(os.name == "nt", reason="needs links and devices of POSIX")
def test_only_a_plain_file_of_bounded_size_is_read(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(b"x" * 100)
    assert read_regular(plain, 100, follow=False) == b"x" * 100
    (tmp_path / "link").symlink_to(plain)
    os.mkfifo(tmp_path / "fifo")
    refused = "not a regular file|symbolic link|larger than|Is a directory"
    for path, limit in ((plain, 99), (tmp_path / "link", 100), (tmp_path / "fifo", 100), (tmp_path, 100)):
        with pytest.raises(OSError, match=refused):
            read_regular(path, limit, follow=False)
    with pytest.raises(OSError, match=refused):
        read_regular("/dev/zero", 100, follow=False)
