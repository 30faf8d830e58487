"""RECORD of what is installed: read from the disk, and who owns a file by it (PEP 376, PEP 627)."""

from typing import NamedTuple

from pipper.errors import MachineError
from pipper.system.files import digest_of
from pipper.system.os_errors import os_errors
from pipper.wheels.record import Row, encoded, read_rows


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
    return [row for _, row in read_rows(text, lambda cause: _damaged(place, cause))]


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


def file_hash(path: str, algorithm: str = "sha256") -> str:
    """Return `ALGORITHM=DIGEST` of a file; raises OSError, or ValueError for an unknown algorithm."""
    return f"{algorithm}={encoded(digest_of(path, algorithm))}"


def _damaged(place: str, cause: str) -> MachineError:
    return MachineError(
        f"`{place}` is damaged",
        cause=cause,
        hint="remove this distribution by hand, or make the environment anew",
    )
