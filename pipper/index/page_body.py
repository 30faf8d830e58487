"""The body of a page of an index, decompressed."""

import gzip
import io
import zlib

from pipper.core.redaction import shown
from pipper.errors import IntegrityError, StoreError
from pipper.http.client import Answer
from pipper.index.project_page import LARGEST_PAGE

_SERVER = "report this to the administrator of the index"
_PIECE = 1 << 20


def unpacked_body(answer: Answer) -> bytes:
    """Return the body of a page, decompressed.

    Raises StoreError for an unknown encoding or a damaged body, IntegrityError for more than LARGEST_PAGE bytes.
    """
    packed = answer.headers.get("content-encoding", "identity").lower()
    if packed in ("", "identity"):
        return answer.body
    url = shown(answer.url)
    if packed not in ("gzip", "x-gzip"):
        raise StoreError(
            f"cannot read {url}", cause=f"its encoding is `{packed[:20]}` instead of gzip", hint=_SERVER
        )
    pieces: list[bytes] = []
    size = 0
    try:
        # It reads all members and checks the end of each: cut HTML would be a page without the newest versions.
        with gzip.GzipFile(fileobj=io.BytesIO(answer.body)) as unpacking:
            while size <= LARGEST_PAGE and (piece := unpacking.read(_PIECE)):
                pieces.append(piece)
                size += len(piece)
    except (EOFError, OSError, zlib.error) as error:
        raise StoreError(f"cannot decompress {url}", cause=str(error), hint=_SERVER) from error
    if size > LARGEST_PAGE:
        raise IntegrityError(
            f"{url} is longer than {LARGEST_PAGE:,} bytes", hint="correct the URL of the index"
        )
    return b"".join(pieces)
