"""Small results in the cache that took long to get, by a digest of all that they follow from, each with a seal."""

import contextlib
import os
from pathlib import Path
from typing import TypeVar

from msgspec import MsgspecError, Struct, json

from pipper.cache.cache import Cache
from pipper.cache.folder import mark_used, refuse_links
from pipper.errors import MachineError
from pipper.system.files import write_atomic
from pipper.system.seals import read_sealed, sealed

KIND = "built"
"""The folder in the cache."""

T = TypeVar("T")


def read_note(cache: Cache, key: str, kind: type[T]) -> T | None:
    """Return the note with this key, a digest in hex; None if there is none of this kind that this user sealed."""
    path = _path(cache, key)
    data = read_sealed(path, _subject(key))
    if data is None:
        return None
    with contextlib.suppress(MachineError):  # the note is as good without the mark
        mark_used(path)
    try:
        return json.decode(data, type=kind)
    except (MsgspecError, ValueError, RecursionError):
        return None


def keep_note(cache: Cache, key: str, note: Struct) -> None:
    """Keep a note; do nothing if the disk refuses: the result is then made again."""
    path = _path(cache, key)
    refuse_links(os.path.dirname(path))
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_atomic(Path(path), sealed(json.encode(note), _subject(key)))


def _subject(key: str) -> str:
    return f"{KIND} {key}"


def _path(cache: Cache, key: str) -> str:
    return f"{cache.root}/{KIND}/{key[:2]}/{key}"
