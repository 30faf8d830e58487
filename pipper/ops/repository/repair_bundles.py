"""What a repair does with bundles: it unpacks those of 0.x, and restores lost wheels from them."""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.archive_limits import Limits
from pipper.core.layout.keys import METADATA_SUFFIX, TEXT, ZIP, bundle_version
from pipper.core.layout.page import ProjectPage
from pipper.core.layout.provenance import RemovedFile
from pipper.core.ports import ObjectInfo, Store
from pipper.errors import (
    IntegrityError,
    ObjectAbsentError,
    ObjectChangedError,
    ObjectExistsError,
)
from pipper.ops.repository.findings import (
    Finding,
    bundle_conflict,
    damaged_bundle,
    of_removed_bundle,
    rival_bundles,
)
from pipper.ops.repository.read_publication import read_publication
from pipper.ops.repository.repair_work import Work
from pipper.repository.deletion import delete_unless_needed
from pipper.repository.legacy_bundles import REPLACE, of_stored, read_bundle_entry
from pipper.repository.looks import Survey, WheelLook
from pipper.repository.object_bodies import fetch_object
from pipper.repository.page_swap import put
from pipper.repository.publication import Publication
from pipper.repository.publisher import Publisher
from pipper.repository.source import Repository
from pipper.repository.survey import described
from pipper.system.retry import pause_if_damaged, retry


class BundleMender:
    """Works on the bundles of one repository; several threads may use it."""

    def __init__(self, repository: Repository, publisher: Publisher, limits: Limits) -> None:
        self._repository = repository
        self._store = repository.store
        self._publisher = publisher
        self._limits = limits

    def restore(self, survey: Survey, look: WheelLook, start: str, folder: Path) -> Publication | None:
        """Restore a lost wheel from a bundle that has it, by the start of its sha256; return it, None if none has."""
        donors = (bundle for bundle in survey.bundles.values() if bundle.sha256.startswith(start))
        donor = next(donors, None)
        if donor is None:
            return None
        publication = self._open(donor.info, folder)
        key = f"{survey.holding.name}/{look.url}"
        put_unless_changed(self._store, key, publication.path, ZIP, look.info)
        put_unless_changed(
            self._store,
            key + METADATA_SUFFIX,
            publication.metadata,
            TEXT,
            survey.holding.metadata.get(look.url),
        )
        return publication

    def import_all(self, survey: Survey, page: ProjectPage, work: Work, folder: Path) -> None:
        """Unpack the newest bundle of each version that has no wheel on the page."""
        published = page.versions
        waiting: dict[Version, list[ObjectInfo]] = {}
        for info in sorted(survey.holding.bundles, key=lambda each: (each.modified, each.key)):
            version = bundle_version(info.key)
            if version is not None and version not in published:
                waiting.setdefault(version, []).append(info)
        work.left += _of_published(survey, page)
        for version, bundles in waiting.items():
            if removal := page.removal(version):
                self._finish_removal(survey.holding.name, bundles, removal, work, folder)
                continue
            try:
                self._import(survey, bundles[-1], work, folder)
            except ObjectAbsentError:
                # One answer is not enough: in format 2, a bundle that is left out is no longer published.
                if self._store.head(bundles[-1].key) is not None:
                    raise
            except IntegrityError as error:
                self._keep_as_bundle(bundles[-1], error, work)
        stored = {info.key for info in survey.holding.bundles}
        for bundle in page.bundles:
            if bundle.key not in stored:
                work.on_page[bundle.key] = "removed from the page: the bundle does not exist"
        looked = [look for look in survey.bundles.values() if look.version in waiting]
        work.left += rival_bundles(looked, published)

    def _finish_removal(
        self,
        name: NormalizedName,
        bundles: Iterable[ObjectInfo],
        removal: RemovedFile,
        work: Work,
        folder: Path,
    ) -> None:
        """Delete the bundles that an interrupted prune left; report those that 0.x published since."""
        for info in bundles:
            if not removal.outlives(info.modified):
                work.left.append(of_removed_bundle(info, removal))
            elif delete_unless_needed(
                self._repository,
                name,
                info,
                folder,
                goes=lambda found: removal.outlives(found.modified),
            ):
                work.mend(info.key, f"removed it: {removal}")

    def _import(self, survey: Survey, info: ObjectInfo, work: Work, folder: Path) -> None:
        publication = self._open(info, folder)
        if publication.name != survey.holding.name or publication.version != bundle_version(info.key):
            raise IntegrityError(f"its wheel is {publication.name} {publication.version}", hint=REPLACE)
        self._publisher.upload(publication)
        work.taken[info.key] = publication
        work.added.append(publication.page_file(info.modified))

    def _keep_as_bundle(self, info: ObjectInfo, error: IntegrityError, work: Work) -> None:
        """Report a bundle that cannot be unpacked; its entry stays on the page if the bundle can be read."""
        text = f"cannot import the bundle: {described(of_stored(error), REPLACE)}"
        work.left.append(Finding(kind="damaged bundle", subject=info.key, text=text))
        with suppress(IntegrityError, ObjectAbsentError, ObjectChangedError):
            work.noted.append(read_bundle_entry(self._store, info))

    def _open(self, info: ObjectInfo, folder: Path) -> Publication:
        """Return the verified wheel of a bundle as a publication; its file is below `folder`."""
        return retry(lambda: self._opened(info, folder), attempts=2, pause=pause_if_damaged)

    def _opened(self, info: ObjectInfo, folder: Path) -> Publication:
        place = Path(tempfile.mkdtemp(dir=folder))
        path = place / info.key.rpartition("/")[2]
        fetch_object(self._store, info.key, path)
        publication = read_publication(path, place, self._limits)
        path.unlink()
        return replace(publication, bundle=None)


def _of_published(survey: Survey, page: ProjectPage) -> Iterator[Finding]:
    """Find what is wrong with the bundles of versions that have a wheel on the page."""
    for look in survey.bundles.values():
        if look.version not in page.versions:
            continue
        if look.fault:
            yield damaged_bundle(look)
        elif text := bundle_conflict(look, page):
            yield Finding(kind="conflict", subject=look.info.key, text=text)


def put_unless_changed(
    store: Store, key: str, body: bytes | Path, content_type: str, found: ObjectInfo | None
) -> None:
    """Store an object in place of the one found; if another process wrote first, its object stays.

    Raises ConflictError if the store refuses, and nobody wrote.
    """
    try:
        put(store, key, body, etag=found.etag if found else None, content_type=content_type)
    except (ObjectExistsError, ObjectChangedError):
        now = store.head(key)
        if now is None or (found is not None and now.etag == found.etag):
            raise
