"""A store that is read and never written, for dry runs."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from pipper.core.ports import Blob, Lifetime, ObjectInfo, Store
from pipper.storage.keys import taken

_ETAG = "rehearsed"


class RehearsalStore:
    """Reads from another store; accepts the writes that it would accept, and does nothing. See `ports.Store`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def location(self) -> str:
        return self._store.location

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        return self._store.read(key, start=start, length=length)

    def stream(self, key: str, *, start: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        return self._store.stream(key, start=start)

    def head(self, key: str) -> ObjectInfo | None:
        return self._store.head(key)

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[ObjectInfo]:
        return self._store.list(prefix, deep=deep)

    def folders(self) -> frozenset[str]:
        return self._store.folders()

    def create(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """Raise ObjectExistsError if the key exists; store nothing."""
        del body, content_type, metadata
        if self._store.head(key) is not None:
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

    def url(self, key: str) -> str:
        return self._store.url(key)

    def lifetime(self) -> Lifetime | None:
        return self._store.lifetime()

    def presign(self, key: str, *, seconds: int) -> str:
        return self._store.presign(key, seconds=seconds)
