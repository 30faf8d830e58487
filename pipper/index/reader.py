"""How an index source reads: over HTTP, or from an index in a directory (`file:` URLs)."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol
from urllib.request import url2pathname

from msgspec import Struct

from pipper.core.redaction import shown
from pipper.core.urls import split_url
from pipper.errors import IntegrityError, ObjectAbsentError, TooLongError
from pipper.http.client import Answer
from pipper.system.files import pieces
from pipper.system.os_errors import os_errors
from pipper.system.regular_file import open_regular

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_RESTORE = "restore the file in the index, or remove its entry and run `pipper lock -U`"


class Reader(Protocol):
    """Reads URLs of an index; `pipper.http.client.Web` is one."""

    def get(self, url: str, headers: Mapping[str, str], *, limit: int) -> Answer:
        """See `Web.get`."""
        ...

    def size(self, url: str) -> int:
        """See `Web.size`."""
        ...

    def stream(self, url: str, start: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        """See `Web.stream`."""
        ...


class Connection(Struct, frozen=True, kw_only=True):
    """An index that is ready for requests."""

    url: str
    """Ends in a slash; holds no user name or password."""
    reader: Reader


Connect = Callable[[], Connection]
"""Finds the index on first use: a project without public packages needs none."""


class Disk:
    """Reads an index in a directory: as for pip, each project has a folder with an `index.html`."""

    def get(self, url: str, headers: Mapping[str, str], *, limit: int) -> Answer:
        """Return a file, a range of it, or the `index.html` of a folder; status 404 if it does not exist.

        Raises TooLongError for more than `limit` bytes, MachineError if the file cannot be read.
        """
        path = _path(url)
        if url.endswith("/"):
            path /= "index.html"
        with os_errors("read", path):
            try:
                with open_regular(path) as stream:
                    size = os.fstat(stream.fileno()).st_size
                    start, stop = _range(headers, size)
                    if stop - start > limit:
                        raise TooLongError(f"{path} is longer than {limit:,} bytes", hint=_RESTORE)
                    stream.seek(start)
                    body = stream.read(stop - start)
            except (FileNotFoundError, NotADirectoryError):
                return Answer(status=404, headers={}, body=b"", url=url)
        if (start, stop) == (0, size):
            return Answer(status=200, headers={}, body=body, url=url)
        place = {"content-range": f"bytes {start}-{stop - 1}/{size}"}
        return Answer(status=206, headers=place, body=body, url=url)

    def size(self, url: str) -> int:
        """Return the size of a file in bytes; raises ObjectAbsentError."""
        path = _path(url)
        with _present(path):
            return path.stat().st_size

    @contextmanager
    def stream(self, url: str, start: int = 0) -> Iterator[Iterator[bytes]]:
        """Open a file for reading from `start`; raises ObjectAbsentError."""
        path = _path(url)
        with _present(path):
            stream = open_regular(path)
        with stream:
            stream.seek(start)
            yield pieces(stream, path)


@contextmanager
def _present(path: Path) -> Iterator[None]:
    with os_errors("read", path):
        try:
            yield
        except FileNotFoundError as error:
            raise ObjectAbsentError(f"{path} does not exist", hint=_RESTORE) from error


def _path(url: str) -> Path:
    path = url2pathname(split_url(url).path)
    if "\0" in path:
        raise IntegrityError(f"unsafe URL: {shown(url)}", cause="it contains a NUL byte", hint=_RESTORE)
    return Path(path)


def _range(headers: Mapping[str, str], size: int) -> tuple[int, int]:
    asked = _RANGE.fullmatch(headers.get("Range", ""))
    if asked is None:
        return 0, size
    if not asked[1]:
        return max(0, size - int(asked[2])), size
    return min(int(asked[1]), size), min(int(asked[2]) + 1, size) if asked[2] else size
