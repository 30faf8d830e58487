"""Wheels of source distributions in a folder that `pipper download --build` filled, each with a note beside it."""

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, json

from pipper.cache.unpacked import UnpackedWheel
from pipper.core.document import MANIFEST_LIMIT, read_json
from pipper.core.plan import Wanted
from pipper.errors import UsageError
from pipper.system.files import read_bytes
from pipper.system.os_errors import os_errors

SUFFIX = ".built.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class SavedWheel(Struct, frozen=True, kw_only=True):
    """What the note `WHEEL.built.json` says: the lock has the hash of the source distribution, and not of the wheel."""

    sha256: str
    """Of the wheel."""
    sdist: str
    """The sha256 of the source distribution."""
    build: str
    """See `Wanted.build`."""


def note_of(want: Wanted, wheel: UnpackedWheel) -> bytes:
    """Return the text of the note for a wheel."""
    note = SavedWheel(sha256=wheel.sha256, sdist=want.file.sha256, build=want.build)
    return json.format(json.encode(note), indent=1) + b"\n"


def saved_wheels(want: Wanted, folder: Path) -> Iterator[tuple[Path, SavedWheel]]:
    """Yield the wheels in a folder that were built from a source distribution by the same packages.

    Only the notes say so. Raises MachineError if the folder cannot be read.
    """
    with os_errors("read", folder):
        paths = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    for path in paths:
        note = _read(read_bytes(path) or b"", path.name)
        if note and (note.sdist, note.build) == (want.file.sha256, want.build):
            yield path.with_name(path.name.removesuffix(SUFFIX)), note


def _read(data: bytes, label: str) -> SavedWheel | None:
    """Return the note; None for a file of something else that has such a name."""
    try:
        node = read_json(data, label=label, limit=MANIFEST_LIMIT)
        found = {name: node.text_at(name) for name in SavedWheel.__struct_fields__}
    except UsageError:
        return None
    # A path in the cache is made of it.
    return SavedWheel(**found) if _SHA256.fullmatch(found["sha256"]) else None
