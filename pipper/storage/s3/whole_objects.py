"""Read whole objects, and accept a body only as it was stored: a bit may flip on the way to here."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager

from pipper.core.ports import Blob
from pipper.errors import StoreError
from pipper.storage.keys import require_document
from pipper.storage.s3.arrival import Arrival, Verdict
from pipper.storage.s3.fast.client import Opened
from pipper.storage.s3.fast.reads import open_body, pieces
from pipper.storage.s3.session import Connection

_READINGS = 3
"""How often a body is read that breaks off, or that differs from the one before."""


class WholeReader:
    """Reads whole objects of one bucket, and learns from them what the ETags of the bucket are; for any threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._has_md5 = False
        """Whether an ETag of this bucket was the MD5 of a body."""
        self._wants_checksum = False
        """Whether one was not: then checksums are asked for."""

    def read(self, key: str) -> Blob:
        """Return the body of `key` and its etag.

        A damaged or incomplete body is read again. Without a digest, two responses in a row must agree. Raises
        StoreError if the body is damaged again, if the responses differ, and as `Store.read` does.
        """
        seen: list[Blob] = []
        broken = 0
        while True:
            opened = self._open(key)
            arrival = Arrival(opened)
            try:
                body = b"".join(self._bounded(key, opened, arrival))
            except StoreError:
                broken += 1
                if broken == _READINGS:
                    raise
                continue
            found = Blob(body=body, etag=arrival.etag)
            verdict = self._judge(arrival)
            if verdict is Verdict.WHOLE or (verdict is not Verdict.DAMAGED and found in seen):
                return found
            if seen and (verdict is Verdict.DAMAGED or len(seen) + 1 == _READINGS):
                raise self._damaged(key)
            seen.append(found)

    def _bounded(self, key: str, opened: Opened, arrival: Arrival) -> Iterator[bytes]:
        """Yield the body; raise IntegrityError, and read no further, if it is no document."""
        place, size = self._connection.describe("read", key).subject, 0
        with contextlib.closing(opened.body):
            require_document(place, opened.size or 0)
            for piece in arrival.passing(pieces(self._connection, key, opened)):
                size += len(piece)
                require_document(place, size)
                yield piece

    @contextmanager
    def stream(self, key: str) -> Iterator[Iterator[bytes]]:
        """Open the body of `key` for reading; a damaged one raises StoreError at its end, if there is a digest."""
        opened = self._open(key)
        with contextlib.closing(opened.body):
            yield self._verified(key, opened)

    def _verified(self, key: str, opened: Opened) -> Iterator[bytes]:
        arrival = Arrival(opened)
        yield from arrival.passing(pieces(self._connection, key, opened))
        if self._judge(arrival) is Verdict.DAMAGED:
            raise self._damaged(key)

    def _open(self, key: str) -> Opened:
        opened = open_body(self._connection, key, checksum=self._wants_checksum)
        assert opened is not None, key  # noqa: S101 - only a range can begin after the end
        return opened

    def _judge(self, arrival: Arrival) -> Verdict:
        """Return the verdict on a body, and learn from it."""
        verdict = arrival.verdict
        self._has_md5 |= arrival.is_md5
        if verdict is Verdict.DOUBTFUL and self._has_md5:
            return Verdict.DAMAGED
        self._wants_checksum |= verdict in (Verdict.DOUBTFUL, Verdict.UNKNOWN)
        return verdict

    def _damaged(self, key: str) -> StoreError:
        request = self._connection.describe("read", key)
        return StoreError(
            f"cannot read {request.subject}: the response of {request.host} is damaged",
            cause="twice, its bytes did not match the object's ETag or checksum, or the response before",
            hint="run the command again; if that does not help, look for a proxy, a cache or faulty memory "
            f"between here and {request.host}",
        )
