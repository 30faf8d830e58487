"""Return whether a whole body arrived as it was stored: by its ETag where that is an MD5, or by a checksum header.

S3 and most other servers use the MD5 of an object as its ETag, unless it was uploaded in parts or is encrypted with a
key of KMS or of the client, which the response shows. A few servers never do.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Protocol

from pipper.storage.s3.fast.client import Opened
from pipper.storage.s3.listing import bare

_MD5 = re.compile(r"[0-9a-f]{32}")
_ENCRYPTION = "x-amz-server-side-encryption"


class _Digest(Protocol):
    def update(self, piece: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, piece: bytes, /) -> None:
        self._value = zlib.crc32(piece, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4)


_CHECKSUMS: Mapping[str, Callable[[], _Digest]] = {
    "x-amz-checksum-crc32": _Crc32,
    "x-amz-checksum-sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "x-amz-checksum-sha256": hashlib.sha256,
}
"""The checksums of S3 that Python's standard library has."""


class Verdict(Enum):
    """What headers say of a body."""

    WHOLE = "it is as it was stored"
    DAMAGED = "it is not as it was stored"
    DOUBTFUL = "it is not as it was stored, or the store's ETags are no MD5s"
    UNKNOWN = "they have no digest of it"


class Arrival:
    """Digests a body while it arrives, and compares it with the headers of its response."""

    def __init__(self, opened: Opened) -> None:
        """Take the response to a GET of a whole object, before its body is read."""
        headers = opened.headers
        self.etag = bare(opened.etag)
        is_opaque = headers.get(_ENCRYPTION, "").startswith("aws:kms") or (
            f"{_ENCRYPTION}-customer-algorithm" in headers
        )
        self._has_md5 = bool(_MD5.fullmatch(self.etag)) and not is_opaque
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._checksum = ""
        self._sum: _Digest | None = None
        for name, make in _CHECKSUMS.items():
            stated = headers.get(name, "")
            if stated and "-" not in stated:  # with a `-`, it is one of the parts of an upload
                self._checksum, self._sum = stated, make()

    def passing(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces of the body and digest each."""
        for piece in pieces:
            self._md5.update(piece)
            if self._sum:
                self._sum.update(piece)
            yield piece

    @property
    def is_md5(self) -> bool:
        """Whether the ETag is the MD5 of the body that arrived."""
        return self._md5.hexdigest() == self.etag

    @property
    def verdict(self) -> Verdict:
        """What the headers say of the body, after all of it arrived."""
        if self.is_md5:
            return Verdict.WHOLE
        if self._sum:
            is_same = base64.b64encode(self._sum.digest()).decode() == self._checksum
            return Verdict.WHOLE if is_same else Verdict.DAMAGED
        return Verdict.DOUBTFUL if self._has_md5 else Verdict.UNKNOWN
