"""Give a wheel other requirements: that of a project whose manifest is edited, but not written yet."""

import re
import zipfile
from pathlib import Path

from pipper.core.archive_limits import Limits
from pipper.system.os_errors import os_errors
from pipper.wheels.gate import open_wheel
from pipper.wheels.member_paths import refusal
from pipper.wheels.record import format_record, read_rows, row_of

_FIELD = re.compile(rb"[^\r\n]+(?:\r?\n[ \t][^\r\n]*)*(?:\r?\n)?")
"""A header with the lines that continue it."""
_NAMES = (b"requires-dist:", b"provides-extra:")


def set_requirements(wheel: Path, metadata: bytes, *, limits: Limits) -> None:
    """Write `Requires-Dist` and `Provides-Extra` of `metadata` into METADATA of the wheel, and its line into RECORD.

    Raises IntegrityError if the wheel does not pass the gate, MachineError for the disk.
    """
    with open_wheel(wheel, filename=wheel.name, limits=limits) as opened:
        opened.verify()
        own, folder = opened.metadata.raw, opened.dist_info
    changed = replaced(own, metadata)
    if changed == own:
        return
    with os_errors("write", wheel):
        with zipfile.ZipFile(wheel) as archive:
            members = {info.filename: (info, archive.read(info)) for info in archive.infolist()}
        line = row_of(f"{folder}/METADATA", changed)
        record = members[f"{folder}/RECORD"][1].decode()
        rows = [row for _, row in read_rows(record, lambda cause: refusal(wheel.name, cause))]
        text = format_record(line if row.path == line.path else row for row in rows)
        new = {line.path: changed, f"{folder}/RECORD": text.encode()}
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, (info, content) in members.items():
                archive.writestr(info, new.get(name, content))


def replaced(own: bytes, other: bytes) -> bytes:
    """Return the METADATA `own` with the requirements that `other` states."""
    head, rest = _split(own)
    wanted = [field.strip() for field in _FIELD.findall(_split(other)[0]) if _is_requirement(field)]
    fields = _FIELD.findall(head)
    if [field.strip() for field in fields if _is_requirement(field)] == wanted:
        return own
    kept = [field.rstrip(b"\r\n") for field in fields if not _is_requirement(field)]
    return b"\n".join([*kept, *wanted]) + b"\n" + rest


def _is_requirement(field: bytes) -> bool:
    return field.lower().startswith(_NAMES)


def _split(metadata: bytes) -> tuple[bytes, bytes]:
    """Return the headers, and what begins with the blank line after them."""
    end = re.search(rb"(?<=\n)\r?\n", metadata)
    return (metadata[: end.start()], metadata[end.start() :]) if end else (metadata, b"")
