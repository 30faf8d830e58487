"""What an index source reads through: the web, or a disk that holds an index as files (`file:` addresses)."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pipper.errors import IntegrityError, ObjectAbsentError
from pipper.http.client import Answer
from pipper.system.files import pieces
from pipper.system.os_errors import os_errors

_PIECE = 1 << 20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Reader(Protocol):
    """Reads URLs for an index, as `pipper.http.client.Web` does."""

    def get(self, url: str, headers: Mapping[str, str], *, limit: int) -> Answer:
        """See `Web.get`."""
        ...

    def size(self, url: str) -> int:
        """See `Web.size`."""
        ...

    def stream(self, url: str, start: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        """See `Web.stream`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An index that can be asked."""

    url: str
    """Ends in a slash; holds no user name or password."""
    reader: Reader


Connect = Callable[[], Connection]
"""Looks for the index when it is first asked for: a project without public packages needs none."""


class Disk:
    """Reads an index that lies on a disk: `index.html` in a folder for each project, as pip reads them."""

    def get(self, url: str, headers: Mapping[str, str], *, limit: int) -> Answer:
        """Return a file, a range of it, or the `index.html` of a folder; status 404 where there is none."""
        path = _path(url)
        if url.endswith("/"):
            path /= "index.html"
        with os_errors("read", path):
            try:
                size = path.stat().st_size
                start, stop = _range(headers, size)
                if stop - start > limit:
                    raise IntegrityError(f"{path} is longer than {limit:,} bytes")
                with path.open("rb") as stream:
                    stream.seek(start)
                    body = stream.read(stop - start)
            except (FileNotFoundError, NotADirectoryError):
                return Answer(status=404, headers={}, body=b"", url=url)
        told = {"content-range": f"bytes {start}-{stop - 1}/{size}"} if (start, stop) != (0, size) else {}
        return Answer(status=206 if told else 200, headers=told, body=body, url=url)

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
            stream = path.open("rb")
        with stream:
            stream.seek(start)
            yield pieces(stream, path)


@contextmanager
def _present(path: Path) -> Iterator[None]:
    with os_errors("read", path):
        try:
            yield
        except FileNotFoundError as error:
            raise ObjectAbsentError(f"there is no {path}") from error


def _path(url: str) -> Path:
    return Path(url2pathname(urlsplit(url).path))


def _range(headers: Mapping[str, str], size: int) -> tuple[int, int]:
    asked = _RANGE.fullmatch(headers.get("Range", ""))
    if asked is None:
        return 0, size
    if not asked[1]:
        return max(0, size - int(asked[2])), size
    return min(int(asked[1]), size), min(int(asked[2]) + 1, size) if asked[2] else size
