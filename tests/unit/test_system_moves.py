"""Moves where a rename is refused: whole in the end, also after an interruption at any step."""

import errno
import os
from pathlib import Path

import pytest

from pipper.system import moves
from pipper.system.moves import move

_REAL = os.rename
_UNLINK = os.unlink


class _StoppedError(Exception):
    """The process ended here."""


def _refusing(monkeypatch: pytest.MonkeyPatch, *, files: bool, stop_at: int = 0) -> None:
    """Refuse renames of folders, and of files if asked; end the process before the rename of this number."""
    count = 0

    def rename(source: str, destination: str) -> None:
        nonlocal count
        if files or Path(source).is_dir():
            raise OSError(errno.EXDEV, "Invalid cross-device link", source, None, destination)
        count += 1
        if count == stop_at:
            raise _StoppedError
        _REAL(source, destination)

    monkeypatch.setattr(moves.os, "rename", rename)


def _tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()
    }


def _made(root: Path) -> dict[str, str]:
    for name in ("METADATA", "RECORD", "WHEEL", "licenses/LICENSE"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (root / "link").symlink_to("WHEEL")
    return _tree(root)


@pytest.mark.parametrize("files", [True, False], ids=["another disk", "a lower layer"])
def test_N08_a_folder_is_moved_whole_where_no_rename_is_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: bool
) -> None:
    before = _made(tmp_path / "old")
    (tmp_path / "old" / "WHEEL").chmod(0o755)
    _refusing(monkeypatch, files=files)
    move(str(tmp_path / "old"), str(tmp_path / "new"))
    assert _tree(tmp_path / "new") == before
    assert (tmp_path / "new" / "link").readlink() == Path("WHEEL")
    assert (tmp_path / "new" / "WHEEL").stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("stop_at", range(1, 6))
def test_N08_an_interrupted_move_is_completed_by_the_same_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    before = _made(tmp_path / "old")
    with monkeypatch.context() as patch:
        _refusing(patch, files=False, stop_at=stop_at)
        with pytest.raises(_StoppedError):
            move(str(tmp_path / "old"), str(tmp_path / "new"), last=("RECORD",))
    assert (tmp_path / "old" / "RECORD").exists(), "a distribution is there as long as its RECORD is"
    _refusing(monkeypatch, files=False)
    move(str(tmp_path / "old"), str(tmp_path / "new"), last=("RECORD",))
    assert _tree(tmp_path / "new") == before
    assert not (tmp_path / "old").exists()


def test_a_move_that_fails_for_another_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        move(str(tmp_path / "absent"), str(tmp_path / "new"))
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        move(str(tmp_path / "file"), str(tmp_path / "folder"))


def test_N08_a_folder_is_not_moved_through_a_link_that_stands_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _made(tmp_path / "old")
    (tmp_path / "outside").mkdir()
    (tmp_path / "new").symlink_to("outside")
    _refusing(monkeypatch, files=True)
    with pytest.raises(NotADirectoryError):
        move(str(tmp_path / "old"), str(tmp_path / "new"))
    assert list((tmp_path / "outside").iterdir()) == []
    assert _tree(tmp_path / "old") == before


@pytest.mark.skipif(os.name == "nt", reason="Windows syncs no folders")
def test_N08_a_power_cut_after_a_move_between_disks_leaves_no_empty_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _made(tmp_path / "old")
    durable: set[int] = set()
    lost = []

    def fsync(descriptor: int) -> None:
        durable.add(os.fstat(descriptor).st_ino)

    def unlink(path: str) -> None:
        place = Path(str(path).replace(f"{tmp_path}/old", f"{tmp_path}/new"))
        needed = [place.parent, tmp_path, *([] if place.is_symlink() else [place])]
        lost.extend(each for each in needed if each.lstat().st_ino not in durable)
        _UNLINK(path)

    _refusing(monkeypatch, files=True)
    monkeypatch.setattr(moves.os, "fsync", fsync)
    monkeypatch.setattr(moves.os, "unlink", unlink)
    move(str(tmp_path / "old"), str(tmp_path / "new"))
    assert lost == []
    assert _tree(tmp_path / "new") == before
