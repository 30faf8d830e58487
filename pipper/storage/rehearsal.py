"""A store that is read and never written, for dry runs."""

from collections.abc import Mapping
from pathlib import Path

from pipper.core.ports import Store
from pipper.storage.keys import taken

_ETAG = "rehearsed"


class RehearsalStore:
    """Reads from another store; accepts the writes that it would accept, and does nothing. See `ports.Store`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.location = store.location
        self.read, self.stream, self.head = store.read, store.stream, store.head
        self.list, self.folders, self.is_unchanged = store.list, store.folders, store.is_unchanged
        self.url, self.lifetime, self.presign = store.url, store.lifetime, store.presign

    @property
    def address(self) -> str:
        return self._store.address

    def create(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """Raise ObjectExistsError if the key exists; store nothing."""
        del body, content_type, metadata
        if self.head(key) is not None:
            raise taken(key, self.location)
        return _ETAG

    def replace(
        self,
        key: str,
        body: bytes | Path,
        *,
        etag: str,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Store nothing."""
        del key, body, etag, content_type, metadata
        return _ETAG

    def delete(self, key: str) -> None:
        """Delete nothing."""
