"""A store in a directory, with the guarantees of a bucket: complete objects, create once, compare-and-swap.

A new object is written to a hidden file (`writing`), and then named with `link()`, which fails if the name exists,
or with `rename()` after the etag was compared under a lock. The etag is the sha256 of the bytes, because two versions
may have the same size, inode and time of modification. `notes` remembers it, so that a listing does not hash every
wheel; `replace` never uses a note.

Where the file system ignores the case of letters, two folders of a bucket may be one here, such as `Foo` and `foo`. Its
keys are then listed with small letters, whichever came first.
"""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BufferedReader
from itertools import chain
from pathlib import Path

from pipper.core.ports import Blob, ObjectInfo
from pipper.errors import MachineError, ObjectAbsentError, UsageError
from pipper.storage.directory.file_metadata import Notes
from pipper.storage.directory.paths import link_refused, path_below
from pipper.storage.directory.unchanged import HIDDEN, has_object
from pipper.storage.directory.writing import Writing, make_folders, name_new, require_access, settle
from pipper.storage.keys import (
    absent,
    changed,
    check_key,
    check_prefix,
    flaw,
    require_document,
    taken,
    unsafe,
)
from pipper.system.files import pieces
from pipper.system.letter_case import ignores_case
from pipper.system.os_errors import os_errors


