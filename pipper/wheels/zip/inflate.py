"""Inflate, and compute CRCs: with `isal` if it is installed (`pipper[fast]`), which takes half the time of zlib."""

import zlib
from typing import Any


def _library() -> Any:
    try:
        from isal import isal_zlib  # noqa: PLC0415 - it may be missing
    except ImportError:
        return zlib
    return isal_zlib


_found = _library()
RAW = -zlib.MAX_WBITS
"""The format of members: a stream without a header."""
FAULTS: tuple[type[Exception], ...] = (zlib.error, _found.error)
"""What `decompress` raises for a stream that is not one of deflate."""
decompressobj = _found.decompressobj
crc32 = _found.crc32
