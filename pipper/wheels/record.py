"""RECORD: the files of a distribution with their hashes, in a wheel or an environment (PEP 376, 427, 627)."""

import base64
import csv
import hashlib
import io
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from pipper.errors import PipperError
from pipper.wheels.member_paths import path_fault, refusal, shortened

_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}
_DIGEST = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_SIZE = re.compile(r"[0-9]{1,19}")


class Row(NamedTuple):
    """A line of RECORD. A named tuple, as an environment has ten thousand of them."""

    path: str
    """In a wheel relative to its root, in an environment to the folder that holds the `.dist-info`."""
    hash: str
    """`ALGORITHM=DIGEST`, the digest in base64; empty if the line has no hash."""
    size: str
    """Bytes; empty if the line has no size."""


class Listed(NamedTuple):
    """What RECORD of a wheel says of a file."""

    algorithm: str
    """As `hashlib` names it; empty if the line has no hash."""
    digest: bytes
    """Empty if the line has no hash."""
    size: int | None
    """Bytes; None if the line has no size."""


def read_rows(text: str, fail: Callable[[str], PipperError]) -> Iterator[tuple[int, Row]]:
    """Yield the lines of RECORD with their numbers; raises the error that `fail` returns for a cause."""
    # Not `splitlines`: a path may have characters that end a line in Unicode.
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for fields in reader:
            if len(fields) == 3:
                yield reader.line_num, Row._make(fields)
            elif fields:
                raise fail(f"line {reader.line_num} has {len(fields)} fields, not 3")
    except csv.Error as error:
        raise fail(f"it is not valid CSV: {error}") from error


def parse_record(raw: bytes, *, files: Collection[str], subject: str) -> dict[str, Listed]:
    """Return what the lines of a wheel's RECORD say, by path.

    `files` are the wheel's members without folders. Raises IntegrityError for text that is not CSV of three
    fields, for a path outside the wheel or not in it, for two lines that contradict each other, and for a
    hash that is malformed or weaker than sha256.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refusal(subject, "RECORD is not UTF-8") from error
    rows: dict[str, Listed] = {}
    for number, row in read_rows(text, lambda cause: refusal(subject, f"RECORD is damaged: {cause}")):
        if row.path not in files:
            fault = path_fault(row.path) or "is not in the wheel"
            raise refusal(subject, f"RECORD line {number}: {shortened(row.path)} {fault}")
        checked = _checked(row, subject)
        if rows.setdefault(row.path, checked) != checked:
            raise refusal(subject, "has two different lines in RECORD", member=row.path)
    return rows


def _checked(row: Row, subject: str) -> Listed:
    if row.size and not _SIZE.fullmatch(row.size):
        raise refusal(subject, f"has the size {shortened(row.size)} in RECORD", member=row.path)
    size = int(row.size) if row.size else None
    if not row.hash:
        return Listed("", b"", size)
    algorithm, _, written = row.hash.partition("=")
    if algorithm not in _BYTES:
        fault = f"has a hash by {shortened(algorithm)} in RECORD; sha256 or stronger is required"
        raise refusal(subject, fault, member=row.path)
    digest = decoded(written) if _DIGEST.fullmatch(written) else b""
    if len(digest) != _BYTES[algorithm]:
        raise refusal(subject, f"has a malformed {algorithm} hash in RECORD", member=row.path)
    return Listed(algorithm, digest, size)


def format_record(rows: Iterable[Row]) -> str:
    """Return the text of RECORD, sorted by path."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(sorted(rows))
    return stream.getvalue()


def row_of(path: str, content: bytes) -> Row:
    """Return the line for a file with this content."""
    return Row(path, f"sha256={encoded(hashlib.sha256(content).digest())}", str(len(content)))


def encoded(digest: bytes) -> str:
    """Return a digest as RECORD writes it: base64, URL-safe, without padding."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return the digest for its text in RECORD, with or without padding; empty if it is not base64."""
    bare = text.rstrip("=")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except ValueError:
        return b""
