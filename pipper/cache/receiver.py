"""Receive one file into the cache, and hash it while it arrives."""

import hashlib
from io import FileIO

from pipper.cache.folder import disk_errors
from pipper.errors import IntegrityError

_REPLACED = "the file was replaced or damaged: ask its publisher, or run `pipper repository check`"


class Receiver:
    """Writes the bytes of one file as they arrive, and hashes them."""

    def __init__(self, stream: FileIO, *, sha256: str, size: int, subject: str) -> None:
        self._stream = stream
        self._sha256 = sha256
        self._expected = size
        self._subject = subject
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Write the next bytes; raises IntegrityError if there are too many, MachineError for the disk."""
        if self.size + len(chunk) > self._expected:
            raise IntegrityError(
                f"{self._subject} is longer than expected",
                cause=f"expected {self._expected:,} bytes",
                hint=_REPLACED,
            )
        with disk_errors(str(self._stream.name), self._expected):
            view = memoryview(chunk)
            while view:
                view = view[self._stream.write(view) :]
        self._hash.update(chunk)
        self.size += len(chunk)

    def restart(self) -> None:
        """Discard the bytes that have arrived."""
        self._stream.seek(0)
        self._stream.truncate()
        self._hash = hashlib.sha256()
        self.size = 0

    def matches(self) -> bool:
        """Return whether size and hash are the expected ones."""
        return self.size == self._expected and self._hash.hexdigest() == self._sha256

    def mismatch(self) -> IntegrityError:
        """Return the error that names the expected and the actual size or hash."""
        kind, expected, got = "hash", f"sha256:{self._sha256}", f"sha256:{self._hash.hexdigest()}"
        if self.size != self._expected:
            kind, expected, got = "size", f"{self._expected:,} bytes", f"{self.size:,} bytes"
        name, _, place = self._subject.partition(" from ")
        origin = f" from {place}" if place else ""
        return IntegrityError(
            f"{kind} mismatch for {name}: expected {expected} got {got}{origin}", hint=_REPLACED
        )
