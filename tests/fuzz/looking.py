"""What is in a folder and in an archive, read with nothing of pipper."""

import base64
import csv
import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.zipcraft import DEFLATED, DESCRIPTOR, FULL

_LOCAL = struct.Struct("<4s5H3L2H")

Look = dict[str, tuple[object, ...]]


def look(root: Path) -> Look:
    """Kind, hash and mode of everything below `root`, by path."""
    found: Look = {}
    for path, entry in _walk(str(root), ""):
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            found[path] = ("folder",)
        elif stat.S_ISREG(mode):
            found[path] = ("file", digest(Path(entry.path).read_bytes()), stat.S_IMODE(mode))
        elif stat.S_ISLNK(mode):
            found[path] = ("link", str(Path(entry.path).readlink()), 0)
        else:
            found[path] = ("something", "", stat.S_IMODE(mode))
    return found


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield prefix + entry.name, entry
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, f"{prefix}{entry.name}/")


def identities(folder: str, prefix: str, skipped: frozenset[str]) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Inode, mode, time and size of everything below a folder, by path; times of folders do not count."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.path in skipped:
                continue
            found = entry.stat(follow_symlinks=False)
            is_folder = stat.S_ISDIR(found.st_mode)
            times = (0, 0) if is_folder else (found.st_mtime_ns, found.st_size)
            yield prefix + entry.name, (found.st_ino, found.st_mode, *times)
            if is_folder:
                yield from identities(entry.path, f"{prefix}{entry.name}/", skipped)


def record_lines(path: Path, library: str) -> Iterator[tuple[str, str]]:
    """Path below the environment's root, and hash, of each line: read with nothing of pipper."""
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.reader(stream):
            yield os.path.normpath(f"{library}/{row[0]}"), row[1]


def streamed(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every member, as told by the local headers alone (APPNOTE 4.3.7)."""
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        _, _, flags, method, _, _, _, packed, size, name_length, extra_length = _LOCAL.unpack_from(data, at)
        name = data[at + _LOCAL.size : at + _LOCAL.size + name_length]
        at += _LOCAL.size + name_length
        wide = _wide_sizes(data[at : at + extra_length])
        at += extra_length
        if size == FULL and wide:
            size = wide.pop(0)
        if packed == FULL and wide:
            packed = wide.pop(0)
        body = data[at : at + packed]
        if method == DEFLATED:
            inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            body = inflater.decompress(data[at:] if flags & DESCRIPTOR else body)
            packed = len(data) - at - len(inflater.unused_data) if flags & DESCRIPTOR else packed
        elif flags & DESCRIPTOR and not size:
            # Its end can only be found by its descriptor.
            end = data.find(b"PK\x07\x08", at)
            packed = end - at
            body = data[at:end]
        at += packed
        if flags & DESCRIPTOR:
            at += 4 * (data[at : at + 4] == b"PK\x07\x08") + (12 if wide is None else 20)
        yield name.decode(), body


def _wide_sizes(extra: bytes) -> list[int] | None:
    """The values of the 64-bit extra field, None where there is none (APPNOTE 4.5.3)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        at += 4 + length
        if kind == 1:
            return list(struct.unpack_from(f"<{length // 8}Q", extra, at - length))
    return None


def digest(body: bytes) -> str:
    """Its sha256 as RECORD writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()).rstrip(b"=").decode()
