"""What a directory has and a bucket has not: links, foreign hands, full disks, and litter of the killed."""

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipper.errors import (
    IntegrityError,
    MachineError,
    ObjectAbsentError,
    ObjectChangedError,
    ObjectExistsError,
    StoreError,
)
from pipper.repository.probe_store import Probe, probe_store
from pipper.storage.directory.store import DirectoryStore
from pipper.system.locks import os_lock
from pipper.system.regular_file import LARGEST
from tests.commands import CHECKOUT, PATIENCE, start

PLAIN = "application/octet-stream"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root that does not exist yet."""
    return tmp_path / "deep" / "root"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    """An empty store."""
    return DirectoryStore(root)


def test_reading_makes_nothing(store: DirectoryStore, root: Path) -> None:
    assert list(store.list()) == []
    assert store.folders() == frozenset()
    assert store.head("x") is None
    store.delete("x")
    with pytest.raises(ObjectChangedError):
        store.replace("x", b"", etag="e", content_type=PLAIN)
    assert not root.exists()


def test_the_location_is_a_file_url(tmp_path: Path) -> None:
    assert DirectoryStore(tmp_path / "with space").location == (tmp_path / "with space").as_uri()


def test_files_written_by_hand_are_objects(store: DirectoryStore, root: Path) -> None:
    (root / "foo").mkdir(parents=True)
    (root / "foo" / "x.whl").write_bytes(b"by hand")
    etag = store.read("foo/x.whl").etag
    assert [info.etag for info in store.list()] == [etag]
    assert store.replace("foo/x.whl", b"new", etag=etag, content_type=PLAIN) != etag


@pytest.mark.parametrize("keep_time", [True, False])
def test_an_edit_in_place_changes_the_etag_for_replace_and_for_reading(
    store: DirectoryStore, root: Path, keep_time: bool
) -> None:
    etag = store.create("foo/x", b"12345", content_type=PLAIN, metadata={"version": "1"})
    before = (root / "foo" / "x").stat()
    (root / "foo" / "x").write_bytes(b"54321")
    if keep_time:  # even an edit that nobody could see from outside must not be overwritten
        os.utime(root / "foo" / "x", ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        found = store.head("foo/x")
        assert found is not None
        assert found.etag != etag
        assert found.metadata == {}
    assert store.read("foo/x").etag != etag
    with pytest.raises(ObjectChangedError):
        store.replace("foo/x", b"new", etag=etag, content_type=PLAIN)


def test_a_copy_of_the_directory_is_the_same_repository(store: DirectoryStore, root: Path) -> None:
    store.create("foo/x", b"body", content_type=PLAIN, metadata={"version": "1"})
    shutil.copytree(root, root.with_name("copy"), copy_function=shutil.copyfile)
    copy = DirectoryStore(root.with_name("copy"))
    mine, theirs = store.head("foo/x"), copy.head("foo/x")
    assert mine is not None
    assert theirs is not None
    assert (mine.etag, mine.metadata) == (theirs.etag, theirs.metadata)


def test_a_damaged_note_costs_nothing_but_the_metadata(store: DirectoryStore, root: Path) -> None:
    etag = store.create("foo/x", b"body", content_type=PLAIN, metadata={"version": "1"})
    (note,) = root.glob(".pipper-store/notes/*")
    for damage in (b"", b"{", b"[]", b'{"sha256": 1}', b"\xff", note.read_bytes()[:-9]):
        note.write_bytes(damage)
        found = store.head("foo/x")
        assert found is not None
        assert (found.etag, found.metadata) == (etag, {})


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in its file system")
def test_notes_that_are_pipes_or_too_large_are_no_notes(store: DirectoryStore, root: Path) -> None:
    etag = store.create("foo/x", b"body", content_type=PLAIN, metadata={"version": "1"})
    (note,) = root.glob(".pipper-store/notes/*")
    os.truncate(note, LARGEST + 1)
    for _ in range(2):
        found = store.head("foo/x")
        assert found is not None
        assert (found.etag, found.metadata) == (etag, {})
        note.unlink()
        os.mkfifo(note)


@pytest.mark.parametrize("place", [".pipper-store", ".pipper-store/notes", ".pipper-store/notes/*"])
def test_notes_of_another_kind_of_file_are_no_notes(place: str, store: DirectoryStore, root: Path) -> None:
    etag = store.create("foo/x", b"body", content_type=PLAIN, metadata={"version": "1"})
    (damaged,) = root.glob(place)
    if damaged.is_dir():
        shutil.rmtree(damaged)
        damaged.touch()
    else:
        damaged.unlink()
        damaged.mkdir()
    found = store.head("foo/x")
    assert found is not None
    assert (found.etag, found.metadata, store.read("foo/x").body) == (etag, {}, b"body")
    with pytest.raises(MachineError, match="cannot write to"):
        store.replace("foo/x", b"new", etag=etag, content_type=PLAIN)
    assert store.read("foo/x").body == b"body"


def test_what_the_store_keeps_for_itself_is_never_an_object(store: DirectoryStore, root: Path) -> None:
    store.create("foo/x", b"body", content_type=PLAIN)
    assert (root / ".pipper-store").is_dir()
    assert [info.key for info in store.list()] == ["foo/x"]
    assert store.folders() == {"foo"}
    with pytest.raises(IntegrityError):
        store.read(".pipper-store/lock")
    with pytest.raises(IntegrityError):
        store.list(".pipper-store/")


def test_a_write_leaves_no_temporary_file(store: DirectoryStore, root: Path) -> None:
    etag = store.create("foo/x", b"body", content_type=PLAIN)
    store.replace("foo/x", b"more", etag=etag, content_type=PLAIN)
    with pytest.raises(ObjectExistsError):
        store.create("foo/x", b"body", content_type=PLAIN)
    assert list((root / ".pipper-store" / "tmp").iterdir()) == []


def test_what_killed_writers_left_is_swept_and_what_is_young_is_not(root: Path) -> None:
    litter = root / ".pipper-store" / "tmp"
    litter.mkdir(parents=True)
    for name, age in (("old", 90_000), ("young", 60)):
        (litter / name).touch()
        then = (litter / name).stat().st_mtime - age
        os.utime(litter / name, (then, then))
    DirectoryStore(root).create("foo/x", b"body", content_type=PLAIN)
    assert [left.name for left in litter.iterdir()] == ["young"]


def test_folders_without_a_file_hold_no_name(store: DirectoryStore, root: Path) -> None:
    (root / "empty" / "deep").mkdir(parents=True)
    (root / "held" / "deep").mkdir(parents=True)
    (root / "held" / "deep" / "x").touch()
    assert store.folders() == {"held"}


def test_a_link_that_leads_out_is_refused(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "foo").mkdir(parents=True)
    (root / "foo" / "link").symlink_to(outside / "secret")
    for attempt in (
        lambda: store.read("foo/link"),
        lambda: store.head("foo/link"),
        lambda: store.replace("foo/link", b"x", etag="x", content_type=PLAIN),
        lambda: list(store.list()),
    ):
        with pytest.raises(IntegrityError, match="symbolic link"):
            attempt()
    assert (outside / "secret").read_text() == "secret"


def test_a_folder_that_is_a_link_is_refused(store: DirectoryStore, root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    root.mkdir(parents=True)
    (root / "foo").symlink_to(tmp_path / "outside")
    for attempt in (
        lambda: store.create("foo/x", b"x", content_type=PLAIN),
        lambda: store.read("foo/x"),
        lambda: list(store.list("foo/")),
        lambda: list(store.list()),
        store.folders,
    ):
        with pytest.raises(IntegrityError, match="symbolic link"):
            attempt()
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_to_a_file_inside_is_that_file(store: DirectoryStore, root: Path) -> None:
    etag = store.create("foo/x", b"body", content_type=PLAIN)
    (root / "foo" / "y").symlink_to("x")
    assert store.read("foo/y").etag == etag
    assert [info.key for info in store.list()] == ["foo/x", "foo/y"]


def test_the_root_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = DirectoryStore(tmp_path / "link")
    store.create("foo/x", b"body", content_type=PLAIN)
    assert (tmp_path / "real" / "foo" / "x").read_bytes() == b"body"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_object_and_is_not_waited_for(store: DirectoryStore, root: Path) -> None:
    root.mkdir(parents=True)
    os.mkfifo(root / "pipe")
    assert list(store.list()) == []
    with pytest.raises(ObjectAbsentError):
        store.read("pipe")


def test_a_key_cannot_be_a_file_and_a_folder(store: DirectoryStore) -> None:
    store.create("foo/x", b"body", content_type=PLAIN)
    for key in ("foo", "foo/x/y"):
        with pytest.raises(MachineError, match="foo"):
            store.create(key, b"body", content_type=PLAIN)
        assert store.head(key) is None
    assert store.read("foo/x").body == b"body"


def test_a_root_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = DirectoryStore(tmp_path / "file")
    with pytest.raises(MachineError, match="file"):
        list(store.list())
    with pytest.raises(MachineError, match="file"):
        store.create("x", b"", content_type=PLAIN)


def test_C06_a_full_disk_leaves_what_was(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = store.create("foo/x", b"old", content_type=PLAIN)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(MachineError, match=str(root)) as failed:
            store.replace("foo/x", b"new", etag=etag, content_type=PLAIN)
        assert failed.value.cause == os.strerror(errno.ENOSPC)
        assert "space" in failed.value.hint
        with pytest.raises(MachineError):
            store.create("foo/y", b"new", content_type=PLAIN)
    assert [(info.key, info.etag) for info in store.list()] == [("foo/x", etag)]
    assert list((root / ".pipper-store" / "tmp").iterdir()) == []
    store.create("foo/y", b"new", content_type=PLAIN)


def test_a_refused_write_is_told_and_not_that_its_litter_could_not_be_removed(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("foo/x", b"old", content_type=PLAIN)

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "fsync", read_only)
    monkeypatch.setattr(os, "unlink", read_only)
    with pytest.raises(MachineError, match="cannot write") as failed:
        store.create("foo/y", b"new", content_type=PLAIN)
    assert "read-only" in failed.value.hint


def test_a_writer_that_holds_the_lock_for_too_long_is_told(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipper.storage.directory.writing._LOCK_SECONDS", 0.05)
    with os_lock(root / ".pipper-store" / "lock"), pytest.raises(StoreError, match="another writer"):
        store.create("foo/x", b"body", content_type=PLAIN)
    assert list((root / ".pipper-store" / "tmp").iterdir()) == []
    store.create("foo/x", b"body", content_type=PLAIN)


_INCREMENT = """
import sys
from pathlib import Path
from pipper.errors import ObjectChangedError
from pipper.storage.directory.store import DirectoryStore
from pipper.system.locks import os_lock

