"""Repair of one project of a repository: restores objects, imports bundles of 0.x, writes the page, sweeps.

Other processes may publish or repair at the same time. Files are written before the page, and the page by
compare-and-swap. An object is only deleted if no page names it, and if it is older than a day or of a version that was
removed; it is restored if a page names it after all. A project whose first publish may be running is left alone.
"""

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from msgspec.structs import replace

from pipper.core.archive_limits import Limits
from pipper.core.layout.keys import METADATA_SUFFIX, TEXT
from pipper.core.layout.page import Needs, PageBundle, PageFile, ProjectPage
from pipper.core.ports import ObjectInfo
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.core.wording import counted
from pipper.errors import ConflictError
from pipper.ops.repository.findings import (
    duplicate_entries,
    entry_by_wheel,
    is_unfinished,
    unfinished,
    unfit_wheel,
)
from pipper.ops.repository.repair_bundles import BundleMender, put_unless_changed
from pipper.ops.repository.repair_work import Work
from pipper.ops.repository.sweep import sweep
from pipper.repository.looks import BundleLook, Survey, WheelLook
from pipper.repository.page_swap import swap_page
from pipper.repository.publisher import Publisher
from pipper.repository.source import Repository
from pipper.system.os_errors import os_errors


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
        self._only_pages = only_pages
        self._bundles = BundleMender(repository, publisher, limits)

    def mend(self, survey: Survey) -> Work:
        """Repair a project, in an order in which an interruption loses nothing.

        Raises what the store raises, and ConflictError if other writers win every attempt.
        """
        work = Work()
        waits = not (self._only_pages and survey.holding.bundles)
        if waits and is_unfinished(survey, self._now):
            work.left.append(unfinished(survey))
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
            self._bundles.import_all(survey, page, work, Path(folder))
            page = self._written(survey, work)
            work.mends += sweep(self._repository, survey.holding, page, self._now, Path(folder))
        return work

    def _written(self, survey: Survey, work: Work) -> ProjectPage:
        """Write the page with the changes, and return it."""
        tries, changed = 0, frozenset[str]()

        def applied(current: ProjectPage) -> ProjectPage:
            nonlocal tries, changed
            tries += 1
            page = self._applied(current, survey, work)
            changed = _changed(current, page)
            return page

        page = swap_page(
            self._repository,
            survey.holding.name,
            applied,
            # Not read again: its etag tells whether it has changed since.
            read=survey.read if survey.read.etag else None,
            salvage=True,
        ).page
        for key, text in work.on_page.items():
            if key in changed:
                work.mend(key, text)
        taken = {key: each for key, each in work.taken.items() if page.listed(each.sha256)}
        for key, each in taken.items():
            work.mend(key, f"unpacked {each.filename} and added it to the page")
        self._publisher.confirm(taken.values(), others_wrote=tries > 1)
        return page

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
                continue
            try:
                page = page.with_file(file, force=True)
            except ConflictError:
                # Its version was removed, with other bytes: a lock may name it, and nobody asked for it again.
                work.replaced.add(file.url)
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
            if restored := self._bundles.restore(survey, look, file.sha256, folder):
                work.mend(key, "restored the wheel from the bundle of the same version")
                told = sha256(restored.metadata).hexdigest()
                work.correct(key, file, entry_by_wheel(file, restored.size, told, restored.needs))
            else:
                work.dropped[file.url] = look
                what = "does not exist" if look.info is None else "has other bytes"
                work.on_page[key] = f"removed from the page: the wheel {what}, and no bundle contains it"
            return
        if look.needs is None:
            work.left.append(unfit_wheel(key, look))
            return
        work.correct(key, file, entry_by_wheel(file, look.info.size, look.metadata_sha256, look.needs))
        self._mend_metadata(survey, look, work)

    def _mend_metadata(self, survey: Survey, look: WheelLook, work: Work) -> None:
        if look.metadata_fault:
            key = f"{survey.holding.name}/{look.url}{METADATA_SUFFIX}"
            put_unless_changed(self._store, key, look.metadata, TEXT, survey.holding.metadata.get(look.url))
            work.mend(key, f"{look.metadata_fault}: wrote it again")

    def _mend_replaced(self, survey: Survey, look: WheelLook, work: Work, folder: Path) -> None:
        """Restore a lost wheel that `--force` replaced, for older locks; forget it if there is no copy."""
        if look.is_genuine:
            self._mend_metadata(survey, look, work)
            return
        key = f"{survey.holding.name}/{look.url}"
        if self._bundles.restore(survey, look, look.url.partition("/")[0], folder):
            work.mend(key, "restored the replaced wheel from a bundle, for older locks")
        else:
            work.dropped[look.url] = look
            work.on_page[key] = "forgot the replaced wheel: it is lost, and no bundle contains it"

    def _applied(self, page: ProjectPage, survey: Survey, work: Work) -> ProjectPage:
        """Return the current page with the changes."""
        files = [
            _corrected(file, work.corrected.get(file.url))
            for file in page.files
            if not self._is_lost(page, work.dropped.get(file.url))
        ]
        result = replace(page, files=tuple(files))
        for file in work.added:
            if result.removal(wheel_identity(file.filename).version, file.url):
                continue  # removed in the meantime
            # Published in the meantime with other bytes: the next check reports it.
            with suppress(ConflictError):
                result = result.with_file(file)
        replaced = {*result.replaced, *(work.replaced - {each.url for each in page.removed})}
        kept = (url for url in replaced if not self._is_lost(page, work.dropped.get(url)))
        return self._with_bundles(replace(result, replaced=tuple(sorted(kept))), survey, work)

    def _with_bundles(self, page: ProjectPage, survey: Survey, work: Work) -> ProjectPage:
        """Return the page with the bundles that could not be unpacked, or that others have noted in the meantime."""
        published = page.versions
        known = survey.read.page.bundles
        noted = {bundle.key: bundle for bundle in page.bundles if bundle not in known}
        noted |= {bundle.key: bundle for bundle in work.noted}

        def counts(bundle: PageBundle) -> bool:
            version = read_version(bundle.version)
            return version not in published and not page.removal(version)

        return replace(page, bundles=tuple(noted[key] for key in sorted(noted) if counts(noted[key])))

    def _is_lost(self, page: ProjectPage, look: WheelLook | None) -> bool:
        """Return whether a lost wheel is still lost: another process may have restored it."""
        if look is None:
            return False
        now = self._store.head(f"{page.name}/{look.url}")
        return now is None or (look.info is not None and now.etag == look.info.etag)


def _changed(before: ProjectPage, after: ProjectPage) -> frozenset[str]:
    """Return the keys of the wheels and bundles whose entry on a page is another one afterwards, or gone."""
    files = {file.url: file for file in after.files}
    wheels = {file.url for file in before.files if files.get(file.url) != file}
    wheels |= set(before.replaced) - after.urls
    bundles = {bundle.key for bundle in before.bundles} - {bundle.key for bundle in after.bundles}
    return frozenset((*(f"{before.name}/{url}" for url in wheels), *bundles))


def _corrected(file: PageFile, right: PageFile | None) -> PageFile:
    """Return an entry of the current page with what its wheel says, and nothing else of the surveyed page."""
    return entry_by_wheel(file, right.size, right.metadata_sha256, right.needs) if right else file


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
