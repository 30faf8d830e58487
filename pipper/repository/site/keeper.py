"""Writes the pages of a repository's site, by compare-and-swap, from the projects' pages.

Whoever changes a project's page writes its site's pages afterwards: first the list of projects, then the pages of the
projects around it, its own, and the root page. Each is read before what it is made from, and replaced on the condition
that nobody else has replaced it. So of many writers the last one writes what is published then; and after a crash the
next run finds what is out of date by the mark in each page.
"""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from urllib.parse import quote

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.core.layout.keys import HTML, LISTING_KEY, SITE_PAGE, site_key
from pipper.core.layout.page import PAGE_TYPE, PageFile, ProjectPage
from pipper.core.ports import Blob, Store
from pipper.core.reporter import Reporter
from pipper.core.site.about import NOTHING, About
from pipper.core.site.frame import inputs_of, is_own
from pipper.core.site.graph import near_of
from pipper.core.site.listing import (
    EMPTY,
    ListedProject,
    Listing,
    described_file,
    dump_listing,
    listed,
)
from pipper.core.site.project_page import linked_projects, project_inputs, project_page, view_of
from pipper.core.site.root_page import root_inputs, root_page
from pipper.errors import ConflictError, ObjectAbsentError, PipperError
from pipper.repository.page_swap import ROUNDS, outrun, put
from pipper.repository.site.read_about import read_about
from pipper.repository.site.stored_listing import ReadListing, read_listing
from pipper.repository.source import Repository
from pipper.system.parallel import attempt_each


class SiteChange(Struct, frozen=True, kw_only=True):
    """What was written of a site."""

    written: tuple[str, ...] = ()
    """Keys, in their order."""
    removed: tuple[str, ...] = ()
    """Pages of projects that are no more."""
    pages: int = 0
    """Pages that were looked at."""
    errors: tuple[PipperError, ...] = ()


_KEPT = 32 << 20
"""Characters of descriptions that are kept from the list of projects to their pages; others are read again."""


class _Look(Struct, frozen=True, kw_only=True):
    """A project, and the page that the site has of it, which was read first."""

    page: ProjectPage
    etag: str | None
    """Of the site's page; None if there is none."""
    inputs: str
    """What the site's page was made from; see `inputs_of`."""
    links: frozenset[NormalizedName] = frozenset()
    """The projects that the site's page leads to."""
    is_foreign: bool = False
    """Another program wrote the page."""

    def shows(self, listing: Listing) -> bool:
        """Return whether the site's page was made from the project's page and the listing."""
        return self.inputs == project_inputs(view_of(self.page, NOTHING, listing))


