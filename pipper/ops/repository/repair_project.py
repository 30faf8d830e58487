"""Repair of one project of a repository: restores objects, imports bundles of 0.x, writes the page, sweeps.

Other processes may publish or repair at the same time. Files are written before the page, and the page by
compare-and-swap. An object is only deleted if no page names it, and if it is older than a day or of a version that was
removed; it is restored if a page names it after all. A project whose first publish may be running is left alone.
"""

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.archive_limits import Limits
from pipper.core.layout.keys import METADATA_SUFFIX, TEXT, ZIP, bundle_version
from pipper.core.layout.notes import RemovedFile, removal_of
from pipper.core.layout.page import Needs, PageBundle, PageFile, ProjectPage
from pipper.core.ports import ObjectInfo
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.core.wording import counted
from pipper.errors import (
    ConflictError,
    IntegrityError,
    ObjectAbsentError,
    ObjectChangedError,
    ObjectExistsError,
)
from pipper.ops.repository.findings import (
    Finding,
    bundle_conflict,
    duplicate_entries,
    entry_by_wheel,
    entry_difference,
    is_unfinished,
    of_removed_bundle,
    rival_bundles,
    unfit_wheel,
)
from pipper.ops.repository.read_publication import read_publication
from pipper.ops.repository.sweep import Mend, sweep
from pipper.repository.deletion import delete_unless_needed
from pipper.repository.legacy_bundles import REPLACE, of_stored, read_bundle_entry
from pipper.repository.object_bodies import fetch_object
from pipper.repository.page_swap import put, swap_page
from pipper.repository.publication import Publication
from pipper.repository.publisher import Publisher
from pipper.repository.source import Repository
from pipper.repository.survey import (
    BundleLook,
    Survey,
    WheelLook,
    described,
)
from pipper.system.os_errors import os_errors
from pipper.system.retry import pause_if_damaged, retry


class Work(Struct, kw_only=True):
    """The changes for the one page write of a project, and what its repair did and left."""

    mends: list[Mend] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)
    """Findings that only a user can resolve."""
    dropped: dict[str, WheelLook] = field(default_factory=dict)
    """Lost wheels whose entries go, by URL."""
    corrected: dict[str, PageFile] = field(default_factory=dict)
    added: list[PageFile] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    noted: list[PageBundle] = field(default_factory=list)
    """Bundles that cannot be unpacked and stay as entries."""
    taken: list[Publication] = field(default_factory=list)

    def mend(self, subject: str, text: str) -> None:
        self.mends.append(Mend(subject=subject, text=text))

    def correct(self, key: str, file: PageFile, right: PageFile) -> None:
        """Correct a page's entry, where it is not as its wheel says."""
        if difference := entry_difference(file, right):
            self.corrected[file.url] = right
            self.mend(key, f"corrected {difference} on the page to that of the wheel")


