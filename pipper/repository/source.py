"""A repository as a source: projects from the pages of a store, and from bundles if 0.x publishes there."""

import threading
from collections.abc import Iterable, Sequence
from functools import cache

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pipper.core.layout.keys import (
    MARKER_KEY,
    bundle_version,
    in_small_folder,
    marks_site,
    page_key,
    parse_marker,
    wheel_key,
)
from pipper.core.layout.page import Needs, PageBundle, PageFile, ProjectPage
from pipper.core.layout.page_json import parse_page, salvage_page
from pipper.core.lock.model import LockedBundle, LockedFile
from pipper.core.manifest.requirement import parse_requirement
from pipper.core.ports import CandidateFile, ObjectInfo, Release, ReleaseMetadata, Store
from pipper.core.reads import ReadLog
from pipper.core.reporter import Reporter
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.core.wheel_kinds import Assorter, ListedWheel, specifiers, upload_moment
from pipper.errors import IntegrityError, ObjectAbsentError, PipperError, UsageError
from pipper.repository.recorded import RecordedStore
from pipper.storage.directory.store import DirectoryStore
from pipper.system.parallel import both, in_parallel
from pipper.system.retry import pause_if_damaged, retry


class ReadPage(Struct, frozen=True, kw_only=True):
    """A project's page and its etag; an empty page without etag if none exists yet."""

    page: ProjectPage
    etag: str | None
    damage: str = ""
    """Why the page cannot be parsed; `page` then has the readable entries."""


