"""The journal of a change. The change is committed when the journal is on the disk.

`.pipper/journal.json` names outgoing and incoming distributions; the staging tree beside it holds the files. It is
written atomically, with its own sha256 in the first line, and a command that finds it finishes the change. It then
becomes `unsettled.json`, since a power cut may still lose data in the disk's cache (see `settling`).
"""

import hashlib
import json
import os
from pathlib import Path

from msgspec import Struct, ValidationError, convert, to_builtins

from pipper.apply.installed_record import RECREATE, read_record_text
from pipper.apply.installer import Staged
from pipper.apply.pending import JOURNAL
from pipper.core.plain_json import load_json
from pipper.errors import MachineError
from pipper.system.files import read_bytes, write_durable
from pipper.system.regular_file import read_regular

UNSETTLED = "unsettled.json"

_FORMAT = 2
_WITHOUT_DIGEST = 1
"""The format of older journals, which have no digest."""


class Outgoing(Struct, frozen=True, kw_only=True, array_like=True):
    """A distribution to remove."""

    name: str
    dist_info: str
    """Below the anchor."""
    record_sha256: str
    """The sha256 of its RECORD, in hex; it identifies the distribution."""


class Document(Struct, frozen=True, kw_only=True, array_like=True):
    """A file of the user that changes together with the environment: manifest, lock."""

    path: Path
    content: bytes
    before: str
    """The sha256 of the replaced file, in hex; empty if there was none."""


class Journal(Struct, frozen=True, kw_only=True):
    """One change of an environment."""

    format: int = _FORMAT
    anchor: str
    boot: str
    """The `stamp.boot_id` at its start."""
    outgoing: tuple[Outgoing, ...] = ()
    incoming: tuple[Staged, ...] = ()
    documents: tuple[Document, ...] = ()


def write_journal(state: Path, journal: Journal) -> None:
    """Commit: when this returns, the journal is on the disk. After an OSError it may be there or not."""
    if not journal.boot and hasattr(os, "sync"):
        # A later power cut cannot be detected, so everything has to be on the disk first.
        os.sync()
    text = json.dumps(to_builtins(journal, enc_hook=str)).encode()
    write_durable(state / JOURNAL, sha256_of(text).encode() + b"\n" + text)


def read_journal(state: Path, name: str = JOURNAL) -> Journal | None:
    """Return the journal, or None if there is none; raises MachineError if it cannot be read."""
    path = state / name
    written = read_bytes(path)
    if written is None:
        return None
    try:
        if written.startswith(b"{"):
            return _journal_in(written, _WITHOUT_DIGEST)
        digest, _, text = written.partition(b"\n")
        # A single changed byte could remove a file of another distribution.
        if digest.decode() != sha256_of(text):
            raise ValueError(digest)
        return _journal_in(text, _FORMAT)
    except (ValueError, ValidationError) as error:
        raise MachineError(
            f"`{path}` is damaged or was written by a newer pipper",
            hint=f"update pipper, or {RECREATE}",
        ) from error


def settle_journal(state: Path, journal: Journal) -> None:
    """Mark the journal as done; raises OSError."""
    if journal.boot and journal.incoming:
        os.replace(state / JOURNAL, state / UNSETTLED)
    else:
        os.unlink(state / JOURNAL)


def sha256_of(content: bytes) -> str:
    """Return the digest in hex."""
    return hashlib.sha256(content).hexdigest()


def sha256_at(path: Path) -> str:
    """Return the digest of a file in hex; empty if there is none. Raises OSError."""
    try:
        return sha256_of(read_regular(path))
    except FileNotFoundError:
        return ""


def record_sha256(dist_info: str) -> str:
    """Return the digest of a distribution's RECORD in hex; empty if it is missing. Raises MachineError."""
    text = read_record_text(dist_info)
    return "" if text is None else sha256_of(text.encode())


def _journal_in(text: bytes, form: int) -> Journal:
    # Not `msgspec.json`: a path may have bytes that are not UTF-8, which only `json` can write.
    journal = convert(load_json(text), Journal, dec_hook=lambda kind, value: kind(value))
    if journal.format != form:
        raise ValueError(journal.format)
    return journal
