"""A store that holds one page, for the readers that take a store."""

from collections.abc import Iterator
from typing import Any

from pipper.core.layout.keys import MARKER_KEY, marker_body
from pipper.core.ports import Blob, ObjectInfo


class OneProject:
    """A repository of format 2 with the page of `foo`. It can only be read."""

    location = "file:///fuzz"

    def __init__(self, page: bytes) -> None:
        self._page = page

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        """See `Store.read`."""
        return Blob(body=marker_body(2) if key == MARKER_KEY else self._page, etag="e")

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[ObjectInfo]:
        """See `Store.list`."""
        return iter(())

    def folders(self) -> frozenset[str]:
        """See `Store.folders`."""
        return frozenset({"foo"})

    def __getattr__(self, name: str) -> Any:
        raise NotImplementedError(name)
