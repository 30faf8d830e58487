"""The wheel gate: check a wheel completely before any of it is installed.

The binary distribution format (PEP 427), with RECORD mandatory: it lists every member with a hash of sha256
or stronger that its bytes match. `open_wheel` checks the headers and the files of `.dist-info`; `verify` and
`unpack` read every byte once.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from packaging.tags import Tag
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.archive_limits import DEFAULT_LIMITS, Limits
from pipper.errors import IntegrityError
from pipper.system.os_errors import os_errors
from pipper.wheels.entry_points import EntryPoint, parse_entry_points
from pipper.wheels.member_paths import refusal, shortened
from pipper.wheels.metadata import CoreMetadata, parse_metadata
from pipper.wheels.name import WheelName, parse_wheel_name
from pipper.wheels.record import Listed, parse_record
from pipper.wheels.tree import Member, WheelTree, read_tree
from pipper.wheels.zip.archive import ZipArchive, open_zip
from pipper.wheels.zip.layout import Entry


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WheelFile:
    """An open wheel that passed the gate. Valid inside `open_wheel`, for one thread at a time."""

    filename: str
    name: NormalizedName
    version: Version
    tags: frozenset[Tag]
    metadata: CoreMetadata
    root_is_purelib: bool
    other_tags: str
    """How the tags in WHEEL differ from those of the file name, which count; empty if they agree."""
    dist_info: str
    """The name of the folder in the wheel."""
    entry_points: tuple[EntryPoint, ...]
    members: tuple[Member, ...]
    """The files to install, in the order of the wheel; without RECORD and other files of installers."""
    newest: datetime
    """Time of the newest member, read as UTC: the same for the same bytes."""
    _archive: ZipArchive = field(repr=False)
    _record: Mapping[str, Listed] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of the wheel file."""
        return self._archive.size

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the wheel file, in pieces of at most 1 MiB; raises MachineError."""
        return self._archive.pieces()

    def sha256(self) -> str:
        """Return the sha256 of the wheel file, in hex; raises MachineError."""
        return _sha256(self.pieces())

    def verify(self) -> None:
        """Read every member once and check its CRC, size and hash in RECORD; raises IntegrityError."""
        for entry in self._archive.entries:
            for _ in self._checked(entry):
                pass

    def unpack(self, directory: Path) -> None:
        """Write `members` below `directory`, each at its path in the wheel, and verify every byte.

        Creates `directory` if it is missing and overwrites nothing in it. Files get mode 0755 if `executable`,
        else 0644, less the umask. Raises IntegrityError as `verify` does, MachineError with path and bytes
        needed if a write fails; written files remain then.
        """
        root = os.fspath(directory)
        wanted = {member.path: member for member in self.members}
        folders: set[str] = set()
        needed = sum(member.size for member in self.members)
        for entry in self._archive.entries:
            member = wanted.get(entry.name)
            if member is None:
                for _ in self._checked(entry):
                    pass
            else:
                target = f"{root}/{entry.name}"
                with os_errors("write", target, needed=needed):
                    self._write(entry, target, 0o755 if member.executable else 0o644, folders)

    def _write(self, entry: Entry, target: str, mode: int, folders: set[str]) -> None:
        folder = target.rpartition("/")[0]
        if folder not in folders:
            _make_folder(folder, folders)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
        try:
            for piece in self._checked(entry):
                view = memoryview(piece)
                while view:
                    view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)

    def _checked(self, entry: Entry) -> Iterator[bytes]:
        """Yield the pieces of a member; check its hash in RECORD after the last."""
        line = self._record.get(entry.name)
        if line is None or not line.algorithm:
            yield from self._archive.chunks(entry)
            return
        digest: hashlib._Hash = getattr(hashlib, line.algorithm)()
        for piece in self._archive.chunks(entry):
            digest.update(piece)
            yield piece
        if digest.digest() != line.digest:
            raise refusal(self.filename, f"its {line.algorithm} differs from RECORD", member=entry.name)


def _make_folder(path: str, made: set[str]) -> None:
    """Create a folder and those above it if they are missing: one system call each, for there are thousands."""
    with suppress(FileExistsError):
        try:
            os.mkdir(path)  # noqa: PTH102 - pathlib tries to create what is above it again and again
        except FileNotFoundError:
            _make_folder(path.rpartition("/")[0], made)
            os.mkdir(path)  # noqa: PTH102 - as above
    made.add(path)


@contextmanager
def open_wheel(
    place: Path | BinaryIO, *, filename: str, limits: Limits = DEFAULT_LIMITS
) -> Iterator[WheelFile]:
    """Open the wheel at `place`, whose file name is `filename`, and check it except for the members' bytes.

    A file that is open already stays open.
    Checks the file name (PEP 427); the zip's structure (`read_layout`); that one `.dist-info` and METADATA match
    the file name; Wheel-Version 1.x; that RECORD lists exactly the members, each with
    a hash; entry points; install schemes; that no two members collide when installed. `verify` and `unpack`
    check the bytes.

    Raises IntegrityError, naming file, member and rule; MachineError if the file cannot be read.
    """
    name = parse_wheel_name(filename)
    with open_zip(place, subject=filename, limits=limits) as archive:
        tree = read_tree(archive, name)
        metadata = _metadata(tree, name)
        entry_points: tuple[EntryPoint, ...] = ()
        if f"{tree.dist_info}/entry_points.txt" in tree.files:
            raw = tree.read("entry_points.txt", "text")
            entry_points = parse_entry_points(raw, owner=name.name, subject=filename)
        tree.check_collisions(entry_points)
        record = _record(tree)
        yield WheelFile(
            filename=filename,
            name=name.name,
            version=name.version,
            tags=name.tags,
            metadata=metadata,
            root_is_purelib=tree.root_is_purelib,
            other_tags=tree.other_tags,
            dist_info=tree.dist_info,
            entry_points=entry_points,
            members=tree.members(_digests(tree, record)),
            newest=_newest(archive),
            _archive=archive,
            _record=record,
        )


def check_publishable(wheel: WheelFile) -> None:
    """Raise IntegrityError if a solver cannot use the wheel: its requirements are malformed, too many or URLs."""
    fault = wheel.metadata.unusable()
    if fault:
        raise IntegrityError(
            f"{wheel.filename}: {fault}", hint="correct the project's metadata and build the wheel again"
        )


def _metadata(tree: WheelTree, name: WheelName) -> CoreMetadata:
    metadata = parse_metadata(tree.read("METADATA", "record"), subject=name.filename)
    fault = ""
    if metadata.normalized_name != name.name:
        fault = f"METADATA has the name {shortened(metadata.name)}, the file name has {name.name!r}"
    elif metadata.version != name.version:
        fault = f"METADATA has the version {str(metadata.version)[:200]}, the file name has {name.version}"
    if fault:
        raise refusal(name.filename, fault)
    return metadata


def _record(tree: WheelTree) -> dict[str, Listed]:
    """Return the lines of RECORD, one with a hash for every file except RECORD and its signatures."""
    subject = tree.archive.subject
    record = parse_record(tree.read("RECORD", "record"), files=tree.files, subject=subject)
    unhashed = tree.unhashed
    for path, entry in tree.files.items():
        line = record.get(path)
        if path in unhashed:
            if line is not None and line.algorithm and path.endswith("/RECORD"):
                raise refusal(subject, "RECORD lists its own hash, which cannot be correct")
            continue
        if line is None or not line.algorithm:
            raise refusal(subject, "is not in RECORD with a hash", member=path)
        if line.size is not None and line.size != entry.size:
            fault = f"has {line.size:,} bytes in RECORD, {entry.size:,} in the archive"
            raise refusal(subject, fault, member=path)
    return record


def _sha256(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _digests(tree: WheelTree, record: Mapping[str, Listed]) -> dict[str, str]:
    """Return the sha256 of every file, in hex; computed if RECORD has a stronger hash instead."""
    digests = {}
    for path, line in record.items():
        if line.algorithm == "sha256":
            digests[path] = line.digest.hex()
        elif line.algorithm:
            digests[path] = _sha256(tree.archive.chunks(tree.files[path]))
    return digests


def _newest(archive: ZipArchive) -> datetime:
    moment = max((entry.moment for entry in archive.entries), default=0)
    date, time = moment >> 16, moment & 0xFFFF
    try:
        return datetime(
            1980 + (date >> 9),
            date >> 5 & 15,
            date & 31,
            time >> 11,
            time >> 5 & 63,
            time % 32 * 2,
            tzinfo=UTC,
        )
    except ValueError:  # month 0 or hour 31: some tools write no time
        return datetime(1980, 1, 1, tzinfo=UTC)
