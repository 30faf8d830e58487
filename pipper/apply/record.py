"""RECORD: what a distribution brought, line by line (PEP 376, PEP 627, recording installed projects)."""

import base64
import csv
import hashlib
import io
from collections.abc import Iterable
from typing import NamedTuple

from pipper.errors import MachineError
from pipper.system.files import digest_of
from pipper.system.os_errors import os_errors


class Row(NamedTuple):
    """A line of RECORD. A named tuple, as there are ten thousand of them in an environment."""

    path: str
    """Relative to the folder that holds the `.dist-info`, as it is written there."""
    hash: str
    """`sha256=` and the digest in base64 for files of ours; empty where nothing is said."""
    size: str
    """Bytes; empty where nothing is said."""


class Claim(NamedTuple):
    """Who brings a file, and which bytes."""

    owner: str
    """The name of a distribution."""
    hash: str
    """As RECORD writes it."""
    member: str = ""
    """Wheel and member, of a file that a wheel puts anywhere in the environment by `.data/data` (PEP 427)."""


def parse_record(text: str, place: str) -> list[Row]:
    """Return the lines of the RECORD at `place`; raises MachineError where it is damaged."""
    rows = []
    try:
        # Not `splitlines`: a path may hold what Unicode takes for the end of a line.
        for line in csv.reader(io.StringIO(text, newline="")):
            if len(line) == 3:
                rows.append(Row._make(line))
            elif line:
                raise _damaged(place, f"a line has {len(line)} fields, not 3")
    except csv.Error as error:
        raise _damaged(place, str(error)) from error
    return rows


def read_record(dist_info: str) -> list[Row] | None:
    """Return the lines of a distribution's RECORD, None where it has none; raises MachineError."""
    text = read_record_text(dist_info)
    return None if text is None else parse_record(text, f"{dist_info}/RECORD")


def read_record_text(dist_info: str) -> str | None:
    """Return a distribution's RECORD as it is, None where it has none; raises MachineError."""
    path = f"{dist_info}/RECORD"
    with os_errors("read", path):
        try:
            with open(path, encoding="utf-8", newline="") as stream:
                return stream.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except UnicodeDecodeError as error:
            raise _damaged(path, "it is not UTF-8") from error


def format_record(rows: Iterable[Row]) -> str:
    """Return RECORD's text, in the order of paths."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(sorted(rows))
    return stream.getvalue()


def row_of(path: str, content: bytes) -> Row:
    """Return the line for a file with this content."""
    return Row(path, f"sha256={encoded(hashlib.sha256(content).digest())}", str(len(content)))


def encoded(digest: bytes) -> str:
    """Return a digest as RECORD writes it."""
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def file_hash(path: str, algorithm: str = "sha256") -> str:
    """Return `ALGORITHM=DIGEST` of a file; raises OSError, or ValueError for an unknown algorithm."""
    return f"{algorithm}={encoded(digest_of(path, algorithm))}"


def _damaged(place: str, cause: str) -> MachineError:
    return MachineError(
        f"`{place}` is damaged",
        cause=cause,
        hint="remove this distribution by hand, or make the environment anew",
    )
