"""RECORD of installed distributions, read from the disk (PEP 376, PEP 627)."""

from typing import NamedTuple

from pipper.errors import MachineError
from pipper.system.files import digest_of
from pipper.system.os_errors import os_errors
from pipper.system.regular_file import read_regular
from pipper.wheels.record import Row, encoded, read_rows

RECREATE = "recreate the environment: delete it, then run `pipper sync`"
ONE_NAME = "where it is, two names that differ only in the case of letters are one file"


class Claim(NamedTuple):
    """The distribution that a file belongs to, and the hash of the file."""

    owner: str
    """The name of a distribution."""
    hash: str
    """`ALGORITHM=DIGEST`, as in RECORD."""
    member: str = ""
    """Wheel and member, for a file from `.data/data` (PEP 427), which may be anywhere in the environment."""


def parse_record(text: str, place: str) -> list[Row]:
    """Return the lines of the RECORD at `place`; raises MachineError if it is damaged."""
    return [row for _, row in read_rows(text, lambda cause: _damaged(place, cause))]


def read_record(dist_info: str) -> list[Row] | None:
    """Return the lines of a distribution's RECORD, or None if it is missing; raises MachineError."""
    text = read_record_text(dist_info)
    return None if text is None else parse_record(text, f"{dist_info}/RECORD")


def read_record_text(dist_info: str) -> str | None:
    """Return the text of a distribution's RECORD, or None if it is missing; raises MachineError."""
    path = f"{dist_info}/RECORD"
    with os_errors("read", path):
        try:
            return read_regular(path).decode()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except UnicodeDecodeError as error:
            raise _damaged(path, "it is not UTF-8") from error


def file_hash(path: str, algorithm: str = "sha256") -> str:
    """Return `ALGORITHM=DIGEST` of a file; raises OSError, or ValueError for an unknown algorithm."""
    return f"{algorithm}={encoded(digest_of(path, algorithm))}"


def _damaged(place: str, cause: str) -> MachineError:
    return MachineError(
        f"`{place}` is damaged",
        cause=cause,
        hint=f"delete this distribution's files, or {RECREATE}",
    )
