"""The bytes of a zip by offset, how big it may be, and the errors about it."""

from dataclasses import dataclass
from typing import BinaryIO

from pipper.artifacts.paths import refusal
from pipper.errors import IntegrityError, MachineError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How big an archive may be; sizes in bytes."""

    unpacked: int = 16 << 30
    """All members together."""
    ratio: int = 50
    """Unpacked bytes for each byte of the file, once `ratio_from` bytes are exceeded."""
    ratio_from: int = 64 << 20
    entries: int = 65_535
    """As many as a zip without its 64-bit form can count."""
    directory: int = 16 << 20
    comment: int = 1024
    """A comment of the archive or of a member."""
    metadata: int = 16 << 20
    """METADATA or RECORD, which are read into memory as a whole."""
    small: int = 1 << 20
    """Any other file that is read into memory as a whole."""


class ZipSource:
    """A zip file's bytes by offset."""

    def __init__(self, file: BinaryIO, size: int, subject: str) -> None:
        """Take an open, unbuffered `file` of `size` bytes; `subject` names it in errors."""
        self._file = file
        self.size = size
        self.subject = subject

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`.

        Raises IntegrityError where the file ends before, MachineError where it cannot be read.
        """
        if offset + length > self.size:
            raise self.damaged("the file ends too early")
        try:
            self._file.seek(offset)
            data = self._file.read(length)
            while len(data) < length:
                more = self._file.read(length - len(data))
                if not more:
                    raise self.damaged("the file ends too early")
                data += more
        except OSError as error:
            raise MachineError(f"cannot read {self.subject}", cause=error.strerror or str(error)) from error
        return data

    def damaged(self, what: str, member: str | None = None) -> IntegrityError:
        """Return the error for a file whose structure contradicts itself."""
        return refusal(self.subject, f"damaged zip: {what}", member=member)

    def refused(self, rule: str, member: str | None = None) -> IntegrityError:
        """Return the error for a file or a member that breaks `rule`."""
        return refusal(self.subject, rule, member=member)
