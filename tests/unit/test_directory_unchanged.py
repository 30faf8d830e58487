"""A look at a directory without the store says yes only where the store would read the same."""

import os
from pathlib import Path

import pytest

from pipper.core.reads import FOLDERS, OBJECT, Read, ReadLog
from pipper.repository.recorded import RecordedStore
from pipper.storage.directory.store import DirectoryStore
from pipper.storage.directory.unchanged import is_as_read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    store = DirectoryStore(tmp_path / "store")
    for key in ("marker.json", "foo/index.json", "bar/a/b/deep.whl"):
        store.create(key, key.encode(), content_type="")
    (store.root / "empty" / "below").mkdir(parents=True)
    return store.root


def reads_of(root: Path) -> dict[str, Read]:
    """What a store reads there, by key; the folders under an empty one."""
    log = ReadLog()
    store = RecordedStore(DirectoryStore(root), "acme", log)
    assert store.folders() == {"foo", "bar"}
    for key in ("marker.json", "foo/index.json"):
        store.read(key)
    with pytest.raises(Exception, match="does not exist"):
        store.read("baz/index.json")
    assert log.is_whole
    return {read.key: read for read in log.reads}


def test_it_agrees_with_the_store_as_long_as_nothing_changes(root: Path) -> None:
    assert all(is_as_read(str(root), read) for read in reads_of(root).values())


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("", lambda root: (root / "new").mkdir() or (root / "new" / "file").touch()),
        ("", lambda root: (root / "foo" / "index.json").unlink()),
        ("", lambda root: (root / "bar").rename(root / "Bar")),
        ("", lambda root: (root / "link").symlink_to(root / "foo")),
        ("", lambda root: (root / "foo" / "index.json").unlink() or (root / "foo" / "l").symlink_to(root)),
        ("foo/index.json", lambda root: (root / "foo" / "index.json").write_bytes(b"foo/index.jsom")),
        ("foo/index.json", lambda root: (root / "foo" / "index.json").unlink()),
        (
            "foo/index.json",
            lambda root: (root / "foo").rename(root / "f") and (root / "foo").symlink_to(root / "f"),
        ),
        ("marker.json", lambda root: (root / "marker.json").unlink() or (root / "marker.json").mkdir()),
        ("baz/index.json", lambda root: (root / "baz").mkdir() or (root / "baz" / "index.json").touch()),
        ("baz/index.json", lambda root: (root / "baz").symlink_to(root / "foo")),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="makes links")
def test_any_change_makes_it_unsure(root: Path, key: str, change: object) -> None:
    read = reads_of(root)[key]
    assert callable(change)
    change(root)
    assert not is_as_read(str(root), read)


def test_a_folder_without_a_file_and_the_stores_own_files_do_not_count(root: Path) -> None:
    read = reads_of(root)[""]
    assert read.kind == FOLDERS
    (root / "another" / "empty" / "one").mkdir(parents=True)
    assert (root / ".pipper-store").is_dir()
    assert is_as_read(str(root), read)


def test_a_kind_of_read_that_it_does_not_know_is_never_the_same(root: Path) -> None:
    read = reads_of(root)["marker.json"]
    assert read.kind == OBJECT
    assert not is_as_read(str(root), Read(read.source, "listing", read.key, read.validator))