class SiteKeeper:
    """Writes the site of one repository. A page that is up to date is read and not written."""

    def __init__(self, repository: Repository, reporter: Reporter, *, dry_run: bool = False) -> None:
        """With `dry_run`, only find out what would be written."""
        self._dry_run = dry_run
        # Another one: it lists what is there by now, and does not repeat the warnings of the command.
        self._repository = Repository(repository.store, repository.alias, may_be_empty=True)
        self._store = repository.store
        self._reporter = reporter
        self._lock = threading.Lock()
        self._written: list[str] = []
        self._removed: list[str] = []
        self._errors: list[tuple[NormalizedName, PipperError]] = []
        self._listing_etag = ""
        self._abouts: dict[NormalizedName, tuple[PageFile, About]] = {}
        self._kept = 0

    def refresh(self, names: Collection[NormalizedName] | None = None) -> SiteChange:
        """Write what does not show the projects `names` as they are now, or any project.

        Errors of single pages are in the result. Raises ConflictError if other writers win every attempt at the list
        of projects or the root page, and what the store raises for them.
        """
        self._written, self._removed, self._errors = [], [], []
        self._abouts, self._kept = {}, 0
        before = read_listing(self._store)
        old = before.listing or EMPTY
        # Projects that only one of both knows: a publisher was killed before it wrote the site.
        strays = set(self._repository.folders()) ^ old.projects.keys()
        changed = {*strays, *(names or ())}
        if names is None or before.listing is None:
            names = changed = {*changed, *old.projects}
        after, looks = self._write_listing(before, sorted(changed))
        after = self._fresh(after)  # newer than what the looks have read of the site
        others = sorted(_around(old, after, looks))
        # A project's own page is written last: while it is out of date, those around it may be, too.
        self._each(lambda name: self._write_project(name, after, None), others, "Writing the site")
        self._each(
            lambda name: self._write_project(name, after, looks[name]), sorted(looks), "Writing the site"
        )
        self._write_root(after)
        return SiteChange(
            written=tuple(sorted(self._written)),
            removed=tuple(sorted(self._removed)),
            pages=len(changed) + len(others) + 1,
            errors=tuple(error for name, error in self._errors if name in names or name in others),
        )

    def _each(
        self, work: Callable[[NormalizedName], None], names: Sequence[NormalizedName], title: str
    ) -> None:
        found = attempt_each(work, names, self._reporter, title)
        pairs = zip(names, found, strict=True)
        self._errors += [(name, each) for name, each in pairs if isinstance(each, PipperError)]

    def _project(self, name: NormalizedName) -> ProjectPage:
        page = self._repository.read_page(name).page
        if self._repository.layout_format == 1:
            page = self._repository.with_bundles(page, self._repository.list_bundles(name))
        return page

    def _look(self, name: NormalizedName) -> _Look:
        """Read the site's page of a project, and then the project."""
        blob = self._blob(site_key(name))
        page = self._project(name)
        if blob is None:
            return _Look(page=page, etag=None, inputs="")
        return _Look(
            page=page,
            etag=blob.etag,
            inputs=inputs_of(blob.body),
            links=linked_projects(blob.body),
            is_foreign=_is_foreign(blob.body),
        )

    def _blob(self, key: str) -> Blob | None:
        try:
            return self._store.read(key)
        except ObjectAbsentError:
            return None

    def _put(self, key: str, body: bytes, old: str | None, content_type: str) -> str:
        """Write an object on the condition that nobody has since it was read; return its etag."""
        etag = ""
        if not self._dry_run:
            etag = put(self._store, key, body, etag=old, content_type=content_type)
        with self._lock:
            if key not in self._written:
                self._written.append(key)
        return etag

    def _write_listing(
        self, read: ReadListing, names: Sequence[NormalizedName]
    ) -> tuple[Listing, Mapping[NormalizedName, _Look]]:
        """Bring the entries of these names up to date; return the list as written, and what was read for it."""
        for _ in range(ROUNDS):
            old = read.listing or EMPTY
            looks: dict[NormalizedName, _Look] = {}
            entries: dict[NormalizedName, ListedProject | None] = {}
            self._errors.clear()

            def look(
                name: NormalizedName,
                old: Listing = old,
                looks: dict[NormalizedName, _Look] = looks,
                entries: dict[NormalizedName, ListedProject | None] = entries,
            ) -> None:
                found = self._look(name)
                entry = self._entry(found.page, old.projects.get(name))
                looks[name], entries[name] = found, entry

            self._each(look, names, "Reading pages")
            listing = old.changed(entries)
            self._listing_etag = read.etag or ""
            if read.listing == listing:
                return listing, looks
            try:
                self._listing_etag = self._put(LISTING_KEY, dump_listing(listing), read.etag, PAGE_TYPE)
            except ConflictError:
                read = read_listing(self._store)
                continue
            return listing, looks
        raise outrun(f"{self._store.location}/{LISTING_KEY}")

    def _entry(self, page: ProjectPage, old: ListedProject | None) -> ListedProject | None:
        file = described_file(page)
        known = old is not None and file is not None and old.metadata == file.metadata_sha256
        return listed(page, old.summary if known and old else self._summary(page, file))

    def _summary(self, page: ProjectPage, file: PageFile | None) -> str:
        about = read_about(self._store, page, file)
        with self._lock:
            self._kept += len(about.description)
            if file is not None and self._kept <= _KEPT:
                self._abouts[page.name] = (file, about)
        return about.summary

    def _about(self, page: ProjectPage, file: PageFile | None) -> About:
        with self._lock:
            known = self._abouts.pop(page.name, None)
        return known[1] if known and known[0] == file else read_about(self._store, page, file)

    def _fresh(self, known: Listing) -> Listing:
        """Return the list of projects as it is now; `known` is the one that this run wrote or read."""
        if self._dry_run:
            return known
        found = self._store.head(LISTING_KEY)
        if found is not None and found.etag == self._listing_etag:
            return known
        return read_listing(self._store).listing or known

    def _write_project(self, name: NormalizedName, listing: Listing, look: _Look | None) -> None:
        """Write the page of a project; `look` was read before `listing`. ConflictError if it is not pipper's."""
        key = site_key(name)
        for _ in range(ROUNDS):
            if look is None:
                look = self._look(name)
                listing = self._fresh(listing)
            if look.is_foreign:
                raise not_ours(self._store, key)
            if look.etag is not None and name not in listing.projects:
                self._delete(key)
                if self._dry_run or listed(self._project(name), "") is None:
                    return
            elif name not in listing.projects or look.shows(listing):
                return
            else:
                try:
                    self._put(key, self._rendered(look.page, listing), look.etag, HTML)
                except ConflictError:
                    look = None
                    continue
                return
            look = None
        raise outrun(f"{self._store.location}/{key}")

    def _delete(self, key: str) -> None:
        if not self._dry_run:
            self._store.delete(key)
        with self._lock:
            self._removed.append(key)

    def _rendered(self, page: ProjectPage, listing: Listing) -> bytes:
        view = view_of(page, self._about(page, described_file(page)), listing)
        return project_page(view, lambda file: quote(file.url), inputs=project_inputs(view))

    def _write_root(self, listing: Listing) -> None:
        for _ in range(ROUNDS):
            blob = self._blob(SITE_PAGE)
            listing = self._fresh(listing)
            inputs = root_inputs(listing)
            if blob is not None and inputs_of(blob.body) == inputs:
                return
            try:
                body = root_page(listing.projects.values(), inputs=inputs)
                self._put(SITE_PAGE, body, blob.etag if blob else None, HTML)
            except ConflictError:
                continue
            return
        raise outrun(f"{self._store.location}/{SITE_PAGE}")


def _is_foreign(body: bytes) -> bool:
    return bool(body.strip()) and not is_own(body)


def not_ours(store: Store, key: str) -> ConflictError:
    """Return the error for an object that the site needs the key of, and that pipper did not write."""
    return ConflictError(
        f"{store.location}/{key} is not a page that pipper wrote",
        cause="the site needs this key",
        hint="move the object away, or use another prefix for the repository",
    )


def _around(old: Listing, new: Listing, looks: Mapping[NormalizedName, _Look]) -> set[NormalizedName]:
    """Return the other projects whose pages may not show what these are now."""
    found: set[NormalizedName] = set()
    for name, look in looks.items():
        before, after = old.projects.get(name), new.projects.get(name)
        if before is None or after is None or before.requires != after.requires:
            found |= near_of(name, old) | near_of(name, new)
        elif before == after and not look.shows(new):
            # A publisher may have been killed after it wrote the list. The page still shows what was required then.
            found |= near_of(name, new).union(look.links, *map(new.requirements, look.links))
    return {name for name in found if name in new.projects} - looks.keys()
