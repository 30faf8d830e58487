"""Read a zip by offset, and make the errors about it."""

from typing import BinaryIO

from pipper.core.archive_limits import LimitName, Limits
from pipper.errors import IntegrityError
from pipper.system.os_errors import os_errors
from pipper.wheels.member_paths import refusal

_READ_ONCE = 16 << 20
"""Bytes: a file up to this size is read once. A larger one has few members for its size, and would fill the memory."""


class ZipSource:
    """A zip file's bytes by offset."""

    def __init__(self, file: BinaryIO, size: int, subject: str, limits: Limits) -> None:
        """Read from an open, unbuffered `file` of `size` bytes; `subject` names it in errors."""
        self._file = file
        self._all: bytes | None = None
        self.size = size
        self.subject = subject
        self.limits = limits

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`.

        Raises IntegrityError if the file ends before, MachineError if it cannot be read.
        """
        if offset + length > self.size:
            raise self.damaged("the file ends too early")
        if self.size > _READ_ONCE:
            return self._read(offset, length)
        if self._all is None:
            self._all = self._read(0, self.size)
        return self._all[offset : offset + length]

    def _read(self, offset: int, length: int) -> bytes:
        with os_errors("read", self.subject):
            self._file.seek(offset)
            data = self._file.read(length)
            while len(data) < length:
                more = self._file.read(length - len(data))
                if not more:
                    raise self.damaged("the file ends too early")
                data += more
        return data

    def damaged(self, what: str, member: str | None = None) -> IntegrityError:
        """Return the error for a file whose structure contradicts itself."""
        return refusal(self.subject, f"damaged zip: {what}", member=member)

    def refused(self, rule: str, member: str | None = None) -> IntegrityError:
        """Return the error for a file or a member that breaks `rule`."""
        return refusal(self.subject, rule, member=member)

    def exceeds(self, name: LimitName, needed: int, rule: str, member: str | None = None) -> IntegrityError:
        """Return the error for a file that breaks `rule`, and would not if the limit `name` were `needed`."""
        if not self.limits.raisable:
            return self.refused(rule, member)
        hint = f"if you trust the author of this file, accept it with `--limit {name}={needed}`"
        return refusal(self.subject, f"{rule} (limit `{name}`)", member=member, hint=hint)
