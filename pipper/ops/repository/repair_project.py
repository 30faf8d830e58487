"""Mending one project of a repository: restoring objects, taking in what 0.x published, one page write, sweeping.

Nothing here relies on being alone: files come before the page, the page is swapped on condition, and what is
deleted is neither named by the page nor younger than a day, and is put back where a page came to name it.
"""

import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from packaging.version import Version

from pipper.core.archive_limits import Limits
from pipper.core.layout.keys import bundle_version
from pipper.core.layout.page import Needs, PageBundle, PageFile, ProjectPage
from pipper.core.ports import ObjectInfo
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
    entry_difference,
    rival_bundles,
    twins,
)
from pipper.ops.repository.read_publication import read_publication
from pipper.ops.repository.sweep import Mend, sweep
from pipper.repository.legacy_bundles import read_bundle_entry
from pipper.repository.page_swap import swap_page
from pipper.repository.publisher import Publication, Publisher
from pipper.repository.source import Repository
from pipper.repository.survey import BundleLook, Survey, WheelLook, fetch_object, metadata_key
from pipper.system.os_errors import os_errors

_ZIP = "application/zip"
_TEXT = "text/plain; charset=utf-8"


@dataclass(slots=True, kw_only=True)
class _Work:
    """What is gathered for the one page write of a project."""

    mends: list[Mend] = field(default_factory=list)
    left: list[Finding] = field(default_factory=list)
    dropped: dict[str, WheelLook] = field(default_factory=dict)
    """Entries whose wheel is lost, by URL."""
    corrected: dict[str, PageFile] = field(default_factory=dict)
    added: list[PageFile] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    noted: list[PageBundle] = field(default_factory=list)
    """Bundles whose wheels nobody can have but through them."""
    taken: list[Publication] = field(default_factory=list)

    def mend(self, subject: str, text: str) -> None:
        self.mends.append(Mend(subject=subject, text=text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """What became of one project."""

    mends: tuple[Mend, ...]
    left: tuple[Finding, ...]
    """What only a person can decide."""


class Mender:
    """Mends projects of one repository; each may go in a thread of its own."""

    def __init__(
        self, repository: Repository, publisher: Publisher, scratch: Path, *, now: datetime, limits: Limits
    ) -> None:
        self._repository = repository
        self._store = repository.store
        self._publisher = publisher
        self._scratch = scratch
        self._now = now
        self._limits = limits

    def mend(self, survey: Survey) -> Mended:
        """Put right what can be put right, in an order that loses nothing at any point.

        Raises what the store raises, and ConflictError where other writers stay quicker.
        """
        work = _Work()
        with (
            os_errors("write below", self._scratch),
            tempfile.TemporaryDirectory(dir=self._scratch) as folder,
        ):
            page = self._rebuilt(survey, work)
            work.left += twins(survey)
            for file in page.files:
                self._mend_file(survey, file, work, Path(folder))
            self._take_in(survey, page, work, Path(folder))
            page = swap_page(
                self._repository,
                survey.holding.name,
                lambda current: self._applied(current, survey, work),
                salvage=True,
            ).page
            self._publisher.confirm(work.taken)
            work.mends += sweep(self._repository, survey.holding, page, self._now, Path(folder))
        return Mended(mends=tuple(work.mends), left=tuple(work.left))

    def _rebuilt(self, survey: Survey, work: _Work) -> ProjectPage:
        """The page; where it is lost, with every sound wheel that lies there."""
        page = survey.read.page
        if not survey.is_lost:
            return page
        for look in survey.wheels.values():
            if look.is_genuine and look.needs is None:
                # Somebody published it, and a lock may hold it.
                work.replaced.add(look.url)
        salvaged = {wheel_identity(file.filename) for file in page.files}
        found = [
            (look.info, look, look.needs)
            for look in survey.wheels.values()
            if look.info is not None and look.is_genuine and look.needs is not None
        ]
        for info, look, needs in sorted(found, key=lambda each: (each[0].modified, each[0].key)):
            file = _page_file(info, look, needs, survey.bundles.values())
            if any(file.url == other.url for other in page.files):
                continue
            if wheel_identity(file.filename) in salvaged:
                work.replaced.add(file.url)
            else:
                # Of one wheel with two kinds of bytes, `--force` stored the later one.
                page = page.with_file(file, force=True)
        known = {file.url for file in survey.read.page.files}
        work.added += [file for file in page.files if file.url not in known]
        work.replaced |= set(page.replaced)
        key = f"{survey.holding.name}/index.json"
        what = "the page was damaged" if survey.read.damage else "the page was gone"
        work.mend(
            key, f"{what}: made anew with {counted(len(page.files), 'wheel')}, {len(known)} of them as before"
        )
        return page

    def _mend_file(self, survey: Survey, file: PageFile, work: _Work, folder: Path) -> None:
        look = survey.wheels[file.url]
        key = f"{survey.holding.name}/{file.url}"
        if look.info is None or look.sha256 != file.sha256:
            if self._restore(survey, file, look, folder):
                work.mend(key, "restored from the bundle of the same version")
            else:
                work.dropped[file.url] = look
                what = "is not there" if look.info is None else "has other bytes"
                work.mend(key, f"taken off the page: the wheel {what}, and there is no copy")
            return
        if look.needs is None:
            work.left.append(
                Finding(kind="unfit wheel", subject=key, text=f"it does not pass the gate: {look.fault}")
            )
            return
        if difference := entry_difference(file, look):
            work.corrected[file.url] = replace(
                file,
                size=look.info.size,
                metadata_sha256=look.metadata_sha256,
                needs=replace(look.needs, dependencies=file.needs.dependencies),
            )
            work.mend(key, f"{difference} on the page set to what the wheel says")
        if look.metadata_fault:
            self._put(metadata_key(key), look.metadata, _TEXT, survey.holding.metadata.get(file.url))
            work.mend(metadata_key(key), f"{look.metadata_fault}: written anew")

    def _restore(self, survey: Survey, file: PageFile, look: WheelLook, folder: Path) -> bool:
        """Put a lost wheel back from a bundle that holds the same bytes; tell whether there is one."""
        donor = next((bundle for bundle in survey.bundles.values() if bundle.sha256 == file.sha256), None)
        if donor is None:
            return False
        publication = self._open(donor.info, folder)
        key = f"{survey.holding.name}/{file.url}"
        self._put(key, publication.path, _ZIP, look.info)
        self._put(metadata_key(key), publication.metadata, _TEXT, survey.holding.metadata.get(file.url))
        return True

    def _take_in(self, survey: Survey, page: ProjectPage, work: _Work, folder: Path) -> None:
        """Unpack bundles of versions that have no wheel on the page, the one stored last of each version."""
        published = {wheel_identity(file.filename).version for file in page.files}
        waiting: dict[Version, list[ObjectInfo]] = {}
        for info in sorted(survey.holding.bundles, key=lambda each: (each.modified, each.key)):
            version = bundle_version(info.key)
            if version is not None and version not in published:
                waiting.setdefault(version, []).append(info)
        for look in survey.bundles.values():
            if look.version in published and not look.fault and (told := bundle_conflict(look, page)):
                work.left.append(Finding(kind="conflict", subject=look.info.key, text=told))
        for bundles in waiting.values():
            try:
                self._take(survey, bundles[-1], work, folder)
            except ObjectAbsentError:
                continue
            except IntegrityError as error:
                self._note(bundles[-1], error, work)
        there = {info.key for info in survey.holding.bundles}
        for bundle in page.bundles:
            if bundle.key not in there:
                work.mend(bundle.key, "taken off the page: the bundle is not there")
        looked = [look for look in survey.bundles.values() if look.version in waiting]
        work.left += rival_bundles(looked, published)

    def _take(self, survey: Survey, info: ObjectInfo, work: _Work, folder: Path) -> None:
        publication = self._open(info, folder)
        if publication.name != survey.holding.name or publication.version != bundle_version(info.key):
            raise IntegrityError(f"its wheel is {publication.name} {publication.version}")
        self._publisher.upload(publication)
        work.taken.append(publication)
        work.added.append(publication.page_file(info.modified))
        work.mend(info.key, f"{publication.filename} unpacked and put on the page")

    def _note(self, info: ObjectInfo, error: IntegrityError, work: _Work) -> None:
        """Keep what cannot be unpacked as the bundle it is, where it can be read at all."""
        told = f"{error.message} ({error.cause})" if error.cause else error.message
        work.left.append(Finding(kind="damaged bundle", subject=info.key, text=f"cannot be taken in: {told}"))
        with suppress(IntegrityError, ObjectAbsentError, ObjectChangedError):
            work.noted.append(read_bundle_entry(self._store, info))

    def _open(self, info: ObjectInfo, folder: Path) -> Publication:
        """Return the wheel of a bundle as it would be published; it passed the gate and lies below `folder`."""
        place = Path(tempfile.mkdtemp(dir=folder))
        path = place / info.key.rpartition("/")[2]
        fetch_object(self._store, info.key, path)
        publication = read_publication(path, place, self._limits)
        path.unlink()
        return replace(publication, bundle=None)

    def _applied(self, page: ProjectPage, survey: Survey, work: _Work) -> ProjectPage:
        """What was gathered, put on the page that is there now."""
        files = [
            work.corrected.get(file.url, file)
            for file in page.files
            if not self._is_lost(page, work.dropped.get(file.url))
        ]
        result = replace(page, files=tuple(files))
        for file in work.added:
            with suppress(ConflictError):  # published meanwhile with other bytes: the next check tells
                result = result.with_file(file)
        result = replace(result, replaced=tuple(sorted({*result.replaced, *work.replaced})))
        published = {wheel_identity(file.filename).version for file in result.files}
        known = {bundle.key for bundle in survey.read.page.bundles}
        noted = {bundle.key: bundle for bundle in page.bundles if bundle.key not in known}
        noted |= {bundle.key: bundle for bundle in work.noted}
        bundles = (noted[key] for key in sorted(noted))
        return replace(
            result, bundles=tuple(each for each in bundles if Version(each.version) not in published)
        )

    def _is_lost(self, page: ProjectPage, look: WheelLook | None) -> bool:
        """Whether a wheel that was found lost is so still: somebody may have put it back meanwhile."""
        if look is None:
            return False
        now = self._store.head(f"{page.name}/{look.url}")
        return now is None or (look.info is not None and now.etag == look.info.etag)

    def _put(self, key: str, body: bytes | Path, content_type: str, found: ObjectInfo | None) -> None:
        """Store an object in place of what was found; where somebody was quicker, theirs stays."""
        with suppress(ObjectExistsError, ObjectChangedError):
            if found is None:
                self._store.create(key, body, content_type=content_type)
            else:
                self._store.replace(key, body, etag=found.etag, content_type=content_type)


def _page_file(info: ObjectInfo, look: WheelLook, needs: Needs, bundles: Iterable[BundleLook]) -> PageFile:
    """A wheel as a page would have it that nobody can ask any more; what 0.x adds is in the bundle, if any."""
    given = next((bundle.dependencies for bundle in bundles if bundle.sha256 == look.sha256), ())
    return PageFile(
        filename=look.url.partition("/")[2],
        sha256=look.sha256,
        size=info.size,
        upload_time=info.modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
        metadata_sha256=look.metadata_sha256,
        needs=replace(needs, dependencies=given),
    )