class Mender:
    """Repairs projects of one repository; several threads may use it."""

    def __init__(
        self,
        repository: Repository,
        publisher: Publisher,
        scratch: Path,
        *,
        now: datetime,
        limits: Limits,
        only_pages: bool,
    ) -> None:
        """Keep temporary files below `scratch`. With `only_pages`, every bundle must be on a page afterwards."""
        self._repository = repository
        self._store = repository.store
        self._publisher = publisher
        self._scratch = scratch
        self._now = now
        self._limits = limits
        self._only_pages = only_pages

    def mend(self, survey: Survey) -> Work:
        """Repair a project, in an order in which an interruption loses nothing.

        Raises what the store raises, and ConflictError if other writers win every attempt.
        """
        work = Work()
        tries = 0

        def applied(current: ProjectPage) -> ProjectPage:
            nonlocal tries
            tries += 1
            return self._applied(current, survey, work)

        waits = not (self._only_pages and survey.holding.bundles)
        if waits and is_unfinished(survey, self._now):
            return work
        with (
            os_errors("write below", self._scratch),
            tempfile.TemporaryDirectory(dir=self._scratch) as folder,
        ):
            page = self._rebuilt(survey, work)
            work.left += duplicate_entries(survey)
            for file in page.files:
                self._mend_file(survey, file, work, Path(folder))
            for url in survey.read.page.replaced:
                self._mend_replaced(survey, survey.wheels[url], work, Path(folder))
            self._import_bundles(survey, page, work, Path(folder))
            page = swap_page(
                self._repository,
                survey.holding.name,
                applied,
                # Not read again: its etag tells whether it has changed since.
                read=survey.read if survey.read.etag else None,
                salvage=True,
            ).page
            self._publisher.confirm(work.taken, others_wrote=tries > 1)
            work.mends += sweep(self._repository, survey.holding, page, self._now, Path(folder))
        return work

    def _rebuilt(self, survey: Survey, work: Work) -> ProjectPage:
        """Return the page; if it is lost, a new one with every valid wheel in the store."""
        page = survey.read.page
        if not survey.is_lost:
            return page
        for look in survey.wheels.values():
            if look.is_genuine and look.needs is None:
                # It was published once, so a lock may name it.
                work.replaced.add(look.url)
        salvaged = {wheel_identity(file.filename) for file in page.files}
        removed = {each.url for each in page.removed}
        # If a wheel exists with other bytes too, `--force` stored the one that the bundle has, else the newer one.
        bundled = {bundle.sha256 for bundle in survey.bundles.values()}
        found = [
            (look.sha256 in bundled, look.info, look, look.needs)
            for look in survey.wheels.values()
            if look.info is not None
            and look.is_genuine
            and look.needs is not None
            and look.url not in removed
        ]
        for _, info, look, needs in sorted(found, key=lambda each: (each[0], each[1].modified, each[1].key)):
            file = _page_file(info, look, needs, survey.bundles.values())
            if any(file.url == other.url for other in page.files):
                continue
            if wheel_identity(file.filename) in salvaged:
                work.replaced.add(file.url)
            else:
                page = page.with_file(file, force=True)
        known = {file.url for file in survey.read.page.files}
        work.added += [file for file in page.files if file.url not in known]
        work.replaced |= set(page.replaced)
        key = f"{survey.holding.name}/index.json"
        what = "the page was damaged" if survey.read.damage else "the page did not exist, yanks are lost"
        work.mend(
            key,
            f"{what}: recreated it with {counted(len(page.files), 'wheel')}"
            + (f", {len(known)} of them with their entries as they were" if known else ""),
        )
        return page

    def _mend_file(self, survey: Survey, file: PageFile, work: Work, folder: Path) -> None:
        look = survey.wheels[file.url]
        key = f"{survey.holding.name}/{file.url}"
        if look.info is None or look.sha256 != file.sha256:
            if restored := self._restore(survey, look, file.sha256, folder):
                work.mend(key, "restored the wheel from the bundle of the same version")
                told = sha256(restored.metadata).hexdigest()
                work.correct(key, file, entry_by_wheel(file, restored.size, told, restored.needs))
            else:
                work.dropped[file.url] = look
                what = "does not exist" if look.info is None else "has other bytes"
                work.mend(key, f"removed from the page: the wheel {what}, and no bundle contains it")
            return
        if look.needs is None:
            work.left.append(unfit_wheel(key, look))
            return
        work.correct(key, file, entry_by_wheel(file, look.info.size, look.metadata_sha256, look.needs))
        if look.metadata_fault:
            self._put(key + METADATA_SUFFIX, look.metadata, TEXT, survey.holding.metadata.get(file.url))
            work.mend(key + METADATA_SUFFIX, f"{look.metadata_fault}: wrote it again")

    def _mend_replaced(self, survey: Survey, look: WheelLook, work: Work, folder: Path) -> None:
        """Restore a lost wheel that `--force` replaced, for older locks; forget it if there is no copy."""
        if look.is_genuine:
            return
        key = f"{survey.holding.name}/{look.url}"
        if self._restore(survey, look, look.url.partition("/")[0], folder):
            work.mend(key, "restored the replaced wheel from a bundle, for older locks")
        else:
            work.dropped[look.url] = look
            work.mend(key, "forgot the replaced wheel: it is lost, and no bundle contains it")

    def _restore(self, survey: Survey, look: WheelLook, start: str, folder: Path) -> Publication | None:
        """Restore a lost wheel from a bundle that has it, by the start of its sha256; return it, None if none has."""
        donors = (bundle for bundle in survey.bundles.values() if bundle.sha256.startswith(start))
        donor = next(donors, None)
        if donor is None:
            return None
        publication = self._open(donor.info, folder)
        key = f"{survey.holding.name}/{look.url}"
        self._put(key, publication.path, ZIP, look.info)
        self._put(key + METADATA_SUFFIX, publication.metadata, TEXT, survey.holding.metadata.get(look.url))
        return publication

    def _import_bundles(self, survey: Survey, page: ProjectPage, work: Work, folder: Path) -> None:
        """Unpack the newest bundle of each version that has no wheel on the page."""
        published = _versions(page)
        waiting: dict[Version, list[ObjectInfo]] = {}
        for info in sorted(survey.holding.bundles, key=lambda each: (each.modified, each.key)):
            version = bundle_version(info.key)
            if version is not None and version not in published:
                waiting.setdefault(version, []).append(info)
        work.left += _of_published(survey, page)
        for version, bundles in waiting.items():
            if removal := removal_of(page.removed, version):
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
                work.mend(bundle.key, "removed from the page: the bundle does not exist")
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
                Path(tempfile.mkdtemp(dir=folder)) / "copy",
                goes=lambda found: removal.outlives(found.modified),
                is_needed=lambda page: removal.version in _versions(page),
            ):
                work.mend(info.key, f"removed it: {removal}")

    def _import(self, survey: Survey, info: ObjectInfo, work: Work, folder: Path) -> None:
        publication = self._open(info, folder)
        if publication.name != survey.holding.name or publication.version != bundle_version(info.key):
            raise IntegrityError(f"its wheel is {publication.name} {publication.version}", hint=REPLACE)
        self._publisher.upload(publication)
        work.taken.append(publication)
        work.added.append(publication.page_file(info.modified))
        work.mend(info.key, f"unpacked {publication.filename} and added it to the page")

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

    def _applied(self, page: ProjectPage, survey: Survey, work: Work) -> ProjectPage:
        """Return the current page with the changes."""
        files = [
            work.corrected.get(file.url, file)
            for file in page.files
            if not self._is_lost(page, work.dropped.get(file.url))
        ]
        result = replace(page, files=tuple(files))
        for file in work.added:
            with suppress(
                ConflictError
            ):  # published in the meantime with other bytes: the next check reports it
                result = result.with_file(file)
        replaced = {*result.replaced, *work.replaced}
        kept = (url for url in replaced if not self._is_lost(page, work.dropped.get(url)))
        result = replace(result, replaced=tuple(sorted(kept)))
        published = _versions(result)
        known = {bundle.key for bundle in survey.read.page.bundles}
        noted = {bundle.key: bundle for bundle in page.bundles if bundle.key not in known}
        noted |= {bundle.key: bundle for bundle in work.noted}
        bundles = (noted[key] for key in sorted(noted))
        return replace(
            result, bundles=tuple(each for each in bundles if read_version(each.version) not in published)
        )

    def _is_lost(self, page: ProjectPage, look: WheelLook | None) -> bool:
        """Return whether a lost wheel is still lost: another process may have restored it."""
        if look is None:
            return False
        now = self._store.head(f"{page.name}/{look.url}")
        return now is None or (look.info is not None and now.etag == look.info.etag)

    def _put(self, key: str, body: bytes | Path, content_type: str, found: ObjectInfo | None) -> None:
        """Store an object in place of the one found; if another process wrote first, its object stays.

        Raises ConflictError if the store refuses, and nobody wrote.
        """
        try:
            put(self._store, key, body, etag=found.etag if found else None, content_type=content_type)
        except (ObjectExistsError, ObjectChangedError):
            now = self._store.head(key)
            if now is None or (found is not None and now.etag == found.etag):
                raise


