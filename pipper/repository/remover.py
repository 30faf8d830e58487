"""Removal of published versions: the page is swapped first, then their files go. Tombstones stay on the page.

After a crash in between, the files are on no page, and the next prune or `repair` removes them. A tombstone keeps
the number: the version can come back with the same bytes only.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.keys import bundle_version, page_key
from pipper.core.layout.objects import arrange, wheel_version
from pipper.core.layout.page import ProjectPage
from pipper.core.layout.provenance import RemovedFile, removal_of
from pipper.core.layout.published import replaced_alone
from pipper.core.ports import ObjectInfo
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.core.wheel_kinds import upload_moment
from pipper.errors import IntegrityError, ObjectAbsentError
from pipper.repository.deletion import delete_unless_needed
from pipper.repository.legacy_bundles import wheel_sha256
from pipper.repository.object_bodies import fetched
from pipper.repository.page_swap import swap_page
from pipper.repository.source import Repository
from pipper.system.os_errors import os_errors
from pipper.system.retry import pause_if_damaged, retry


class Removal(Struct, frozen=True, kw_only=True):
    """What was removed of one project."""

    files: int = 0
    size: int = 0
    """Bytes."""


class Remover:
    """Removes versions from one repository; several threads may use it, for different projects."""

    def __init__(self, repository: Repository, scratch: Path, *, now: datetime, by: str) -> None:
        """Note on the page that `by` removed files, at `now` if the store's clock agrees; copy into `scratch`."""
        self._repository = repository
        self._store = repository.store
        self._scratch = scratch
        self._now = now
        self._by = by

    def page(self, name: NormalizedName) -> ProjectPage:
        """Return the page of a project, with bundles where they count."""
        return self._with_bundles(self._repository.read_page(name).page)

    def _with_bundles(self, page: ProjectPage) -> ProjectPage:
        if self._repository.layout_format != 1:
            return page
        return self._repository.with_bundles(page, self._repository.list_bundles(page.name))

    def take_off(self, page: ProjectPage, versions: frozenset[Version]) -> ProjectPage:
        """Take versions off the page of a project, by compare-and-swap; return the page as written.

        Raises ConflictError if other writers win every attempt, and what the store raises.
        """
        bundled = {
            bundle.key: self._bundled(bundle.key)
            for bundle in page.bundles
            if read_version(bundle.version) in versions
        }
        replaced = self._replaced_alone(page, versions)

        def without(current: ProjectPage) -> ProjectPage:
            return self._without(self._with_bundles(current), versions, bundled, replaced)

        return self._dated_by_the_store(swap_page(self._repository, page.name, without).page, versions)

    def _bundled(self, key: str) -> str:
        """Return the sha256 of the wheel in a bundle, of the bundle itself if it is damaged; empty if it is gone.

        Every object has a hash, so the version gets its tombstone: a damaged bundle must not keep the others here.
        """
        with suppress(ObjectAbsentError):
            try:
                return retry(lambda: wheel_sha256(self._store, key), attempts=2, pause=pause_if_damaged)
            except IntegrityError as error:
                self._repository.reporter.warning(
                    f"{error.message}: its version is removed and cannot be published again"
                )
            with fetched(self._store, key, self._scratch) as (_, digest):
                return digest
        return ""

    def _dated_by_the_store(self, page: ProjectPage, versions: frozenset[Version]) -> ProjectPage:
        """Correct the time of a removal where this clock is ahead of the store's; return the page as written.

        Else a bundle that 0.x publishes soon would seem to be older than the removal, and be swept with the rest.
        """
        written = self._store.head(page_key(page.name))
        if written is None:
            return page

        def is_ahead(stone: RemovedFile) -> bool:
            at = upload_moment(stone.removed_at)
            return stone.version in versions and at is not None and at > written.modified

        if not any(map(is_ahead, page.removed)):
            return page
        at = _iso(max([written.modified, *self._stored(page.name, versions)]))

        def dated(current: ProjectPage) -> ProjectPage:
            stones = (replace(each, removed_at=at) if is_ahead(each) else each for each in current.removed)
            return replace(current, removed=tuple(stones))

        return swap_page(self._repository, page.name, dated).page

    def _replaced_alone(self, page: ProjectPage, versions: frozenset[Version]) -> dict[str, str]:
        """Return the sha256 of the wheels of versions that are only kept for older locks, by URL.

        The page has no more than the beginning of it, and the tombstones tell what is to be swept.
        """
        found = {}
        alone = {each.version for each in replaced_alone(page)} & versions
        for url in page.replaced:
            if wheel_version(url) in alone:
                with (
                    suppress(ObjectAbsentError),
                    fetched(self._store, f"{page.name}/{url}", self._scratch) as (_, digest),
                ):
                    found[url] = digest
        return found

    def _without(
        self,
        page: ProjectPage,
        versions: frozenset[Version],
        bundled: Mapping[str, str],
        replaced: Mapping[str, str],
    ) -> ProjectPage:
        gone = [file for file in page.files if wheel_identity(file.filename).version in versions]
        bundles = [bundle for bundle in page.bundles if bundle.key in bundled]
        # Not before what goes was stored: the clock of the store may be ahead of this one, and something may have been
        # published since this command began.
        at = _iso(max([self._now, *self._stored(page.name, versions)]))
        stones = [self._stone(file.filename, file.sha256, at) for file in gone]
        held = (bundle for bundle in bundles if bundled[bundle.key])
        stones += [self._stone(bundle.wheel, bundled[bundle.key], at) for bundle in held]
        kept = (url for url in page.replaced if url in replaced)
        stones += [self._stone(url.rpartition("/")[2], replaced[url], at) for url in kept]
        known = {(each.filename, each.sha256) for each in stones}
        stones += [each for each in page.removed if (each.filename, each.sha256) not in known]
        return replace(
            page,
            files=tuple(file for file in page.files if file not in gone),
            bundles=tuple(bundle for bundle in page.bundles if bundle not in bundles),
            replaced=tuple(url for url in page.replaced if wheel_version(url) not in versions),
            removed=tuple(sorted(stones, key=lambda each: (each.version, each.filename, each.sha256))),
        )

    def _stored(self, name: NormalizedName, versions: frozenset[Version]) -> list[datetime]:
        """Return when the objects of versions were stored, by the clock of the store."""
        return [info.modified for _, version, info in _objects(self._listed(name)) if version in versions]

    def _listed(self, name: NormalizedName) -> list[ObjectInfo]:
        folders = self._repository.folders().get(name, [name])
        return [info for folder in folders for info in self._store.list(f"{folder}/")]

    def _stone(self, filename: str, sha256: str, at: str) -> RemovedFile:
        return RemovedFile(filename=filename, sha256=sha256, removed_at=at, removed_by=self._by)

    def sweep(self, name: NormalizedName, going: frozenset[Version] = frozenset()) -> Removal:
        """Delete the objects of removed versions, also those that an interrupted run left.

        Of the versions that are `going` by this run, bundles go whenever they were stored. What somebody publishes
        again at that moment stays. Raises what the store raises, and MachineError if `scratch` cannot be written.
        """
        page = self._repository.read_page(name).page
        if not page.removed:
            return Removal()
        deleted: list[ObjectInfo] = []
        with os_errors("write below", self._scratch):
            for info, goes in _doomed(self._listed(name), page, going):
                if delete_unless_needed(self._repository, name, info, self._scratch, goes=goes):
                    deleted.append(info)
        return Removal(files=len(deleted), size=sum(info.size for info in deleted))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _doomed(
    listed: Iterable[ObjectInfo], page: ProjectPage, going: frozenset[Version]
) -> Iterator[tuple[ObjectInfo, Callable[[ObjectInfo], bool]]]:
    """Yield the objects of removed versions, each with what decides whether it goes; not what was stored later.

    Who brings a version back uploads its wheels before the page names them, so a newer wheel waits for its page. A
    bundle comes after the page: a newer one is of a publish that was overtaken, or of 0.x.
    """
    urls, published = page.urls, page.versions
    removed: dict[Version, list[RemovedFile]] = {}
    for each in page.removed:
        removed.setdefault(each.version, []).append(each)
    for url, version, info in _objects(listed):
        removal = removal_of(removed.get(version, ()), version, url)
        if removal is None or (url in urls if url else version in published):
            continue
        goes = partial(_goes, removal, at_any_time=version in going and not url)
        if goes(info):
            yield info, goes


def _goes(removal: RemovedFile, found: ObjectInfo, *, at_any_time: bool) -> bool:
    return at_any_time or removal.outlives(found.modified)


def _objects(listed: Iterable[ObjectInfo]) -> Iterator[tuple[str, Version, ObjectInfo]]:
    """Yield the METADATA, wheels and bundles of a listing, each with the URL of its wheel (empty for a bundle)."""
    for holding in arrange(listed).projects:
        for objects in (holding.metadata, holding.wheels):
            for url, info in objects.items():
                if version := wheel_version(url):
                    yield url, version, info
        for info in holding.bundles:
            if version := bundle_version(info.key):
                yield "", version, info
