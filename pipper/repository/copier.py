"""Copies of published wheels in another repository: files first, then the page by compare-and-swap, then bundles.

A copy is on the page before or it is not. After a crash the same command again goes on: what was uploaded is found
under its hash, what is on the page is done.
"""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.keys import wheel_key
from pipper.core.layout.page import Needs, PageFile, ProjectPage
from pipper.core.ports import CopiesWithin
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import ConflictError, PipperError
from pipper.repository.copied_bundles import BundleCopier
from pipper.repository.page_swap import ROUNDS, outrun, swap_page
from pipper.repository.publication import Publication
from pipper.repository.publisher import Publisher
from pipper.repository.source import Repository
from pipper.system.os_errors import os_errors


class Offer(Struct, frozen=True, kw_only=True):
    """A published file that can be copied."""

    name: NormalizedName
    version: Version
    filename: str
    """Of a replaced wheel its URL, relative to the page: the wheel in its place may have the same name."""
    sha256: str
    """Empty if only its bundle is known, if its wheel has to be built, or if it was replaced."""
    is_replaced: bool = False
    """Whether `publish --force` replaced it: then it is only there for older locks."""
    is_there: Callable[[ProjectPage], bool] | None = None
    """Whether a page has what the offer would give; None if hash or version decide that."""
    size: int
    """Bytes; 0 if unknown."""
    yanked: bool | str = False
    entry: PageFile | None = None
    """The entry for the page; None if it can only be made from the wheel."""
    fetch: Callable[[Path], Publication]
    """Fetches the file into a folder and verifies it; the result has the entry for the page."""
    is_lost: bool = False
    """Whether the target's page names it, and its wheel or METADATA is not there any more: then it is stored again."""
    within: Callable[[CopiesWithin], bool] | None = None
    """Has the server of a target copy wheel and METADATA, after it has verified them; returns whether it could."""

    @property
    def url(self) -> str:
        """The URL of its wheel, relative to the page; empty if the hash is not known yet."""
        if self.is_replaced:
            return self.filename
        return f"{self.sha256[:16]}/{self.filename}" if self.sha256 else ""

    def may_have(self, sha256: str) -> bool:
        """Return whether it has these bytes; of a replaced wheel, 16 digits of the hash tell."""
        if self.is_replaced:
            return sha256[:16] == self.filename.partition("/")[0]
        return bool(self.sha256) and sha256 == self.sha256

    def __repr__(self) -> str:
        return f"Offer({self.filename!r})"  # the URL in `fetch` may be signed


class Copied(Struct, frozen=True, kw_only=True):
    """The result for one file."""

    name: NormalizedName
    filename: str
    status: str
    """`new` (to be done), `copied`, `yanked` (the mark is new), `already there`, `removed there` or `failed`."""
    size: int = 0
    error: PipperError | None = None


def copied(offer: Offer, status: str, error: PipperError | None = None) -> Copied:
    """Return the result for an offer."""
    return Copied(name=offer.name, filename=offer.filename, status=status, size=offer.size, error=error)


