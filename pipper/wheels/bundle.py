"""Bundles: `.pipper` files, a zip of `package.whl` and `package.meta` in the format of pipper 0.11."""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from msgspec import Struct
from packaging.utils import canonicalize_name

from pipper.core.archive_limits import DEFAULT_LIMITS, Limits
from pipper.core.document import MANIFEST_LIMIT, read_json
from pipper.core.layout.legacy_version import serialize, to_semver
from pipper.core.standards import version_of
from pipper.errors import IntegrityError
from pipper.system.files import replacing
from pipper.system.os_errors import os_errors
from pipper.wheels.gate import WheelFile, open_wheel
from pipper.wheels.member_paths import REBUILD, refusal, shortened
from pipper.wheels.name import parse_wheel_name
from pipper.wheels.zip.archive import ZipArchive, open_zip
from pipper.wheels.zip.layout import STORED, Entry

WHEEL_NAME = "package.whl"
META_NAME = "package.meta"

_STAMP = (1980, 1, 1, 0, 0, 0)
# For the bundle itself: it stores its wheel uncompressed, and the wheel gate limits that.
_LIMITS = Limits(unpacked=1 << 62, members=2, directory=1 << 16, raisable=False)


class Bundle(Struct, frozen=True, kw_only=True):
    """The `package.meta` of a bundle; its wheel is not checked."""

    name: str
    """The project's name as written."""
    version: str
    """The version as written: usually a semantic version, always valid in PEP 440."""
    safe_version: str
    """As in keys and file names; may be empty."""
    wheel_name: str
    """The file name of the wheel (PEP 427)."""
    timestamp: str
    """When the bundle was built (ISO 8601); may be empty."""
    dependencies: tuple[str, ...]
    """Packages that 0.x installs too, in its notation: `bar:>=2.0.0`."""
    raw: bytes
    """The bytes of the file."""


class BundledWheel(Struct, frozen=True, kw_only=True):
    """A wheel that was extracted from a bundle or written into one."""

    bundle: Bundle
    sha256: str
    """Of the wheel, in hex."""
    size: int
    """Of the wheel, in bytes."""


class PackedWheel(BundledWheel, frozen=True, kw_only=True):
    """A wheel that was written into a bundle."""

    path: Path
    """Of the bundle."""


def read_bundle(path: Path) -> Bundle:
    """Return the `package.meta` of the bundle at `path`; `open_wheel` checks the wheel.

    Raises IntegrityError if it is not a zip of exactly a wheel and its meta, or if its meta is malformed or
    contradicts itself; MachineError if it cannot be read.
    """
    with _open(path, path.name) as (_, _, bundle):
        return bundle


def extract_wheel(path: Path, to: Path) -> BundledWheel:
    """Write the wheel in the bundle at `path` to the new file `to`, and return its hash and size.

    Raises IntegrityError as `read_bundle` does, and if the wheel is damaged; MachineError if the bundle cannot
    be read, or if `to` exists or cannot be written. After an error `to` remains.
    """
    with _open(path, path.name) as (archive, wheel, bundle):
        with os_errors("write", to, needed=wheel.size), to.open("xb") as file:
            digest = _copied(archive, wheel, file)
        return BundledWheel(bundle=bundle, sha256=digest, size=wheel.size)


def copy_wheel(file: BinaryIO, to: BinaryIO, *, subject: str) -> BundledWheel:
    """Write the wheel in an open bundle to an open file; `subject` names the bundle in errors.

    Raises IntegrityError as `extract_wheel` does, and OSError if `to` cannot be written.
    """
    with _open(file, subject) as (archive, wheel, bundle):
        return BundledWheel(bundle=bundle, sha256=_copied(archive, wheel, to), size=wheel.size)


def _copied(archive: ZipArchive, entry: Entry, to: BinaryIO) -> str:
    digest = hashlib.sha256()
    for piece in archive.chunks(entry):
        digest.update(piece)
        to.write(piece)
    return digest.hexdigest()


