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
from pipper.core.layout.objects import is_wheel_url
from pipper.core.layout.page import Needs, PageBundle, PageFile
from pipper.core.layout.provenance import FileNotes, FileOrigin
from pipper.core.ports import CandidateFile, CopiesWithin
from pipper.core.standards import read_sdist_name, read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import IntegrityError, ObjectAbsentError, StoreLacksError
from pipper.index.source import IndexSource
from pipper.ops.repository.copy_builds import SdistBuilds
from pipper.ops.repository.read_publication import read_publication, read_wheel
from pipper.repository.copier import Offer
from pipper.repository.object_bodies import fetch_object
from pipper.repository.publication import Publication, of_listed
from pipper.repository.source import Repository
from pipper.system.os_errors import os_errors
from pipper.system.retry import pause_if_broken, retry

_ATTEMPTS = 3
_LARGEST = 5 << 30
"""Bytes: the largest object that S3 accepts in one upload."""
_REPAIR = "run `pipper repository check` for the source, then `pipper repository repair`"
_WHEEL = "package.whl"
_REPORT = "report this to the administrator of the index"


class Ways(Struct, frozen=True, kw_only=True):
    """What every offer of a source needs."""

    origin: FileOrigin
    limits: Limits
    now: datetime
    builds: SdistBuilds | None = None
    """What builds wheels of source distributions; None for a source that has none, or if none may be built."""


def repository_offers(source: Repository, name: NormalizedName, ways: Ways) -> list[Offer]:
    """Return the wheels on the page of a project, also replaced ones, and the bundles of versions without a wheel."""
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
    return offers + [_replaced_offer(source, name, url) for url in page.replaced if is_wheel_url(url)]


def _replaced_offer(source: Repository, name: NormalizedName, url: str) -> Offer:
    return Offer(
        name=name,
        version=wheel_identity(url.partition("/")[2]).version,
        filename=url,
        sha256="",
        is_replaced=True,
        size=0,
        fetch=partial(_replaced_wheel, source, name, url),
    )


def _published_wheel(source: Repository, name: NormalizedName, entry: PageFile, folder: Path) -> Publication:
    place = f"{source.store.location}/{name}/{entry.url}"
    path = folder / _WHEEL
    digest, metadata = _fetched_wheel(source, f"{name}/{entry.url}", path)
    _require(place, entry.sha256, digest, _REPAIR)
    _require(f"{place}{METADATA_SUFFIX}", entry.metadata_sha256, sha256(metadata).hexdigest(), _REPAIR)
    return of_listed(entry, name, path, metadata=metadata)


def _replaced_wheel(source: Repository, name: NormalizedName, url: str, folder: Path) -> Publication:
    path = folder / _WHEEL
    digits, _, filename = url.partition("/")
    digest, metadata = _fetched_wheel(source, f"{name}/{url}", path)
    _require(f"{source.store.location}/{name}/{url}", digits, digest[: len(digits)], _REPAIR)
    with os_errors("read", path):
        size = path.stat().st_size
    entry = PageFile(
        filename=filename,
        sha256=digest,
        size=size,
        upload_time="",
        metadata_sha256=sha256(metadata).hexdigest(),
        needs=Needs(),
    )
    return of_listed(entry, name, path, metadata=metadata)


def _fetched_wheel(source: Repository, key: str, path: Path) -> tuple[str, bytes]:
    """Write a wheel to `path`, and return its sha256 and the METADATA beside it."""
    try:
        digest = _fetched(lambda: source.store.stream(key), path)
        return digest, source.store.read(key + METADATA_SUFFIX).body
    except ObjectAbsentError as error:
        raise IntegrityError(
            f"{source.store.location}/{key} is on the page and does not exist",
            cause=error.message,
            hint=_REPAIR,
        ) from error


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
        try:
            target.copy_from(store, each, etag=found.etag)
        except StoreLacksError:
            return False  # a server without copies: its clients move the bytes
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
    """Return the wheels on the page of a project of the index, and the source distributions that may be built."""
    releases = index.releases(name)
    wheels = [
        Offer(
            name=name,
            version=release.version,
            filename=file.filename,
            sha256=file.locked.sha256,
            size=file.locked.size,
            yanked=False if file.yanked is None else file.yanked or True,
            fetch=partial(_index_wheel, index, name, file, ways),
        )
        for release in releases
        for file in release.files
    ]
    builds = ways.builds
    if builds is None or not builds.allows(name):
        return wheels
    return wheels + [
        Offer(
            name=name,
            version=release.version,
            filename=file.filename,
            sha256="",
            size=file.locked.size,
            yanked=False if file.yanked is None else file.yanked or True,
            is_there=partial(builds.has_wheel, version=release.version),
            fetch=partial(_built_wheel, index, name, file, ways),
        )
        for release in releases
        for file in release.sdists
        if not any(builds.fits(wheel.filename) for wheel in release.files)
    ]


def _index_wheel(
    index: IndexSource, name: NormalizedName, file: CandidateFile, ways: Ways, folder: Path
) -> Publication:
    path = folder / _WHEEL
    _from_index(index, name, file, path)
    publication = read_wheel(path, file.filename, ways.limits)
    if publication.name != name:
        raise IntegrityError(f"{file.filename} of the index is a wheel of {publication.name}", hint=_REPORT)
    return replace(publication, listed=_listed(publication, file, ways, ways.origin))


def _from_index(index: IndexSource, name: NormalizedName, file: CandidateFile, path: Path) -> str:
    """Write a file of the index to `path` and return its sha256, which is the one that the index states."""
    place = f"{file.filename} of the index"
    if not file.locked.sha256:
        raise IntegrityError(f"the index has no sha256 for {file.filename}", hint=_REPORT)
    url = index.address(name, file.filename)
    digest = _fetched(
        lambda: index.connection.reader.stream(url), path, largest=file.locked.size or _LARGEST, place=place
    )
    _require(place, file.locked.sha256, digest, _REPORT)
    return digest


def _listed(publication: Publication, file: CandidateFile, ways: Ways, origin: FileOrigin) -> PageFile:
    """Return the entry for the page, with yank mark and upload time of a file of the index."""
    entry = publication.page_file(ways.now, FileNotes(origin=origin))
    yanked = False if file.yanked is None else file.yanked or True
    return replace(entry, yanked=yanked, upload_time=_moment(file.upload_time or ways.now))


def _built_wheel(
    index: IndexSource, name: NormalizedName, file: CandidateFile, ways: Ways, folder: Path
) -> Publication:
    assert ways.builds is not None, file  # noqa: S101 - only then it was offered
    archive = folder / file.filename
    digest = _from_index(index, name, file, archive)
    path = ways.builds.build(archive, folder / "built")
    publication = read_wheel(path, path.name, ways.limits)
    version = read_sdist_name(file.filename)[1]
    if (publication.name, publication.version) != (name, version):
        raise IntegrityError(
            f"the build of {file.filename} gave {path.name}",
            cause="that is another project or another version",
            hint=f"copy another version of {name}, and tell its publisher",
        )
    origin = replace(ways.origin, built_from=f"{file.filename} sha256:{digest}")
    return replace(publication, listed=_listed(publication, file, ways, origin))


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
