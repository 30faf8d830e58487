"""What a source offers for a copy: the files on a page of a repository or of the index, and how to fetch them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.core.archive_limits import Limits
from pipper.core.layout.keys import METADATA_SUFFIX, wheel_key
from pipper.core.layout.notes import FileNotes, FileOrigin
from pipper.core.layout.page import PageBundle, PageFile
from pipper.core.ports import CandidateFile, CopiesWithin
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import IntegrityError, ObjectAbsentError
from pipper.index.source import IndexSource
from pipper.ops.repository.read_publication import read_publication, read_wheel
from pipper.repository.copier import Offer
from pipper.repository.publisher import Publication
from pipper.repository.source import Repository
from pipper.repository.survey import fetch_object
from pipper.system.os_errors import os_errors
from pipper.system.retry import pause_if_broken, retry

_ATTEMPTS = 3
_LARGEST = 5 << 30
"""Bytes: the largest object that S3 accepts in one upload."""
_REPAIR = "run `pipper repository check` for the source, then `pipper repository repair`"
_WHEEL = "package.whl"


class Ways(Struct, frozen=True, kw_only=True):
    """What every offer of a source needs."""

    origin: FileOrigin
    limits: Limits
    now: datetime


def repository_offers(source: Repository, name: NormalizedName, ways: Ways) -> list[Offer]:
    """Return the wheels on the page of a project, and the bundles of versions that have no wheel."""
    if name not in source.folders():
        return []
    page = source.page(name)
    offers = []
    for file in page.files:
        notes = replace(file.notes, origin=file.notes.origin or ways.origin)
        entry = replace(file, notes=notes)
        offers.append(
            Offer(
                name=name,
                version=wheel_identity(file.filename).version,
                filename=file.filename,
                sha256=file.sha256,
                size=file.size,
                yanked=file.yanked,
                entry=entry,
                fetch=partial(_published_wheel, source, name, entry),
                within=partial(_copied_within, source, name, entry),
            )
        )
    published = {offer.version for offer in offers}
    offers += [
        Offer(
            name=name,
            version=read_version(bundle.version),
            filename=bundle.wheel,
            sha256="",
            size=bundle.size,
            fetch=partial(_bundled_wheel, source, bundle, ways),
        )
        for bundle in page.bundles
        if read_version(bundle.version) not in published
    ]
    return offers


def _published_wheel(source: Repository, name: NormalizedName, entry: PageFile, folder: Path) -> Publication:
    key = wheel_key(name, entry.sha256, entry.filename)
    place = f"{source.store.location}/{key}"
    path = folder / _WHEEL
    try:
        digest = _fetched(lambda: source.store.stream(key), path)
        metadata = source.store.read(key + METADATA_SUFFIX).body
    except ObjectAbsentError as error:
        raise IntegrityError(
            f"{place} is on the page and does not exist", cause=error.message, hint=_REPAIR
        ) from error
    _require(place, entry.sha256, digest, _REPAIR)
    _require(f"{place}{METADATA_SUFFIX}", entry.metadata_sha256, sha256(metadata).hexdigest(), _REPAIR)
    return Publication(
        source=path,
        path=path,
        filename=entry.filename,
        name=name,
        version=wheel_identity(entry.filename).version,
        sha256=digest,
        size=entry.size,
        metadata=metadata,
        needs=entry.needs,
        listed=entry,
    )


def _copied_within(source: Repository, name: NormalizedName, entry: PageFile, target: CopiesWithin) -> bool:
    """Have the server copy a wheel and its METADATA, if it can: the wheel is read, but not sent again."""
    store = source.store
    if not target.can_copy_from(store):
        return False
    key = wheel_key(name, entry.sha256, entry.filename)
    for each, expected in ((key, entry.sha256), (key + METADATA_SUFFIX, entry.metadata_sha256)):
        found = store.head(each)
        if found is None:
            return False  # the other way raises the error
        digest = sha256()
        with store.stream(each) as pieces:
            for piece in pieces:
                digest.update(piece)
        _require(f"{store.location}/{each}", expected, digest.hexdigest(), _REPAIR)
        target.copy_from(store, each, etag=found.etag)
    return True


def _bundled_wheel(source: Repository, bundle: PageBundle, ways: Ways, folder: Path) -> Publication:
    path = folder / bundle.key.rpartition("/")[2]
    with os_errors("write", path):
        fetch_object(source.store, bundle.key, path)
    publication = replace(read_publication(path, folder, ways.limits), bundle=None)
    entry = replace(
        publication.page_file(ways.now, FileNotes(origin=ways.origin)), upload_time=bundle.upload_time
    )
    return replace(publication, listed=entry)


def index_offers(index: IndexSource, name: NormalizedName, ways: Ways) -> list[Offer]:
    """Return the wheels on the page of a project of the index."""
    return [
        Offer(
            name=name,
            version=release.version,
            filename=file.filename,
            sha256=file.locked.sha256,
            size=file.locked.size,
            yanked=False if file.yanked is None else file.yanked or True,
            fetch=partial(_index_wheel, index, name, file, ways),
        )
        for release in index.releases(name)
        for file in release.files
    ]


def _index_wheel(
    index: IndexSource, name: NormalizedName, file: CandidateFile, ways: Ways, folder: Path
) -> Publication:
    place = f"{file.filename} of the index"
    hint = "report this to the administrator of the index"
    if not file.locked.sha256:
        raise IntegrityError(f"the index has no sha256 for {file.filename}", hint=hint)
    path = folder / _WHEEL
    url = index.address(name, file.filename)
    digest = _fetched(
        lambda: index.connection.reader.stream(url), path, largest=file.locked.size or _LARGEST, place=place
    )
    _require(place, file.locked.sha256, digest, hint)
    publication = read_wheel(path, file.filename, ways.limits)
    if publication.name != name:
        raise IntegrityError(f"{place} is a wheel of {publication.name}", hint=hint)
    entry = publication.page_file(ways.now, FileNotes(origin=ways.origin))
    yanked = False if file.yanked is None else file.yanked or True
    entry = replace(entry, yanked=yanked, upload_time=_moment(file.upload_time or ways.now))
    return replace(publication, listed=entry)


def _moment(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _require(place: str, expected: str, digest: str, hint: str) -> None:
    if digest != expected:
        raise IntegrityError(
            f"hash mismatch for {place}", cause=f"expected sha256:{expected}, got sha256:{digest}", hint=hint
        )


def _fetched(
    stream: Callable[[], AbstractContextManager[Iterator[bytes]]],
    path: Path,
    *,
    largest: int = _LARGEST,
    place: str = "",
) -> str:
    """Write a body to `path` and return its sha256; a body that breaks off is read again."""

    def attempt() -> str:
        digest, size = sha256(), 0
        with stream() as pieces, os_errors("write", path), path.open("wb") as file:
            for piece in pieces:
                size += len(piece)
                if size > largest:
                    raise IntegrityError(
                        f"{place or path.name} is longer than {largest:,} bytes",
                        cause="its source states a smaller size",
                        hint="report this to the administrator of the source",
                    )
                digest.update(piece)
                file.write(piece)
        return digest.hexdigest()

    return retry(attempt, attempts=_ATTEMPTS, pause=pause_if_broken)
