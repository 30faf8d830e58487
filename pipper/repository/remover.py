"""Removal of published versions: the page is swapped first, then their files go. Tombstones stay on the page.

After a crash in between, the files are on no page, and the next prune or `repair` removes them. A tombstone keeps
the number: the version can come back with the same bytes only.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.keys import METADATA_SUFFIX, bundle_version
from pipper.core.layout.notes import RemovedFile, removal_of
from pipper.core.layout.objects import arrange
from pipper.core.layout.page import ProjectPage
from pipper.core.ports import ObjectInfo
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import ConflictError, IntegrityError, ObjectAbsentError
from pipper.repository.deletion import put_back
from pipper.repository.legacy_bundles import wheel_sha256
from pipper.repository.object_bodies import fetch_object
from pipper.repository.page_swap import swap_page
from pipper.repository.source import Repository
from pipper.system.os_errors import os_errors

_KEPT = 64 << 20
"""Bytes of an object that is copied before it is deleted, in case somebody publishes it at that moment."""


class Removal(Struct, frozen=True, kw_only=True):
    """What was removed of one project."""

    files: int = 0
    size: int = 0
    """Bytes."""


class Remover:
    """Removes versions from one repository; several threads may use it, for different projects."""

    def __init__(self, repository: Repository, scratch: Path, *, now: datetime, by: str) -> None:
        """Note on the page that `by` removed files, at `now` if the store's clock agrees; use the folder `scratch`."""
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
            bundle.key: wheel_sha256(self._store, bundle.key)
            for bundle in page.bundles
            if read_version(bundle.version) in versions
        }

        def without(current: ProjectPage) -> ProjectPage:
            return self._without(self._with_bundles(current), versions, bundled)

        return swap_page(self._repository, page.name, without).page

    def _without(
        self, page: ProjectPage, versions: frozenset[Version], bundled: Mapping[str, str]
    ) -> ProjectPage:
        gone = [file for file in page.files if wheel_identity(file.filename).version in versions]
        bundles = [bundle for bundle in page.bundles if bundle.key in bundled]
        at = self._time_of(page.name, versions)
        stones = [self._stone(file.filename, file.sha256, at) for file in gone]
        stones += [self._stone(bundle.wheel, bundled[bundle.key], at) for bundle in bundles]
        known = {(each.filename, each.sha256) for each in stones}
        stones += [each for each in page.removed if (each.filename, each.sha256) not in known]
        return replace(
            page,
            files=tuple(file for file in page.files if file not in gone),
            bundles=tuple(bundle for bundle in page.bundles if bundle not in bundles),
            replaced=tuple(url for url in page.replaced if _version_of(url) not in versions),
            removed=tuple(sorted(stones, key=lambda each: (each.version, each.filename, each.sha256))),
        )

    def _time_of(self, name: NormalizedName, versions: frozenset[Version]) -> str:
        """Return the time of a removal: now, but not before what goes was stored, by the clock of the store.

        That clock may be ahead of this one, and something may have been published since this command began.
        """
        stored = [info.modified for _, version, info in _objects(self._listed(name)) if version in versions]
        return max([self._now, *stored]).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _listed(self, name: NormalizedName) -> list[ObjectInfo]:
        folders = self._repository.folders().get(name, [name])
        return [info for folder in folders for info in self._store.list(f"{folder}/")]

    def _stone(self, filename: str, sha256: str, at: str) -> RemovedFile:
        return RemovedFile(filename=filename, sha256=sha256, removed_at=at, removed_by=self._by)

    def sweep(self, name: NormalizedName, going: frozenset[Version] = frozenset()) -> Removal:
        """Delete the objects of removed versions, also those that an interrupted run left.

        Of the versions that are `going` by this run, bundles go whenever they were stored.

        Raises ConflictError if a large one is published again at that moment, and what the store raises.
        """
        page = self._repository.read_page(name).page
        if not page.removed:
            return Removal()
        doomed = list(_doomed(self._listed(name), page, going))
        if not doomed:
            return Removal()
        with (
            os_errors("write below", self._scratch),
            tempfile.TemporaryDirectory(dir=self._scratch) as folder,
        ):
            copies = (self._delete(info, Path(folder) / str(number)) for number, info in enumerate(doomed))
            deleted = [each for each in copies if each is not None]
            self._restore(name, deleted)
        return Removal(files=len(deleted), size=sum(info.size for info, _ in deleted))

    def _delete(self, info: ObjectInfo, copy: Path) -> tuple[ObjectInfo, Path | None] | None:
        """Delete an object; return it with a copy, or without one if it is large, or None if it is gone already."""
        if info.size > _KEPT:
            self._store.delete(info.key)
            return info, None
        try:
            fetch_object(self._store, info.key, copy)
        except ObjectAbsentError:
            return None
        # A listing has no user metadata, which 0.x reads of a bundle.
        found = self._store.head(info.key) if bundle_version(info.key) else None
        self._store.delete(info.key)
        return found or info, copy

    def _restore(self, name: NormalizedName, deleted: Iterable[tuple[ObjectInfo, Path | None]]) -> None:
        """Store again what was published with the same bytes while it was deleted."""
        page = self._repository.read_page(name).page
        named = {file.url for file in page.files}
        versions = {wheel_identity(file.filename).version for file in page.files}
        for info, copy in deleted:
            url = info.key.removeprefix(f"{name}/").removesuffix(METADATA_SUFFIX)
            if url not in named and bundle_version(info.key) not in versions:
                continue
            if copy is None:
                raise ConflictError(
                    f"{self._store.location}/{info.key} was published while it was removed",
                    cause=f"it is larger than the {_KEPT:,} bytes that are kept for that case",
                    hint="publish the file again",
                )
            put_back(self._store, info, copy)


def _doomed(
    listed: Iterable[ObjectInfo], page: ProjectPage, going: frozenset[Version]
) -> Iterator[ObjectInfo]:
    """Yield the objects of removed versions that no page names; not what was stored after the removal.

    Who brings a version back uploads its wheels before the page names them, so a newer wheel waits for its page. A
    bundle comes after the page: a newer one is of a publish that was overtaken, or of 0.x.
    """
    published = {wheel_identity(file.filename).version for file in page.files}
    named = page.urls
    removed: dict[Version, list[RemovedFile]] = {}
    for each in page.removed:
        removed.setdefault(each.version, []).append(each)
    for url, version, info in _objects(listed):
        removal = removal_of(removed.get(version, ()), version, url)
        if removal is None or (url in named if url else version in published):
            continue
        if removal.outlives(info.modified) or (version in going and not url):
            yield info


def _objects(listed: Iterable[ObjectInfo]) -> Iterator[tuple[str, Version, ObjectInfo]]:
    """Yield the METADATA, wheels and bundles of a listing, each with the URL of its wheel (empty for a bundle)."""
    for holding in arrange(listed).projects:
        for objects in (holding.metadata, holding.wheels):
            for url, info in objects.items():
                if version := _version_of(url):
                    yield url, version, info
        for info in holding.bundles:
            if version := bundle_version(info.key):
                yield "", version, info


def _version_of(url: str) -> Version | None:
    """Return the version in the URL of a wheel; None if that is not the name of one."""
    with suppress(IntegrityError):
        return wheel_identity(url.rpartition("/")[2]).version
    return None
