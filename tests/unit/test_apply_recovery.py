"""What the next command makes of an interrupted one, of a power cut, and of files changed by hand."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipper.apply.journal import UNSETTLED, read_journal, write_journal
from pipper.apply.mover import Mover
from pipper.apply.pending import JOURNAL, pending
from pipper.apply.recovery import STAGE, recover
from pipper.apply.stamp import is_current, write_stamp
from pipper.apply.verify import Drift, verify
from pipper.cache.unpacked import UnpackedWheel
from pipper.errors import MachineError
from pipper.python.environment import installed
from pipper.system.digest import digest
from tests.workshop import Workshop, tree


class PowerCut(BaseException):
    """Stops a transaction so that not even its clean-up runs."""


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@contextmanager
def dying_at(step: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Die at a step of the moves, after the commit, as a killed process does: without going back."""

    def die(*args: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(Mover, step, die)
        patch.setattr(Mover, "undo", die)
        with pytest.raises(PowerCut):
            yield


@pytest.fixture
def foo(workshop: Workshop) -> tuple[UnpackedWheel, UnpackedWheel]:
    return workshop.wheel("foo", "1.0", files={"foo.py": "1"}), workshop.wheel(
        "foo", "2.0", files={"foo.py": "2"}
    )


def test_reading_commands_report_what_is_unfinished(
    workshop: Workshop, foo: tuple[UnpackedWheel, UnpackedWheel], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pending(workshop.environment) == ""
    with dying_at("bring_in", monkeypatch):
        workshop.sync(foo[0])
    assert "was interrupted" in pending(workshop.environment)
    assert recover(workshop.environment) is True
    assert pending(workshop.environment) == ""
    assert recover(workshop.environment) is False
    assert [each.version for each in installed(workshop.environment)] == ["1.0"]


@pytest.mark.parametrize("step", ["write_documents", "take_out_infos", "take_out_files", "bring_in"])
def test_C1_a_committed_change_is_finished_whatever_step_it_died_at(
    workshop: Workshop, foo: tuple[UnpackedWheel, UnpackedWheel], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = workshop.root / "pipper.lock"
    workshop.sync(foo[0], documents={lock: b"1"})
    with dying_at(step, monkeypatch):
        workshop.sync(foo[1], documents={lock: b"2"})
    recover(workshop.environment)
    assert [each.version for each in installed(workshop.environment)] == ["2.0"]
    assert (workshop.library / "foo.py").read_text() == "2"
    assert lock.read_bytes() == b"2"
    assert not (workshop.environment.state_dir / STAGE).exists()


@pytest.mark.parametrize("step", ["take_out_infos", "bring_in"])
def test_C11_what_another_tool_did_meanwhile_is_left_alone(
    workshop: Workshop, foo: tuple[UnpackedWheel, UnpackedWheel], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.sync(foo[0])
    bar = workshop.wheel("bar", files={"bar.py": "x"})
    with dying_at(step, monkeypatch):
        workshop.sync(foo[1], bar)
    shutil.rmtree(workshop.library / "foo-1.0.dist-info", ignore_errors=True)
    theirs = workshop.library / "foo-3.0.dist-info"
    theirs.mkdir()
    (theirs / "METADATA").write_text("Name: foo\nVersion: 3.0\n")
    (theirs / "RECORD").write_text("foo.py,,\nfoo-3.0.dist-info/RECORD,,\n")
    (workshop.library / "foo.py").write_text("3")
    recover(workshop.environment)
    assert {(each.name, each.version) for each in installed(workshop.environment)} == {
        ("foo", "3.0"),
        ("bar", "1.0"),
    }
    assert (workshop.library / "foo.py").read_text() == "3"
    workshop.sync(foo[1], bar)
    assert (workshop.library / "foo.py").read_text() == "2"


def test_a_document_edited_meanwhile_is_left_as_it_is(
    workshop: Workshop, foo: tuple[UnpackedWheel, UnpackedWheel], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = workshop.root / "pipper.lock"
    with dying_at("write_documents", monkeypatch):
        workshop.sync(foo[0], documents={lock: b"new"})
    lock.write_bytes(b"edited by hand")
    recover(workshop.environment)
    assert lock.read_bytes() == b"edited by hand"


def test_litter_of_a_run_that_never_committed_goes(workshop: Workshop) -> None:
    litter = workshop.environment.state_dir / STAGE / "tree" / "x"
    litter.mkdir(parents=True)
    recover(workshop.environment)
    assert not workshop.environment.state_dir.exists()


def test_C11_an_environment_that_was_moved_meanwhile_is_not_guessed_at(
    workshop: Workshop, foo: tuple[UnpackedWheel, UnpackedWheel], monkeypatch: pytest.MonkeyPatch
) -> None:
    with dying_at("bring_in", monkeypatch):
        workshop.sync(foo[0])
    state = workshop.environment.state_dir
    journal = read_journal(state)
    assert journal is not None
    write_journal(state, replace(journal, anchor="/elsewhere"))
    with pytest.raises(MachineError, match="was moved"):
        recover(workshop.environment)
    assert (state / JOURNAL).exists()


def test_a_damaged_journal_is_told_not_skipped(workshop: Workshop) -> None:
    state = workshop.environment.state_dir
    state.mkdir()
    (state / JOURNAL).write_text("{")
    with pytest.raises(MachineError, match="is damaged"):
        recover(workshop.environment)


def _start_anew(workshop: Workshop) -> None:
    """Make what was installed last look as if another run of the system had done it."""
    state = workshop.environment.state_dir
    journal = read_journal(state, UNSETTLED)
    assert journal is not None
    write_journal(state, replace(journal, boot="another"))
    (state / JOURNAL).replace(state / UNSETTLED)


@pytest.mark.skipif(not Path("/proc/sys/kernel/random/boot_id").exists(), reason="needs a boot id")
@pytest.mark.parametrize("lost", ["foo.py", "foo-1.0.dist-info/RECORD", "foo-1.0.dist-info/METADATA"])
def test_C5_what_a_power_cut_took_is_installed_anew(workshop: Workshop, lost: str) -> None:
    wheel = workshop.wheel("foo", files={"foo.py": "x" * 100})
    workshop.sync(wheel, link_mode="copy")
    good = tree(workshop.library)
    (workshop.library / lost).write_bytes(b"")
    _start_anew(workshop)
    workshop.sync(wheel, link_mode="copy")
    assert tree(workshop.library) == good


@pytest.mark.skipif(not Path("/proc/sys/kernel/random/boot_id").exists(), reason="needs a boot id")
def test_C5_what_came_through_a_power_cut_is_kept(workshop: Workshop) -> None:
    wheel = workshop.wheel("foo")
    workshop.sync(wheel)
    _start_anew(workshop)
    assert not workshop.sync(wheel).changes
    assert not (workshop.environment.state_dir / UNSETTLED).exists()


def test_C11_verify_names_every_drift(workshop: Workshop) -> None:
    files = {"foo/gone.py": "x", "foo/longer.py": "x", "foo/other.py": "x", "foo/fine.py": "x"}
    workshop.sync(workshop.wheel("foo", files=files), link_mode="copy")
    found = installed(workshop.environment)
    assert verify(workshop.environment, found, hashes=True) == ()
    folder = workshop.library / "foo"
    (folder / "gone.py").unlink()
    (folder / "longer.py").write_text("xx")
    (folder / "other.py").write_text("y")
    quick = {(drift.path.name, drift.problem) for drift in verify(workshop.environment, found)}
    assert quick == {("gone.py", "missing"), ("longer.py", "other size")}
    whole = {(drift.path.name, drift.problem) for drift in verify(workshop.environment, found, hashes=True)}
    assert whole == {*quick, ("other.py", "other bytes")}


def test_C11_verify_names_what_is_wrong_with_a_distribution_itself(workshop: Workshop) -> None:
    for name in ("bare", "damaged", "outside"):
        (workshop.library / f"{name}-1.0.dist-info").mkdir()
    (workshop.library / "damaged-1.0.dist-info" / "RECORD").write_text("a,b\n")
    (workshop.library / "outside-1.0.dist-info" / "RECORD").write_text("../../../../x,,\n")
    told = {(drift.distribution, drift.problem.split(":")[0]) for drift in _all_drift(workshop)}
    assert told == {
        ("bare", "it has no METADATA"),
        ("bare", "it has no RECORD"),
        ("damaged", "it has no METADATA"),
        ("damaged", "damaged"),
        ("outside", "it has no METADATA"),
        ("outside", "RECORD names a path that it may not own"),
    }


def _all_drift(workshop: Workshop) -> tuple[Drift, ...]:
    return verify(workshop.environment, installed(workshop.environment))


@pytest.fixture
def stamped(workshop: Workshop) -> Workshop:
    workshop.sync(workshop.wheel("foo"), workshop.wheel("bar"))
    write_stamp(workshop.environment, "key")
    return workshop


def test_a_stamp_holds_for_its_key_only(stamped: Workshop) -> None:
    root = stamped.environment.root
    assert is_current(root, "key")
    assert not is_current(root, "another")
    assert not is_current(root / "nowhere", "key")


def test_running_the_environment_leaves_the_stamp_valid(stamped: Workshop) -> None:
    (stamped.library / "foo" / "__pycache__").mkdir()
    assert is_current(stamped.environment.root, "key")


@pytest.mark.parametrize("touched", ["lib", "bin", "info", "record", "journal", "gone"])
def test_a_stamp_is_void_once_anything_it_covers_changes(stamped: Workshop, touched: str) -> None:
    info = stamped.library / "foo-1.0.dist-info"
    match touched:
        case "lib":
            (stamped.library / "new.py").touch()
        case "bin":
            (stamped.environment.scheme.scripts / "new").touch()
        case "info":
            (info / "REQUESTED").touch()
        case "record":
            (info / "RECORD").write_bytes((info / "RECORD").read_bytes())
        case "journal":
            (stamped.environment.state_dir / JOURNAL).touch()
        case _:
            shutil.rmtree(info)
    assert not is_current(stamped.environment.root, "key")


def test_a_stamp_no_newer_than_what_it_covers_is_void(stamped: Workshop) -> None:
    info = stamped.library / "foo-1.0.dist-info"
    later = info.stat().st_mtime_ns + 3600 * 10**9
    os.utime(info, ns=(later, later))
    write_stamp(stamped.environment, "key")
    assert not is_current(stamped.environment.root, "key")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "key": "key"}', "\0"])
def test_a_damaged_stamp_does_not_hold(stamped: Workshop, text: str) -> None:
    (stamped.environment.state_dir / "stamp").write_text(text)
    assert not is_current(stamped.environment.root, "key")


def test_a_journal_cut_off_or_changed_anywhere_is_told_and_nothing_is_touched(
    workshop: Workshop, foo: tuple[UnpackedWheel, UnpackedWheel], monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.sync(foo[0])
    with dying_at("take_out_files", monkeypatch):
        workshop.sync(foo[1], documents={workshop.root / "pipper.lock": b"2"})
    file = workshop.environment.state_dir / JOURNAL
    whole, before = file.read_bytes(), tree(workshop.root / "venv", skip=())
    del before[f".pipper/{JOURNAL}"]
    cut = [whole[:length] for length in range(len(whole))]
    flipped = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 5)]
    for damaged in (*cut, *flipped, whole + b" ", b"[" * 100_000):
        file.write_bytes(damaged)
        with pytest.raises(MachineError, match="is damaged"):
            recover(workshop.environment)
    after = tree(workshop.root / "venv", skip=())
    del after[f".pipper/{JOURNAL}"]
    assert after == before
    file.write_bytes(whole)
    assert recover(workshop.environment)
    assert [each.version for each in installed(workshop.environment)] == ["2.0"]


def test_a_journal_of_the_first_format_is_finished_too(
    workshop: Workshop, foo: tuple[UnpackedWheel, UnpackedWheel], monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.sync(foo[0])
    with dying_at("take_out_files", monkeypatch):
        workshop.sync(foo[1])
    file = workshop.environment.state_dir / JOURNAL
    text = file.read_bytes().partition(b"\n")[2]
    file.write_bytes(text)
    with pytest.raises(MachineError, match="is damaged"):
        recover(workshop.environment)
    file.write_bytes(text.replace(b'"format": 2', b'"format": 1', 1))
    assert recover(workshop.environment)
    assert [each.version for each in installed(workshop.environment)] == ["2.0"]


def sealed(text: bytes) -> bytes:
    """A stamp with this content, as somebody writes it who knows the format."""
    return digest(text).encode() + b"\n" + text


@pytest.mark.parametrize("changed", ["format", "key", "boot", "began", "count", "pairs"])
def test_a_forged_stamp_does_not_hold(stamped: Workshop, changed: str) -> None:
    file = stamped.environment.state_dir / "stamp"
    whole = file.read_bytes()
    assert whole == sealed(whole.partition(b"\n")[2])
    fields = whole.partition(b"\n")[2].split(b"\0")
    at = ("format", "key", "boot", "began", "count", "pairs").index(changed)
    for forged in (b"", b"1", b"x", b"-1", b"9" * 5000):
        file.write_bytes(sealed(b"\0".join([*fields[:at], forged, *fields[at + 1 :]])))
        assert not is_current(stamped.environment.root, "key")
    file.write_bytes(sealed(b"\0".join(fields[: at + 1])))
    assert not is_current(stamped.environment.root, "key")


def test_a_stamp_covers_the_folders_of_packages_two_levels_deep(workshop: Workshop) -> None:
    workshop.sync(workshop.wheel("foo", files={"foo/a/b/c.py": ""}))
    write_stamp(workshop.environment, "key")
    (workshop.library / "foo" / "a" / "b" / "new.py").touch()
    assert is_current(workshop.environment.root, "key")
    for folder in ("foo/a", "foo"):
        (workshop.library / folder / "new.py").touch()
        assert not is_current(workshop.environment.root, "key")
        (workshop.library / folder / "new.py").unlink()
        assert is_current(workshop.environment.root, "key"), "the same names as before"


def test_a_stamp_cut_off_anywhere_does_not_hold(stamped: Workshop) -> None:
    file = stamped.environment.state_dir / "stamp"
    whole = file.read_bytes()
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        assert not is_current(stamped.environment.root, "key")
    flipped = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(0, len(whole), 5)]
    for damaged in (*flipped, b"[" * 100_000, whole + b"\0", sealed(b"\0" * 6), sealed(b"\xff"), b"\xff"):
        file.write_bytes(damaged)
        assert not is_current(stamped.environment.root, "key")
    file.write_bytes(whole)
    assert is_current(stamped.environment.root, "key")


def test_a_stamp_that_cannot_be_written_leaves_nothing(
    stamped: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise OSError

    monkeypatch.setattr("pipper.apply.stamp.os.replace", refuse)
    write_stamp(stamped.environment, "another")
    assert sorted(path.name for path in stamped.environment.state_dir.glob("stamp*")) == ["stamp"]


def test_what_could_not_be_swept_is_swept_by_the_next_sync(stamped: Workshop) -> None:
    stage = stamped.environment.state_dir / STAGE
    (stamped.environment.state_dir / "stamp").unlink()
    (stage / "old").mkdir(parents=True)
    write_stamp(stamped.environment, "key")
    assert not is_current(stamped.environment.root, "key")
    recover(stamped.environment)
    assert not stage.exists()


def test_C11_the_folder_of_pipper_may_go_between_two_syncs(workshop: Workshop) -> None:
    old, new = workshop.wheel("foo", "1.0"), workshop.wheel("foo", "2.0")
    workshop.sync(new)
    expected = tree(workshop.root / "venv")
    workshop.sync(old)
    shutil.rmtree(workshop.environment.state_dir)
    assert not workshop.sync(old).changes
    workshop.sync(new)
    assert tree(workshop.root / "venv") == expected


def test_C11_files_that_nobody_owns_since_the_journal_went_are_not_overwritten(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = workshop.wheel("foo", "1.0", files={"foo.py": "1"})
    workshop.sync(old)
    with dying_at("take_out_files", monkeypatch):
        workshop.sync(workshop.wheel("foo", "2.0", files={"foo.py": "2"}))
    shutil.rmtree(workshop.environment.state_dir)
    with pytest.raises(MachineError, match="in the way"):
        workshop.sync(workshop.wheel("foo", "3.0", files={"foo.py": "3"}))
    assert (workshop.library / "foo.py").read_text() == "1"
    workshop.sync(old)  # the same bytes are no obstacle
    assert [each.version for each in installed(workshop.environment)] == ["1.0"]


def test_C11_an_environment_behind_a_link_and_then_moved_is_synced_where_it_is(workshop: Workshop) -> None:
    old, new = workshop.wheel("foo", "1.0"), workshop.wheel("foo", "2.0")
    workshop.sync(old)
    (workshop.root / "link").symlink_to("venv")
    workshop.sync(new, environment=workshop.venv("link"))
    assert [each.version for each in installed(workshop.environment)] == ["2.0"]
    (workshop.root / "link").unlink()
    (workshop.root / "venv").rename(workshop.root / "moved")
    moved = workshop.venv("moved")
    workshop.sync(old, environment=moved)
    assert [each.version for each in installed(moved)] == ["1.0"]
    assert verify(moved, installed(moved), hashes=True) == ()
    assert not (workshop.root / "venv").exists()