def _of_published(survey: Survey, page: ProjectPage) -> Iterator[Finding]:
    """Find what is wrong with the bundles of versions that have a wheel on the page."""
    for look in survey.bundles.values():
        if look.version not in page.versions:
            continue
        if look.fault:
            text = f"the bundle is not valid: {look.fault}"
            yield Finding(kind="damaged bundle", subject=look.info.key, text=text)
        elif text := bundle_conflict(look, page):
            yield Finding(kind="conflict", subject=look.info.key, text=text)


def _versions(page: ProjectPage) -> set[Version]:
    """Return the versions that have a wheel on the page."""
    return {wheel_identity(file.filename).version for file in page.files}


def _page_file(info: ObjectInfo, look: WheelLook, needs: Needs, bundles: Iterable[BundleLook]) -> PageFile:
    """Return the entry of a wheel for a recreated page; the dependencies that 0.x adds are in its bundle."""
    bundle = next((bundle for bundle in bundles if bundle.sha256 == look.sha256), None)
    # The wheel is the younger one if a repair has unpacked the bundle.
    uploaded = min(info.modified, bundle.info.modified) if bundle else info.modified
    return PageFile(
        filename=look.url.partition("/")[2],
        sha256=look.sha256,
        size=info.size,
        upload_time=uploaded.strftime("%Y-%m-%dT%H:%M:%SZ"),
        metadata_sha256=look.metadata_sha256,
        needs=replace(needs, dependencies=bundle.dependencies if bundle else ()),
    )