class Repository:
    """A store in pipper's layout. See `ports.Source`. Pages are read once and kept in memory."""

    def __init__(
        self,
        store: Store,
        alias: str,
        *,
        url: str = "",
        may_be_empty: bool = False,
        reporter: Reporter | None = None,
        log: ReadLog | None = None,
    ) -> None:
        """Read `store` as the source `alias`; `url` is the URL for the lock, as in the manifest or option.

        With `may_be_empty`, a place without a repository counts as an empty one. All reads are noted in `log`.
        """
        self._may_be_empty = may_be_empty
        self._directory = store if isinstance(store, DirectoryStore) else None
        self.store: Store = RecordedStore(store, alias, log) if log else store
        self.url = url
        self.alias = alias
        self.reporter = reporter or Reporter()
        self._lock = threading.Lock()
        self._folders: dict[NormalizedName, list[str]] | None = None
        self._format = 0
        self._marker = b""
        self._pages: dict[NormalizedName, ProjectPage] = {}
        self._failed: dict[NormalizedName, PipperError] = {}
        self._needs: dict[tuple[NormalizedName, str], Needs] = {}
        self._releases: dict[NormalizedName, tuple[Release, ...]] = {}
        self._bundles: dict[tuple[str, str], PageBundle | None] = {}

    @property
    def layout_format(self) -> int:
        """2: only pages count; 1: bundles of pipper 0.x count too; 0: there is no repository."""
        self.folders()
        return self._format

    @property
    def marker(self) -> bytes:
        """The bytes of the format marker; empty if it does not exist."""
        self.folders()
        return self._marker

    @property
    def has_site(self) -> bool:
        """Whether the repository has a site, which its publishers keep up to date."""
        return marks_site(self.marker)

    def folders(self) -> dict[NormalizedName, list[str]]:
        """Return the folders of each project by its normalised name."""
        with self._lock:
            if self._folders is None:
                self._format, listed = both(self._read_format, self.store.folders)
                if not self._format and listed:
                    # A first publish may have created the marker between the two responses.
                    self._format = self._read_format() or int(any(map(self._is_project, sorted(listed))))
                folders: dict[NormalizedName, list[str]] = {}
                for folder in sorted(listed):
                    folders.setdefault(canonicalize_name(folder), []).append(folder)
                self._folders = folders
            return self._folders

    def _read_format(self) -> int:
        try:
            self._marker = self.store.read(MARKER_KEY).body
        except ObjectAbsentError:
            return 0
        return parse_marker(self._marker, label=f"{self.store.location}/{MARKER_KEY}")

    def _is_project(self, folder: str) -> bool:
        """Return whether the folder belongs to pipper: it has a page or a bundle."""
        name = canonicalize_name(folder)
        if folder == name:
            try:
                if self.read_page(name).etag is not None:
                    return True
            except IntegrityError:
                pass  # probably the index.json of another program
        return any(bundle_version(info.key) is not None for info in self.store.list(f"{folder}/v"))

    def require(self) -> None:
        """Raise UsageError if there is no repository: a typo must not send private names to the index."""
        if not (self.layout_format or self._may_be_empty):
            self.require_directory()
            raise UsageError(
                f"{self.store.location} is not a repository",
                cause="it has neither pipper-repository.json nor a project",
                hint="correct the bucket or the prefix, or create a repository with `pipper publish`",
            )

    def require_directory(self) -> None:
        """Raise UsageError if the repository is a directory that is gone: no single file is missing then."""
        if self._directory and self._directory.is_gone:
            raise UsageError(
                f"{self.store.location} is not a repository: there is no directory `{self._directory.root}`",
                cause="it was moved or removed, its disk is not mounted, or the path is wrong",
                hint="restore or mount it, or correct the path in [repositories] of the manifest, or after -b",
            )

    def holds(self, name: NormalizedName) -> bool:
        """See `Source.holds`: a repository holds a name if its folder has any object."""
        self.require()
        return name in self.folders()

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        wanted = sorted({name for name in names if name not in self._pages and self.holds(name)})
        in_parallel(self.page, wanted)

    def page(self, name: NormalizedName) -> ProjectPage:
        """Return the project's page; in format 1, with all bundles that exist now."""
        if name in self._failed:
            raise self._failed[name]
        if name not in self._pages:
            try:
                page = self.read_page(name).page
                if self.layout_format == 1:
                    page = self.with_bundles(page, self.list_bundles(name))
                self._pages[name] = page
            except PipperError as error:
                self._failed[name] = error  # after its retries: a second call must not wait again
                raise
        return self._pages[name]

    def read_page(self, name: NormalizedName, *, salvage: bool = False) -> ReadPage:
        """Read the page from the store, never from memory.

        If it is damaged, return its readable entries with `salvage`, else raise IntegrityError.
        """
        key = page_key(name)
        try:
            blob = self.store.read(key)
        except ObjectAbsentError:
            return ReadPage(page=ProjectPage(name=name), etag=None)
        label = f"{self.store.location}/{key}"
        try:
            page = self._as_listed(parse_page(blob.body, name=name, label=label))
            return ReadPage(page=page, etag=blob.etag)
        except IntegrityError as error:
            if not salvage:
                raise
            page = self._as_listed(salvage_page(blob.body, name=name, label=label))
            return ReadPage(page=page, etag=blob.etag, damage=error.cause)

    def _as_listed(self, page: ProjectPage) -> ProjectPage:
        """Return a page that names bundles as the listing does; another store may have written it."""
        if not page.bundles or not self.ignores_case:
            return page
        return replace(
            page, bundles=tuple(replace(each, key=in_small_folder(each.key)) for each in page.bundles)
        )

    @property
    def ignores_case(self) -> bool:
        """Whether keys that differ only in the case of letters are one object."""
        return self._directory is not None and self._directory.ignores_case

    def removal(self, name: NormalizedName, sha256: str) -> str:
        """Return when and by whom a wheel was removed, for people; empty if the page has no tombstone of it.

        Raises as `require_directory`.
        """
        self.require_directory()
        page = self.read_page(name).page
        return next((str(each) for each in page.removed if each.sha256 == sha256), "")

    def list_bundles(self, name: NormalizedName) -> list[ObjectInfo]:
        """List the bundles in all folders of the project, sorted by key."""
        folders = self.folders().get(name, ())
        found = [info for folder in folders for info in self.store.list(f"{folder}/", deep=False)]
        bundles = []
        for info in sorted(found, key=lambda each: each.key):
            if bundle_version(info.key) is not None:
                bundles.append(info)
            elif info.key.endswith(".pipper"):
                self.reporter.warning(
                    f"{self.store.location}/{info.key} is ignored: its name is not a version"
                )
        return bundles

    def with_bundles(self, page: ProjectPage, listed: Iterable[ObjectInfo]) -> ProjectPage:
        """Return the page with the `listed` bundles, except those whose version has a wheel on the page or was removed.

        A bundle is read again if its entry has another etag.
        """
        published = {wheel_identity(file.filename).version for file in page.files}
        published |= {each.version for each in page.removed}
        known = {bundle.key: bundle for bundle in page.bundles}
        bundles: list[PageBundle] = []
        missing: list[ObjectInfo] = []
        for info in listed:
            if bundle_version(info.key) in published:
                continue
            noted = known.get(info.key)
            if noted is not None and noted.etag == info.etag:
                bundles.append(noted)
            else:
                missing.append(info)
        bundles += [read for read in in_parallel(self._read_bundle, missing) if read is not None]
        unique: dict[Version, PageBundle] = {}
        for bundle in sorted(bundles, key=lambda each: (each.upload_time, each.key)):
            unique[read_version(bundle.version)] = bundle
        return replace(page, bundles=tuple(unique.values()))

    def _read_bundle(self, info: ObjectInfo) -> PageBundle | None:
        key = (info.key, info.etag)
        if key not in self._bundles:
            from pipper.repository.legacy_bundles import read_bundle_entry  # noqa: PLC0415 - few repositories have bundles

            try:
                # Ranges have no digest: a fault counts if a second reading finds one, too.
                self._bundles[key] = retry(
                    lambda: read_bundle_entry(self.store, info), attempts=2, pause=pause_if_damaged
                )
            except IntegrityError as error:
                # One damaged bundle must not hide the others; its version counts as missing.
                self.reporter.warning(f"{error.message}; it is ignored")
                self._bundles[key] = None
        return self._bundles[key]

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        if name not in self._releases:
            self._releases[name] = self._group(self.page(name)) if self.holds(name) else ()
        return self._releases[name]

    def _group(self, page: ProjectPage) -> tuple[Release, ...]:
        by_version: dict[Version, list[CandidateFile]] = {}
        for file in page.files:
            by_version.setdefault(wheel_identity(file.filename).version, []).append(
                self._wheel(page.name, file)
            )
        for bundle in page.bundles:
            version = read_version(bundle.version)
            if version not in by_version:
                by_version[version] = [self._bundle(page.name, bundle)]
        assorter = Assorter()
        gone = {each.version: each for each in page.removed if each.version not in by_version}
        found = [
            Release(name=page.name, version=version, source=self.alias, files=(), gone=str(each))
            for version, each in gone.items()
        ]
        found += (
            Release(
                name=page.name,
                version=version,
                source=self.alias,
                files=tuple(files),
                assortment=assorter.assort(
                    ListedWheel(
                        file.filename, self._needs[page.name, file.filename].requires_python, file.yanked
                    )
                    for file in files
                ),
            )
            for version, files in by_version.items()
        )
        return tuple(found)

    def _wheel(self, name: NormalizedName, file: PageFile) -> CandidateFile:
        self._needs[name, file.filename] = file.needs
        key = wheel_key(name, file.sha256, file.filename)
        return CandidateFile(
            filename=file.filename,
            locked=LockedFile(key=key, size=file.size, sha256=file.sha256),
            requires_python=specifiers(file.needs.requires_python),
            upload_time=upload_moment(file.upload_time),
            yanked=None if file.yanked is False else "" if file.yanked is True else file.yanked,
            published=file.notes.publisher,
            copied_from=str(file.notes.origin or ""),
        )

    def _bundle(self, name: NormalizedName, bundle: PageBundle) -> CandidateFile:
        self._needs[name, bundle.wheel] = bundle.needs
        locked = LockedFile(
            key=bundle.key,
            wheel=bundle.wheel,
            size=0,
            sha256="",
            bundle=LockedBundle(sha256="", size=bundle.size),
        )
        return CandidateFile(
            filename=bundle.wheel,
            locked=locked,
            requires_python=specifiers(bundle.needs.requires_python),
            upload_time=upload_moment(bundle.upload_time),
        )

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:
        """See `Source.metadata`: it is part of the page, so nothing is read."""
        needs = self._needs[release.name, file.filename]
        if needs.requires_python and file.requires_python is None:
            malformed = f"Requires-Python `{needs.requires_python[:60]}` is malformed, and is ignored"
            self.reporter.detail(f"{file.filename}: its {malformed}")
        try:
            requires = tuple(_requirement(text) for text in (*needs.requires_dist, *needs.dependencies))
        except UsageError as error:
            return ReleaseMetadata(unusable=str(error))
        extras = frozenset(canonicalize_name(extra) for extra in needs.provides_extra)
        return ReleaseMetadata(requires_dist=requires, provides_extra=extras)


_requirement = cache(parse_requirement)