def parse_meta(raw: bytes, *, subject: str) -> Bundle:
    """Return the `package.meta` in `raw`; `subject` names the bundle in errors.

    Raises IntegrityError if `raw` is not a JSON object of at most 1 MiB, if keys are missing, duplicates or of
    the wrong type, if `wheel_name` is not a safe file name of a wheel, and if name or version differ from
    those of the wheel's file name.
    """
    label = f"{subject}: {META_NAME}"
    values = read_json(raw, label=label, limit=MANIFEST_LIMIT, error=IntegrityError, hint=REBUILD)
    name, version = values.text_at("name"), values.text_at("version")
    wheel = parse_wheel_name(values.text_at("wheel_name"), place=f"{label}: wheel_name ")
    if not name.isascii() or canonicalize_name(name) != wheel.name:
        raise refusal(subject, f"{META_NAME} has the name {shortened(name)}, its wheel has {wheel.name!r}")
    if version_of(version) != wheel.version:
        raise refusal(
            subject, f"{META_NAME} has the version {shortened(version)}, its wheel has {wheel.version}"
        )
    return Bundle(
        name=name,
        version=version,
        safe_version=values.text_at("safe_version", ""),
        wheel_name=wheel.filename,
        timestamp=values.text_at("timestamp", ""),
        dependencies=values.at("dependencies", []).texts(),
        raw=raw,
    )


def write_bundle(
    wheel: Path,
    *,
    filename: str,
    output: Path,
    manifest: Mapping[str, object] = MappingProxyType({}),
    limits: Limits = DEFAULT_LIMITS,
) -> Path:
    """Write the bundle of the wheel at `wheel`, whose file name is `filename`, into the folder `output`.

    `manifest` is the project's 0.x manifest; its keys are added to `package.meta`. The bundle is named
    `NAME-SAFEVERSION.pipper` and replaces an older file of that name; equal inputs give equal bytes. A version
    that has no semantic form is escaped: 0.x installs such a bundle from a file, and cannot find it in a
    bucket.

    Returns the bundle's path. Raises IntegrityError if the wheel does not pass the gate, MachineError if the
    bundle cannot be written.
    """
    with open_wheel(wheel, filename=filename, limits=limits) as opened:
        opened.verify()
        return pack_wheel(opened, output, manifest).path


def pack_wheel(
    wheel: WheelFile, output: Path, manifest: Mapping[str, object] = MappingProxyType({})
) -> PackedWheel:
    """Write the bundle of a verified wheel as `write_bundle` does, and hash the wheel."""
    values = _meta(wheel, manifest)
    meta = json.dumps(values, sort_keys=True).encode()
    target = output / f"{values['name']}-{values['safe_version']}.pipper"
    with os_errors("write", target), replacing(target) as file:
        digest = _write_zip(file, wheel, meta)
    bundle = parse_meta(meta, subject=target.name)
    return PackedWheel(path=target, bundle=bundle, sha256=digest, size=wheel.size)


def _write_zip(file: BinaryIO, wheel: WheelFile, meta: bytes) -> str:
    digest = hashlib.sha256()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_member(META_NAME), meta)
        info = _member(WHEEL_NAME)
        info.file_size = wheel.size
        with archive.open(info, "w") as target:
            for piece in wheel.pieces():
                digest.update(piece)
                target.write(piece)
    return digest.hexdigest()


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _STAMP)
    info.external_attr = 0o100644 << 16
    return info


def _meta(wheel: WheelFile, manifest: Mapping[str, object]) -> dict[str, object]:
    semver = to_semver(wheel.version)
    return {
        **manifest,
        "name": wheel.metadata.name,
        "version": semver or str(wheel.version),
        "safe_version": serialize(semver) if semver else "v" + re.sub(r"[^0-9a-z]+", "-", str(wheel.version)),
        "wheel_name": wheel.filename,
        "timestamp": wheel.newest.isoformat(),
    }


@contextmanager
def _open(place: Path | BinaryIO, subject: str) -> Iterator[tuple[ZipArchive, Entry, Bundle]]:
    with open_zip(place, subject=subject, limits=_LIMITS) as archive:
        members = {entry.name: entry for entry in archive.entries}
        if members.keys() != {WHEEL_NAME, META_NAME}:
            shown = ", ".join(map(shortened, members)) or "nothing"
            raise refusal(subject, f"contains {shown}; a bundle contains {META_NAME} and {WHEEL_NAME}")
        if members[WHEEL_NAME].method != STORED:
            raise refusal(subject, "is compressed; a bundle stores its wheel uncompressed", member=WHEEL_NAME)
        meta = archive.read(members[META_NAME], "text")
        yield archive, members[WHEEL_NAME], parse_meta(meta, subject=subject)
