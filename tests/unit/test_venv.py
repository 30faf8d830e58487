"""Making an environment: by one of many, after one that was killed, and beside what is somebody else's."""

import os
import shutil
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipper.errors import MachineError
from pipper.python import new_venv
from pipper.python.new_venv import make_venv, venv_python
from tests.workshop import this_interpreter, tree


def test_C7_of_many_who_make_one_environment_one_does_and_the_others_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    build = make_venv.__globals__["_build_venv"]

    def counted(root: Path, python: Path) -> None:
        made.append(root)
        build(root, python)

    monkeypatch.setattr("pipper.python.new_venv._build_venv", counted)
    pythons = []
    threads = [
        threading.Thread(
            target=lambda: pythons.append(make_venv(tmp_path / "venv", this_interpreter()).executable)
        )
        for _ in range(6)
    ]
    this_interpreter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pythons == [venv_python(tmp_path / "venv")] * 6
    assert len(made) == 1
    assert not (tmp_path / "venv" / ".pipper").exists()


def test_what_another_program_makes_while_the_lock_is_waited_for_is_not_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = new_venv.os_lock

    def late(path: Path, *, here: bool) -> AbstractContextManager[None]:
        (tmp_path / "venv" / "theirs.txt").write_text("theirs")
        return lock(path, here=here)

    monkeypatch.setattr(new_venv, "os_lock", late)
    with pytest.raises(MachineError, match="is not a virtual environment"):
        make_venv(tmp_path / "venv", this_interpreter())
    assert [each.name for each in (tmp_path / "venv").iterdir()] == ["theirs.txt"]


def test_C1_the_mark_of_an_unfinished_environment_is_the_last_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_venv(tmp_path / "venv", this_interpreter())
    expected = tree(tmp_path / "venv")
    (tmp_path / "venv" / ".pipper-unfinished").touch()
    (tmp_path / "venv" / "include" / "half").mkdir()
    remove = shutil.rmtree

    def stuck(path: str, **options: object) -> None:
        if os.path.basename(path) == "include":  # noqa: PTH119 - as it comes
            raise OSError(5, "Input/output error", path)
        remove(path)

    with monkeypatch.context() as patch:
        patch.setattr("pipper.python.new_venv.shutil.rmtree", stuck)
        with pytest.raises(MachineError, match="cannot create a virtual environment"):
            make_venv(tmp_path / "venv", this_interpreter())
    assert (tmp_path / "venv" / ".pipper-unfinished").exists()
    assert venv_python(tmp_path / "venv") is None
    make_venv(tmp_path / "venv", this_interpreter())
    assert tree(tmp_path / "venv") == expected


@pytest.mark.parametrize("entry", ["notes.txt", ".pipper/other", "empty"])
def test_a_folder_that_is_no_environment_is_left_as_it_is(tmp_path: Path, entry: str) -> None:
    (tmp_path / "mine" / entry).parent.mkdir(parents=True)
    if entry != "empty":
        (tmp_path / "mine" / entry).touch()
    before = tree(tmp_path / "mine", skip=())
    if entry == "notes.txt":
        with pytest.raises(MachineError, match="is not a virtual environment"):
            make_venv(tmp_path / "mine", this_interpreter())
        assert tree(tmp_path / "mine", skip=()) == before
    else:
        make_venv(tmp_path / "mine", this_interpreter())
        assert before.items() <= tree(tmp_path / "mine", skip=()).items()


def test_the_mark_of_an_unfinished_environment_clears_no_other_files(tmp_path: Path) -> None:
    """Anybody can put it into a clone, where it may be the user's folder that is named as the environment."""
    (tmp_path / "mine" / "lib").mkdir(parents=True)
    for name in (".pipper-unfinished", "notes.txt", "lib/mine.c"):
        (tmp_path / "mine" / name).touch()
    before = tree(tmp_path / "mine", skip=())
    with pytest.raises(MachineError, match="does not clear it") as caught:
        make_venv(tmp_path / "mine", this_interpreter())
    assert "`notes.txt` in it" in caught.value.cause
    assert tree(tmp_path / "mine", skip=()) == before


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_the_mark_of_an_unfinished_environment_clears_nothing_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "src" / "lib").mkdir(parents=True)
    for name in (".pipper-unfinished", "lib/mine.c"):
        (tmp_path / "src" / name).touch()
    (tmp_path / "venv").symlink_to("src")
    before = tree(tmp_path, skip=())
    with pytest.raises(MachineError, match="does not clear it") as caught:
        make_venv(tmp_path / "venv", this_interpreter())
    assert "it is a link" in caught.value.cause
    assert tree(tmp_path, skip=()) == before


def test_what_comes_to_an_unfinished_environment_while_it_is_cleared_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_venv(tmp_path / "venv", this_interpreter())
    (tmp_path / "venv" / ".pipper-unfinished").touch()
    clear = new_venv._clear

    def late(root: Path) -> None:
        (root / "theirs.txt").write_text("theirs")
        clear(root)

    monkeypatch.setattr(new_venv, "_clear", late)
    make_venv(tmp_path / "venv", this_interpreter())
    assert (tmp_path / "venv" / "theirs.txt").exists()
