"""Read a remote file by ranges as if it were local, and small members of a remote zip."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable

LARGEST_TEXT = 4 * 2**20
"""The limit in bytes of a member that is read whole."""

DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
)
"""What `zipfile` raises for a file that is not a zip, is truncated, encrypted or compressed by an unknown method."""


class RangedFile(io.RawIOBase):
    """A file of `size` bytes, read in pieces by `fetch` (start, length); no byte is fetched twice."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, *, block: int) -> None:
        """Fetch at least `block` bytes at a time."""
        self._fetch = fetch
        self._whole = self._size = size
        self._block = block
        self._pieces: dict[int, bytes] = {}
        self._start = 0
        self._at = 0

    def seed(self, start: int, piece: bytes) -> None:
        """Add bytes that are already known."""
        self._pieces[start] = piece

    @property
    def lowest(self) -> int:
        """The lowest offset that was read or seeded."""
        return min(self._pieces, default=self._whole)

    def part(self, start: int, size: int) -> "RangedFile":
        """Return `size` bytes from `start` as another file that shares the fetched pieces."""
        other = RangedFile(self._fetch, self._whole, block=self._block)
        other._pieces, other._start, other._size = self._pieces, start, size
        return other

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a memoryview is what io passes
        wanted, filled = min(len(buffer), max(0, self._size - self._at)), 0
        while filled < wanted:
            piece = self._bytes(self._start + self._at, wanted - filled)
            buffer[filled : filled + len(piece)] = piece
            self._at += len(piece)
            filled += len(piece)
        return filled

    def _bytes(self, start: int, wanted: int) -> bytes:
        """Return up to `wanted` bytes from `start`, as many as one piece has."""
        for begin, piece in self._pieces.items():
            if begin <= start < begin + len(piece):
                return piece[start - begin : start - begin + wanted]
        # Fetch a whole block: forward, or backward if less than a block follows, as at the end of a zip.
        behind = min((begin for begin in self._pieces if begin > start), default=self._whole)
        ahead = max((begin + len(piece) for begin, piece in self._pieces.items() if begin < start), default=0)
        length = max(wanted, self._block)
        begin = start if start + length <= behind else max(ahead, min(start, behind - length))
        piece = self._fetch(begin, min(length, behind - begin))
        if len(piece) <= start - begin:
            raise EOFError("the file is shorter than it was")
        self._pieces[begin] = piece
        return piece[start - begin : start - begin + wanted]


def read_text(archive: zipfile.ZipFile, member: str) -> bytes:
    """Return a member of an archive; raises one of DAMAGE, also if it is larger than LARGEST_TEXT."""
    with archive.open(member) as file:
        data = file.read(LARGEST_TEXT + 1)
    if len(data) > LARGEST_TEXT:
        raise zipfile.BadZipFile(f"{member} is larger than {LARGEST_TEXT} bytes")
    return data


def metadata_members(archive: zipfile.ZipFile) -> list[str]:
    """Return the members that may be the METADATA of a wheel (PEP 427): exactly one in a valid wheel."""
    return [
        name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1
    ]