class Copier:
    """Copies files of one project after the other, or of many at once, into one repository."""

    def __init__(self, target: Repository, publisher: Publisher, scratch: Path, *, restores: bool) -> None:
        """Keep temporary files below `scratch`.

        Only if the copy `restores`, a version comes back that `prune` removed from the target.
        """
        self._target = target
        self._store = target.store
        self._publisher = publisher
        self._scratch = scratch
        self._restores = restores

    def page(self, name: NormalizedName) -> ProjectPage:
        """Return the page of a project in the target, empty if there is none; with bundles where they count."""
        if name not in self._target.folders():
            return ProjectPage(name=name)
        return self._with_bundles(self._target.read_page(name).page)

    def _with_bundles(self, page: ProjectPage) -> ProjectPage:
        if self._target.layout_format != 1:
            return page
        return self._target.with_bundles(page, self._target.list_bundles(page.name))

    def begin_mirror(self, name: NormalizedName) -> None:
        """Note on the page of a new project that it will hold copies of the index's files.

        Then its name is known to be public, also if the copy is interrupted before its first file.
        """
        if name not in self._target.folders() or not self._target.read_page(name).page.files:
            swap_page(
                self._target, name, lambda page: page if page.files else replace(page, mirror_of="index")
            )

    def marked(self, page: ProjectPage, offers: Iterable[Offer]) -> list[Offer]:
        """Return offers for a page of the target, and mark those that it names and whose files are lost."""
        lost = self._publisher.wheels.lost(page)
        # What a bundle contains has no URL before it is unpacked.
        names = {file.filename for file in page.files if file.url in lost}
        return [
            replace(offer, is_lost=offer.url in lost if offer.url else offer.filename in names)
            for offer in offers
        ]

    def examine(self, page: ProjectPage, offer: Offer) -> Copied:
        """Compare an offer with the target's page; write nothing."""
        result = self._compared(page, offer)
        is_there = result.status in ("already there", "yanked")
        return copied(offer, "new") if is_there and offer.is_lost else result

    def _compared(self, page: ProjectPage, offer: Offer) -> Copied:
        if self._is_removed(page, offer, offer.url):
            return copied(offer, "removed there")
        if offer.is_replaced:
            return copied(offer, "already there" if offer.filename in page.urls else "new")
        try:
            if offer.is_there is not None:
                return copied(offer, "already there" if offer.is_there(page) else "new")
            if not offer.sha256:
                known = {wheel_identity(file.filename).version for file in page.files}
                known |= {read_version(bundle.version) for bundle in page.bundles}
                return copied(offer, "already there" if offer.version in known else "new")
            entry = self._comparable(page, offer.entry or _probe(offer))
            self._publisher.require_same_bundle(page, entry)
            if page.with_file(entry) is not page:
                return copied(offer, "new")
            return copied(
                offer, "yanked" if _marked(page, offer.sha256, offer.yanked) != page else "already there"
            )
        except PipperError as error:
            return copied(offer, "failed", _advised(error))

    def _is_removed(self, page: ProjectPage, offer: Offer, url: str) -> bool:
        return not self._restores and page.removal(offer.version, url) is not None

    def _comparable(self, page: ProjectPage, entry: PageFile) -> PageFile:
        """Return an entry without `dependencies` with those that the target's page has: a copy takes nothing away."""
        return entry if entry.needs.dependencies else self._publisher.completed(page, entry)

    def transfer(self, offer: Offer) -> PageFile:
        """Store the files of an offer in the target and return the entry for its page.

        Raises IntegrityError if the bytes are not the published ones, and what both sides raise.
        """
        if offer.entry is not None and self._publisher.wheels.has(offer.entry, offer.name):
            return offer.entry
        store = self._store
        if (
            offer.entry is not None
            and offer.within
            and isinstance(store, CopiesWithin)
            and offer.within(store)
        ):
            return offer.entry
        with (
            os_errors("write below", self._scratch),
            tempfile.TemporaryDirectory(dir=self._scratch) as folder,
        ):
            publication = offer.fetch(Path(folder))
            self._publisher.wheels.store(publication)
            assert publication.listed is not None, offer  # noqa: S101 - every `fetch` makes an entry
            return publication.listed

    def write_page(self, name: NormalizedName, entries: Sequence[tuple[Offer, PageFile]]) -> list[Copied]:
        """Add entries to the page of a project, by compare-and-swap, and yank what is yanked there.

        Then store again what was removed in the meantime. Raises ConflictError if other writers win every attempt.
        """
        results: list[Copied] = []

        def extended(page: ProjectPage) -> ProjectPage:
            results.clear()
            page = self._with_bundles(page)
            for offer, entry in entries:
                if self._is_removed(page, offer, entry.url):
                    results.append(copied(offer, "removed there"))
                    continue
                try:
                    after = self._added(page, offer, entry)
                except PipperError as error:
                    results.append(copied(offer, "failed", _advised(error)))
                    continue
                is_new, page = after is not page, after
                page = _marked(page, entry.sha256, offer.yanked)
                old = "yanked" if page is not after else "already there"
                results.append(copied(offer, "copied" if is_new or offer.is_lost else old))
            return page

        page = swap_page(self._target, name, extended).page
        self._confirm(page, entries)
        return results

    def _added(self, page: ProjectPage, offer: Offer, entry: PageFile) -> ProjectPage:
        if offer.is_replaced:
            return page.with_replaced(entry.url)
        return page.with_file(self._comparable(page, entry))

    def _confirm(self, page: ProjectPage, entries: Iterable[tuple[Offer, PageFile]]) -> None:
        """Transfer again what a sweep removed before the page named it; after the write no sweep removes it."""
        named = page.urls
        for offer, entry in entries:
            for _ in range(ROUNDS):
                if entry.url not in named or self._publisher.wheels.has(entry, offer.name):
                    break
                self.transfer(replace(offer, entry=None))
            else:
                raise outrun(f"{self._store.location}/{wheel_key(offer.name, entry.sha256, entry.filename)}")

    def store_bundles(self, source: Repository, name: NormalizedName) -> list[PipperError]:
        """Copy the bundles of 0.x whose wheels are on the target's page; return the errors."""
        return BundleCopier(self._target, self._publisher, self._scratch).copy_all(source, name)


def _advised(error: PipperError) -> PipperError:
    """Return a conflict with the hint for copies: they never replace anything."""
    if not isinstance(error, ConflictError):
        return error
    hint = "a copy never replaces: publish the right file with --force, or copy another version"
    return ConflictError(error.message, cause=error.cause, hint=hint)


def _probe(offer: Offer) -> PageFile:
    """Return an entry to compare with those of a page, for a wheel that was not read yet."""
    return PageFile(
        filename=offer.filename,
        sha256=offer.sha256,
        size=offer.size,
        upload_time="",
        metadata_sha256="",
        needs=Needs(),
    )


def _marked(page: ProjectPage, sha256: str, yanked: bool | str) -> ProjectPage:
    """Return the page with a file yanked as in its source; a mark is never taken away."""
    if yanked is False or not any(each.sha256 == sha256 and each.yanked is False for each in page.files):
        return page
    files = (
        replace(each, yanked=yanked) if each.sha256 == sha256 and each.yanked is False else each
        for each in page.files
    )
    return replace(page, files=tuple(files))
