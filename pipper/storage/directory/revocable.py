"""A directory store whose writes can be taken back: for a command that changes everything or nothing."""

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pipper.errors import ObjectAbsentError, ObjectChangedError
from pipper.storage.directory.store import DirectoryStore
from pipper.storage.directory.unchanged import HIDDEN


class RevocableStore(DirectoryStore):
    """A directory store that remembers what its writes replaced."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._before: dict[str, bytes | None] = {}
        """What each written object was; None if there was none."""
        self._folders = [folder for folder in (root, *root.parents) if not folder.exists()]
        """The folders of the root that did not exist, the deepest first."""

    def create(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        if self.head(key) is None:
            # Remembered first, for an interrupt right after the write.
            self._before.setdefault(key, None)
        return super().create(key, body, content_type=content_type, metadata=metadata)

    def replace(
        self,
        key: str,
        body: bytes | Path,
        *,
        etag: str,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        if key not in self._before:
            with contextlib.suppress(ObjectAbsentError):
                self._before[key] = self.read(key).body
        return super().replace(key, body, etag=etag, content_type=content_type, metadata=metadata)

    def take_back(self) -> None:
        """Undo every write, the last one first, and remove the folders that it made; raises as `Store` methods do."""
        while self._before:
            key, before = self._before.popitem()
            if before is None:
                self.delete(key)
            else:
                with contextlib.suppress(
                    ObjectAbsentError, ObjectChangedError
                ):  # somebody else has changed it
                    now = self.read(key)
                    if now.body != before:
                        super().replace(key, before, etag=now.etag, content_type="")
            for folder in (self._root / key).parents:
                if folder == self._root or not _removed(folder):
                    break
        self.drop_folders()

    def drop_folders(self) -> None:
        """Remove the root and the folders above it that did not exist, as far as they are empty."""
        if self._folders and [*self._root.glob("*")] == [self._root / HIDDEN]:
            shutil.rmtree(self._root / HIDDEN, ignore_errors=True)
        for folder in self._folders:
            if not _removed(folder):
                break


def _removed(folder: Path) -> bool:
    """Remove a folder if it is empty, and tell whether it is gone."""
    with contextlib.suppress(OSError):
        folder.rmdir()
    return not os.path.lexists(folder)
