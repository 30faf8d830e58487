"""METADATA of the wheels of an index that has no metadata files, from servers and proxies of any kind."""

import re
from collections.abc import Callable, Mapping

from pipper.core.urls import origin
from pipper.errors import AccessError, ConflictError, IntegrityError, StoreError, TooLongError
from pipper.http.client import Answer
from pipper.index.project_page import IndexFile
from pipper.index.reader import Reader
from pipper.index.remote_metadata import BLOCK, LONGEST_TAIL, TAIL, read_metadata
from pipper.wheels.ranged_file import RangedFile

_LARGEST_WHEEL = 256 * 2**20
"""Bytes of a wheel that is downloaded whole for its metadata, from a server without range requests."""
_ABSENT = (404, 410)
_SIZE = re.compile(r"[0-9]{1,15}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|\*)")
_SERVER = "report this to the administrator of the index"


class WheelsOfIndex:
    """Reads the ends of wheels, and learns which servers give no ranges; for any number of threads."""

    def __init__(self, reader: Callable[[], Reader]) -> None:
        """`reader` is called for each wheel."""
        self._reader = reader
        self._rangeless: set[tuple[str, str, int]] = set()
        """Origins whose servers give no ranges."""
        self._tails: dict[str, int] = {}
        """Bytes of the first request, by project."""

    def metadata(self, file: IndexFile, subject: str) -> bytes:
        """Read METADATA out of a wheel: by ranges, or out of the whole file if the server does not give any.

        Raises TooLargeError for a wheel that is neither sent in parts nor small enough, IntegrityError if the file is
        gone or no wheel, and what `Web.get` raises.
        """
        server = origin(file.url)
        if server not in self._rangeless:
            try:
                return self._by_ranges(file, subject)
            except (_GoneError, TooLargeError):
                raise
            except IntegrityError:
                pass  # the parts may be wrong, and the file right
            except (StoreError, AccessError, ConflictError):
                # Whatever it means: if the whole file cannot be read either, that error is the answer.
                self._rangeless.add(server)
        answer = self._first(file, {}, _LARGEST_WHEEL, subject)
        if answer.status in _ABSENT:
            raise _gone(subject)
        if answer.status != 200:
            raise StoreError(
                f"cannot read {subject}",
                cause=f"the index answered with status {answer.status}",
                hint=_SERVER,
            )
        wheel = RangedFile(lambda _start, _length: b"", len(answer.body), block=BLOCK)
        wheel.seed(0, answer.body)
        return read_metadata(wheel, subject=subject)

    def _first(self, file: IndexFile, headers: Mapping[str, str], limit: int, subject: str) -> Answer:
        """Return the answer to the first request for a wheel, which may be the whole of it."""
        try:
            return self._reader().get(file.url, headers, limit=limit)
        except TooLongError as error:
            raise TooLargeError(
                f"{subject} is too large to be read whole",
                cause=f"it has more than {_LARGEST_WHEEL >> 20} MiB, and its server sends no parts of files",
                hint=_SERVER,
            ) from error

    def _by_ranges(self, file: IndexFile, subject: str) -> bytes:
        def fetch(start: int, length: int) -> bytes:
            asked = {"Range": f"bytes={start}-{start + length - 1}"}
            answer = self._reader().get(file.url, asked, limit=length)
            if answer.status in _ABSENT:
                raise _gone(subject)
            if answer.status != 206:
                raise ConflictError(f"{subject} changed during the read", hint="run the command again")
            return answer.body

        project = file.filename.partition("-")[0]
        tail = self._tails.get(project, TAIL)
        start = max(0, file.size - tail)
        asked = {"Range": f"bytes={start}-{file.size - 1}" if file.size else f"bytes=-{tail}"}
        # A server that ignores ranges sends the whole file, of which nothing is read that could not be used.
        answer = self._first(file, asked, tail if file.size > _LARGEST_WHEEL else _LARGEST_WHEEL, subject)
        if answer.status in _ABSENT:
            raise _gone(subject)
        size = len(answer.body)
        if answer.status == 206:
            if not _is_end(answer, start):
                raise StoreError(f"{subject}: the server returned the wrong byte range", hint=_SERVER)
            stated = answer.headers.get("content-range", "").rpartition("/")[2]
            size = int(stated) if _SIZE.fullmatch(stated) else file.size
        wheel = RangedFile(fetch, size, block=BLOCK)
        wheel.seed(size - len(answer.body), answer.body)
        metadata = read_metadata(wheel, subject=subject)
        if size // 2 > size - wheel.lowest > tail:
            # Other versions are built alike: a slightly larger first request saves two round trips.
            self._tails[project] = min((size - wheel.lowest) * 5 // 4, LONGEST_TAIL)
        return metadata


def _is_end(answer: Answer, start: int) -> bool:
    """Return whether an answer is the range from `start`, or from anywhere if that is 0, to the end of the file."""
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if found is None:
        return False
    first, last, size = int(found[1]), int(found[2]), found[3]
    ends = size == "*" or last + 1 == int(size)
    return ends and start in (0, first) and len(answer.body) == last + 1 - first


class TooLargeError(IntegrityError):
    """A wheel without a metadata file is too large to be read whole, and its server sends no parts of it."""


class _GoneError(IntegrityError):
    """A file that the page lists does not exist."""


def _gone(subject: str) -> _GoneError:
    return _GoneError(f"{subject} is gone", cause="the page lists a file that does not exist", hint=_SERVER)
