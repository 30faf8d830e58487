"""RECORD: the list of a wheel's files with their hashes (PEP 376, PEP 427)."""

import binascii
import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pipper.errors import IntegrityError
from pipper.wheels.member_paths import path_fault, refusal, shortened

_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}
_DIGEST = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_SIZE = re.compile(r"[0-9]{1,19}")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordLine:
    """What RECORD says of a file."""

    algorithm: str
    """sha256, sha384 or sha512; empty where the line has no hash."""
    digest: bytes
    size: int | None
    """Bytes, where the line says so."""


def parse_record(raw: bytes, *, files: Collection[str], subject: str) -> dict[str, RecordLine]:
    """Return the lines of RECORD by path.

    `files` are the wheel's members, folders left out. Raises IntegrityError for what is no CSV of three
    fields, for a path outside the wheel or not in it, for two lines that contradict each other, and for a
    hash that is malformed or weaker than sha256.
    """
    lines: dict[str, RecordLine] = {}
    for number, row in _rows(raw, subject):
        if len(row) != 3:
            raise refusal(subject, f"RECORD line {number} has {len(row)} fields, not 3")
        path, hash_field, size_field = row
        if path not in files:
            fault = path_fault(path) or "is not in the wheel"
            raise refusal(subject, f"RECORD line {number}: {shortened(path)} {fault}")
        line = _line(path, hash_field, size_field, subject)
        if lines.setdefault(path, line) != line:
            raise refusal(subject, "RECORD lists it twice with different values", member=path)
    return lines


def _rows(raw: bytes, subject: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, and their line numbers."""
    try:
        reader = csv.reader(io.StringIO(raw.decode("utf-8"), newline=""))
        yield from ((reader.line_num, row) for row in reader if row)
    except UnicodeDecodeError as error:
        raise refusal(subject, "RECORD is not UTF-8") from error
    except csv.Error as error:
        raise refusal(subject, f"RECORD is no valid CSV: {error}") from error


def _line(path: str, hash_field: str, size_field: str, subject: str) -> RecordLine:
    if size_field and not _SIZE.fullmatch(size_field):
        raise refusal(subject, f"RECORD has {shortened(size_field)} for its size", member=path)
    size = int(size_field) if size_field else None
    if not hash_field:
        return RecordLine(algorithm="", digest=b"", size=size)
    algorithm, _, encoded = hash_field.partition("=")
    if algorithm not in _BYTES:
        raise refusal(
            subject, f"RECORD has a hash by {shortened(algorithm)}; sha256 or stronger is needed", member=path
        )
    digest = _decoded(encoded) if _DIGEST.fullmatch(encoded) else b""
    if len(digest) != _BYTES[algorithm]:
        raise refusal(subject, f"RECORD has a malformed {algorithm} hash", member=path)
    return RecordLine(algorithm=algorithm, digest=digest, size=size)


def _decoded(encoded: str) -> bytes:
    """The bytes of URL-safe base64 without its padding."""
    bare = encoded.rstrip("=").encode().translate(_TO_STANDARD)
    try:
        return binascii.a2b_base64(bare + b"=" * (-len(bare) % 4))
    except binascii.Error:
        return b""


def missing_error(subject: str, path: str) -> IntegrityError:
    """Return the error for a member that RECORD does not list, or lists without its hash."""
    return refusal(subject, "RECORD does not list it with a hash", member=path)
