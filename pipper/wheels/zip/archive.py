"""Read the members of a zip with a checked structure; check size, CRC and end of every stream."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from pipper.core.archive_limits import LimitName, Limits
from pipper.system.os_errors import os_errors
from pipper.wheels.zip.inflate import FAULTS, RAW, crc32, decompressobj
from pipper.wheels.zip.layout import DEFLATED, Entry, read_layout
from pipper.wheels.zip.source import ZipSource

_PIECE = 1 << 20


class ZipArchive:
    """The members of an open zip. For one thread at a time."""

    def __init__(self, source: ZipSource, entries: tuple[Entry, ...]) -> None:
        self._source = source
        self.entries = entries

    @property
    def subject(self) -> str:
        """The name of the file in errors."""
        return self._source.subject

    @property
    def size(self) -> int:
        """Bytes of the zip file."""
        return self._source.size

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the zip file, in pieces of at most 1 MiB."""
        for at in range(0, self.size, _PIECE):
            yield self._source.read(at, min(self.size - at, _PIECE))

    def chunks(self, entry: Entry) -> Iterator[bytes]:
        """Return the unpacked bytes of `entry` in pieces of about 1 MiB, at least one.

        Raises IntegrityError, at the latest after the last piece, if the data does not match the headers: its
        CRC, its size, or the end of its stream.
        """
        content = self._at_once(entry) if max(entry.size, entry.packed) <= _PIECE else None
        return self._checked(entry) if content is None else iter((content,))

    def _at_once(self, entry: Entry) -> bytes | None:
        """Return the bytes of a small member; None if they do not match the headers: `_checked` says how."""
        data = self._source.read(entry.start, entry.packed)
        if entry.method == DEFLATED:
            inflater = decompressobj(RAW)
            try:
                data = inflater.decompress(data, entry.size + 1)
            except FAULTS:
                return None
            if not inflater.eof or inflater.unused_data:
                return None
        return data if len(data) == entry.size and crc32(data) == entry.crc else None

    def _checked(self, entry: Entry) -> Iterator[bytes]:
        crc = size = 0
        pieces = self._inflated(entry) if entry.method == DEFLATED else self._stored(entry)
        for piece in pieces:
            size += len(piece)
            if size > entry.size:
                raise self._source.damaged(f"it unpacks to more than {entry.size:,} bytes", entry.name)
            crc = crc32(piece, crc)
            yield piece
        if size != entry.size:
            raise self._source.damaged(f"it unpacks to {size:,} bytes, not {entry.size:,}", entry.name)
        if crc != entry.crc:
            raise self._source.damaged("its CRC is wrong", entry.name)

    def read(self, entry: Entry, name: LimitName) -> bytes:
        """Return all of `entry`; raises IntegrityError as `chunks` does, and above the limit `name`."""
        limit: int = getattr(self._source.limits, name)
        if entry.size > limit:
            raise self._source.exceeds(name, entry.size, f"is larger than {limit:,} bytes", entry.name)
        return b"".join(self.chunks(entry))

    def _stored(self, entry: Entry) -> Iterator[bytes]:
        if entry.packed != entry.size:
            raise self._source.damaged("it is stored, but its two sizes differ", entry.name)
        for at in range(0, max(entry.packed, 1), _PIECE):
            yield self._source.read(entry.start + at, min(entry.packed - at, _PIECE))

    def _inflated(self, entry: Entry) -> Iterator[bytes]:
        inflater = decompressobj(RAW)
        # One byte more than the size: a small member takes one piece, one with a wrong size takes two.
        most = min(entry.size + 1, _PIECE)
        at = 0
        try:
            while not inflater.eof:
                data = inflater.unconsumed_tail
                if not data and at < entry.packed:
                    data = self._source.read(entry.start + at, min(entry.packed - at, _PIECE))
                    at += len(data)
                # After all input, output that exceeded the previous piece may remain.
                piece = inflater.decompress(data, most)
                if not data and not piece and not inflater.eof:
                    raise self._source.damaged("its stream is truncated", entry.name)
                yield piece
        except FAULTS as error:
            raise self._source.damaged("its stream cannot be decompressed", entry.name) from error
        if inflater.unused_data or at != entry.packed:
            raise self._source.damaged("data follows the end of its stream", entry.name)


@contextmanager
def open_zip(place: Path | BinaryIO, *, subject: str, limits: Limits) -> Iterator[ZipArchive]:
    """Check the structure of the zip at `place` and open it for reading; `subject` names it in errors.

    A file that is open already stays open. Raises what `read_layout` raises, and MachineError if the file cannot be
    opened.
    """
    with os_errors("read", place if isinstance(place, Path) else subject):
        file: AbstractContextManager[BinaryIO] = (
            place.open("rb", buffering=0) if isinstance(place, Path) else nullcontext(place)
        )
    with file as opened:
        with os_errors("read", subject):
            size = opened.seek(0, 2)
        source = ZipSource(opened, size, subject, limits)
        yield ZipArchive(source, read_layout(source))
