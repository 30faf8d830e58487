"""Whole objects with their sha256: in memory if they are small, else in a file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

from pipper.core.ports import Store
from pipper.system.os_errors import os_errors
from pipper.system.retry import pause_if_broken, retry

IN_MEMORY = 1 << 20
"""Bytes of an object, or of what is in it, that is kept in memory: so many threads read objects at once."""
_FETCHES = 3


@contextmanager
def spooled(scratch: Path) -> Iterator[BinaryIO]:
    """Yield an empty file in memory, which continues as a file without a name in `scratch` when it grows large."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY, dir=str(scratch)) as file:
        yield cast("BinaryIO", file)


@contextmanager
def fetched(store: Store, key: str, scratch: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Yield an object as an open file, and its sha256; raises as `fetch_object`."""
    with os_errors("write below", scratch), spooled(scratch) as file:
        yield file, _fetch(store, key, file)


def fetch_object(store: Store, key: str, path: Path) -> str:
    """Write an object to the file `path` and return its sha256; a body that breaks off or is damaged is read again.

    Raises OSError if the file cannot be written, and what Store raises.
    """
    with path.open("wb") as file:
        return _fetch(store, key, file)


def _fetch(store: Store, key: str, file: BinaryIO) -> str:
    def fetch() -> str:
        digest = sha256()
        file.seek(0)
        file.truncate()
        with store.stream(key, verified=True) as pieces:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
        return digest.hexdigest()

    return retry(fetch, attempts=_FETCHES, pause=pause_if_broken)