class DirectoryStore:
    """Objects as files below `root`, which is created with the first object. See `ports.Store`."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))
        self.location = self._root.as_uri()
        self._hidden = self._root / HIDDEN
        self._notes = Notes(self._hidden / "notes")
        self._writing = Writing(self._root)
        self._folds: bool | None = None

    @property
    def root(self) -> Path:
        """The directory itself."""
        return self._root

    @property
    def address(self) -> str:
        """See `Store.address`: the path without links."""
        return str(self._root)

    @property
    def ignores_case(self) -> bool:
        """Whether keys that differ only in the case of letters are one object; False as long as nothing is there."""
        if self._folds is None:
            # One name tells of all of them, so the root, which may have thousands, is rarely listed.
            places = chain((self._hidden,), (Path(entry.path) for entry in self._root_entries()))
            named = (place for place in places if place.name != place.name.swapcase() and place.exists())
            self._folds = next(map(ignores_case, named), None)
        return bool(self._folds)

    def _root_entries(self) -> Iterator[os.DirEntry[str]]:
        yield from self._entries("")

    @property
    def is_gone(self) -> bool:
        """Whether the directory does not exist; raises MachineError if that cannot be told."""
        with os_errors("read", self._root):
            return not self._root.exists()

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        with self._open(key) as file, os_errors("read", self._root / key):
            size = os.fstat(file.fileno()).st_size
            if length is None:
                require_document(f"{self.location}/{key}", size - start)
            file.seek(start)
            body = file.read(size if length is None else length)
            whole = start == 0 and len(body) == size
            etag = hashlib.sha256(body).hexdigest() if whole else self._etag(key, file)
            return Blob(body=body, etag=etag)

    def is_unchanged(self, key: str, etag: str | None) -> bool:
        """See `Store.is_unchanged`: the whole file is hashed, because a note may be older than the file."""
        with os_errors("read", self._path(key)):
            return has_object(str(self._root), key, etag or "")

    @contextmanager
    def stream(self, key: str, *, start: int = 0, verified: bool = False) -> Iterator[Iterator[bytes]]:
        """See `Store.stream`. The bytes come from the file itself, so there is nothing to verify them with."""
        del verified
        with self._open(key) as file:
            file.seek(start)
            yield pieces(file, self._root / key)

    def head(self, key: str) -> ObjectInfo | None:
        return self._look(key, with_metadata=True)

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[ObjectInfo]:
        """See `Store.list`. Unsafe names are skipped, because they cannot be read."""
        check_prefix(prefix, self.location)
        # A file may be deleted after it is listed: then it is left out.
        looks = (self._look(key, with_metadata=False) for key in sorted(self._keys(prefix, deep=deep)))
        return (info for info in looks if info is not None)

    def folders(self) -> frozenset[str]:
        found = set()
        fold = str.lower if self.ignores_case else str
        for entry in self._entries(""):
            if self._is_folder(entry, entry.name) and next(self._keys(f"{entry.name}/"), None) is not None:
                found.add(fold(entry.name))
        return frozenset(found)

    def create(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """See `Store.create`. `content_type` is ignored: servers derive it from the name of a file."""
        del content_type
        path = self._path(key)
        self._check_free(key, path)
        with (
            self._writing.staged(body, metadata) as (staged, note),
            self._writing.locked(),
            os_errors("write", path),
        ):
            self._check_free(key, path)
            self._notes.put(key, note, staging=staged.parent)
            make_folders(path.parent)
            try:
                name_new(staged, path)
            except FileExistsError as error:
                raise taken(key, self.location) from error
        settle(path)
        return note.sha256

    def replace(
        self,
        key: str,
        body: bytes | Path,
        *,
        etag: str,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        del content_type
        path = self._path(key)
        self._require(key, etag)  # first, to avoid a useless write
        with (
            self._writing.staged(body, metadata) as (staged, note),
            self._writing.locked(),
            os_errors("write", path),
        ):
            self._require(key, etag)
            self._notes.put(key, note, staging=staged.parent)
            staged.replace(path)
        settle(path)
        return note.sha256

    def require_writable(self) -> None:
        """See `AsksBeforeWrites.require_writable`: the root, the folders in it, and the hidden files."""
        require_access(next(place for place in (self._root, *self._root.parents) if place.exists()))
        for entry in self._entries(""):
            if self._is_folder(entry, entry.name):
                require_access(Path(entry.path))
        self._writing.require_access()

    def delete(self, key: str) -> None:
        path = self._path(key)
        if path.is_dir() or not os.path.lexists(path):
            return
        with self._writing.locked(), os_errors("delete", path):
            path.unlink(missing_ok=True)
            self._notes.drop(key)
        settle(path)

    def url(self, key: str) -> str:
        return self._path(key).as_uri()

    def lifetime(self) -> None:
        """Return None: a directory cannot presign."""

    def presign(self, key: str, *, seconds: int) -> str:
        """Raise UsageError: a directory has no signed URLs."""
        raise UsageError(
            f"cannot sign a URL for {key} in {self.location}",
            cause=f"a directory cannot grant access for {seconds} seconds",
            hint="use a repository in an S3 bucket",
        )

    def _path(self, key: str) -> Path:
        check_key(key, self.location)
        if key.split("/", 1)[0] == HIDDEN:
            raise unsafe(key, self.location, f"{HIDDEN} is reserved for pipper")
        return path_below(self._root, key)

    @contextmanager
    def _open(self, key: str) -> Iterator[BufferedReader]:
        path = self._path(key)
        with os_errors("read", path):
            try:
                # Checked before opening: opening a pipe would wait for its writer.
                if not stat.S_ISREG(path.stat().st_mode):
                    raise absent(f"{self.location}/{key}")
                file = path.open("rb")
            except (FileNotFoundError, NotADirectoryError) as error:
                raise absent(f"{self.location}/{key}") from error
        with file:
            yield file

    def _check_free(self, key: str, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            raise MachineError(
                f"cannot write {path}", cause="it is a directory", hint="remove or rename the directory"
            )
        if os.path.lexists(path):
            raise taken(key, self.location)

    def _require(self, key: str, etag: str) -> None:
        try:
            with self._open(key) as file, os_errors("read", self._root / key):
                etag_now = hashlib.file_digest(file, "sha256").hexdigest()
        except ObjectAbsentError as error:
            raise changed(key, self.location, "another process deleted it") from error
        if etag_now != etag:
            raise changed(key, self.location, "another process replaced it")

    def _look(self, key: str, *, with_metadata: bool) -> ObjectInfo | None:
        path = self._path(key)
        note = self._notes.get(key)
        with os_errors("examine", path):
            try:
                found = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        if not stat.S_ISREG(found.st_mode):
            return None
        if note is not None and note.describes(found):
            etag = note.sha256  # not even opened: a listing may have tens of thousands
        else:
            try:
                with self._open(key) as file, os_errors("read", path):
                    found = os.fstat(file.fileno())
                    etag = hashlib.file_digest(file, "sha256").hexdigest()
            except ObjectAbsentError:
                return None
        return ObjectInfo(
            key=key,
            size=found.st_size,
            etag=etag,
            modified=datetime.fromtimestamp(found.st_mtime, UTC),
            metadata=note.metadata if with_metadata and note is not None and note.sha256 == etag else {},
        )

    def _etag(self, key: str, file: BufferedReader) -> str:
        note = self._notes.get(key)
        if note is not None and note.describes(os.fstat(file.fileno())):
            return note.sha256
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest()

    def _keys(self, prefix: str, *, deep: bool = True) -> Iterator[str]:
        pending = [prefix.rpartition("/")[0]]
        fold = str.lower if not pending[0] and self.ignores_case else str
        while pending:
            folder = pending.pop()
            for entry in self._entries(folder):
                key = f"{folder}/{entry.name}" if folder else entry.name
                if self._is_folder(entry, key):
                    key = key if folder else fold(key)
                    if deep and f"{key}/".startswith(prefix):
                        pending.append(key)
                elif key.startswith(prefix) and self._is_file(entry):
                    yield key

    def _entries(self, folder: str) -> tuple[os.DirEntry[str], ...]:
        path = self._path(folder) if folder else self._root
        with os_errors("list", path):
            try:
                with os.scandir(path) as entries:
                    shown = (entry for entry in entries if folder or entry.name != HIDDEN)
                    return tuple(entry for entry in shown if not flaw(entry.name))
            except FileNotFoundError:
                return ()
            except NotADirectoryError:
                if folder:
                    return ()
                raise

    def _is_folder(self, entry: os.DirEntry[str], key: str) -> bool:
        with os_errors("examine", Path(entry.path)):
            if entry.is_symlink() and entry.is_dir():
                raise link_refused(self._root / key)
            return entry.is_dir(follow_symlinks=False)

    def _is_file(self, entry: os.DirEntry[str]) -> bool:
        with os_errors("examine", Path(entry.path)):
            return entry.is_file()
