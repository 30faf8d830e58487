"""Take files of the index into the cache while a lock is made."""

from pathlib import Path

from msgspec.structs import replace

from pipper.cache.cache import Cache
from pipper.core.lock.model import LockedFile
from pipper.errors import IntegrityError
from pipper.index.page_hash import hash_of_file
from pipper.index.reader import Reader
from pipper.system.files import scratch_folder, sha256_of_file
from pipper.system.os_errors import os_errors
from pipper.system.retry import pause_if_broken, retry

_LARGEST = 5 << 30
"""Bytes of a file whose size the page does not state."""
_ATTEMPTS = 3


def take_file(file: LockedFile, address: str, stated: str, reader: Reader, cache: Cache) -> LockedFile:
    """Fetch a file into the cache and return it with its sha256 and size.

    `stated` is the hash that the page has for it in place of a sha256; it may be empty. Raises IntegrityError if it is
    not the file that the page states, and what `Reader.stream` raises.
    """
    with scratch_folder() as folder:
        path = folder / "file"
        retry(lambda: _stream(file, address, reader, path), attempts=_ATTEMPTS, pause=pause_if_broken)
        digest = sha256_of_file(path)
        if file.sha256 and digest != file.sha256:
            raise _other_bytes(file, f"sha256:{file.sha256}", f"sha256:{digest}")
        if stated and (found := hash_of_file(path, stated)) != stated:
            raise _other_bytes(file, stated.replace("=", ":"), found.replace("=", ":"))
        with os_errors("read", path):
            size = path.stat().st_size
        cache.add_file(path, digest, subject=f"{file.filename} from the index")
    return replace(file, sha256=digest, size=size)


def _other_bytes(file: LockedFile, expected: str, found: str) -> IntegrityError:
    return IntegrityError(
        f"hash mismatch for {file.filename} from the index",
        cause=f"expected {expected} got {found}",
        hint="the file was replaced or damaged: run the command again, or tell the administrator of the index",
    )


def _stream(file: LockedFile, address: str, reader: Reader, path: Path) -> None:
    limit = file.size or _LARGEST
    with os_errors("keep", file.filename), path.open("wb") as stream, reader.stream(address) as pieces:
        for piece in pieces:
            if stream.tell() + len(piece) > limit:
                raise IntegrityError(
                    f"{file.filename} from the index is longer than {limit:,} bytes",
                    hint="tell the administrator of the index",
                )
            stream.write(piece)