store = DirectoryStore(Path(sys.argv[1]))
for _ in range(10):
    while True:
        seen = store.read("counter")
        try:
            store.replace("counter", b"%d" % (int(seen.body) + 1), etag=seen.etag, content_type="text/plain")
            break
        except ObjectChangedError:
            pass
"""


def test_processes_do_not_lose_each_others_writes(store: DirectoryStore, root: Path) -> None:
    store.create("counter", b"0", content_type=PLAIN)
    command = [sys.executable, "-c", _INCREMENT, str(root)]
    processes = [start(command, cwd=CHECKOUT, env=os.environ) for _ in range(4)]
    assert [process.wait(PATIENCE) for process in processes] == [0] * 4
    assert store.read("counter").body == b"40"


@pytest.mark.skipif(os.name == "nt", reason="needs the permissions of POSIX")
@pytest.mark.parametrize("closed", [".", "foo", ".pipper-store", ".pipper-store/lock"])
def test_a_place_that_may_not_be_written_is_no_permission_to_write(closed: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # not `tmp_path`: another user may not enter that
        root = Path(folder)
        store = DirectoryStore(root)
        store.create("foo/x", b"body", content_type="text/plain")
        for path in (root, *root.rglob("*")):
            path.chmod(0o777)
        with as_user():
            assert write_probe(store).error is None
        (root / closed).chmod(0o555)
        with as_user():
            error = write_probe(store).error
        root.chmod(0o777)
    assert isinstance(error, MachineError)
    assert error.message == f"cannot write to {(root / closed).resolve()}"


def write_probe(store: DirectoryStore) -> Probe:
    return next(probe for probe in probe_store(store) if probe.permission == "write on condition")


@contextmanager
def as_user() -> Iterator[None]:
    """Be somebody whom permissions concern."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
