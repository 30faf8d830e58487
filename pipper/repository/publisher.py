"""Writing into a repository: files first, then the page by compare-and-swap, then what 0.x clients read.

The page is the arbiter. A crash before it leaves an unnamed object that nothing shows; the same command again
completes it. There is no lock object, so there is nothing to unlock.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.keys import MARKER_KEY, METADATA_SUFFIX, bundle_version, marker_body, wheel_key
from pipper.core.layout.page import Needs, PageFile, ProjectPage
from pipper.core.ports import ObjectInfo, Reporter
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import (
    ConflictError,
    IntegrityError,
    ObjectExistsError,
    PipperError,
)
from pipper.repository.legacy_bundles import wheel_sha256
from pipper.repository.page_swap import ROUNDS, swap_page
from pipper.repository.probe_store import check_conditions
from pipper.repository.source import ReadPage, Repository
from pipper.system.parallel import in_parallel

_JSON = "application/json"
_ZIP = "application/zip"
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFile:
    """The bundle of a publication, for 0.x clients."""

    path: Path
    folder: str
    """The project's name as given: the folder where none exists yet."""
    safe_version: str
    """The version as keys write it."""
    metadata: Mapping[str, str]
    """The object's user metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A wheel that passed the gate, ready to be published."""

    source: Path
    """What the user named."""
    path: Path
    """The wheel: the same, or what was taken out of a bundle."""
    filename: str
    name: NormalizedName
    version: Version
    sha256: str
    size: int
    metadata: bytes = field(repr=False)
    """The wheel's METADATA."""
    needs: Needs
    bundle: BundleFile | None = None

    def page_file(self, now: datetime) -> PageFile:
        """How the project's page shows it."""
        return PageFile(
            filename=self.filename,
            sha256=self.sha256,
            size=self.size,
            upload_time=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            metadata_sha256=sha256(self.metadata).hexdigest(),
            needs=self.needs,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one publication."""

    publication: Publication
    status: str
    """`new` (to be done), `published`, `replaced`, `already published` or `failed`."""
    error: PipperError | None = None


class Publisher:
    """Publishes into one repository. The steps of a run are methods, so that each can go in parallel."""

    def __init__(
        self, repository: Repository, *, now: datetime, force: bool = False, reporter: Reporter | None = None
    ) -> None:
        self._repository = repository
        self._store = repository.store
        self._now = now
        self._force = force
        self._reporter = reporter or Reporter()
        self._found: set[str] = set()
        self._read: dict[NormalizedName, ReadPage] = {}
        self._listed: dict[NormalizedName, list[ObjectInfo]] = {}

    def prepare(self) -> None:
        """Make the format marker where there is none, and find out whether the store keeps its conditions.

        Raises StoreError for a store that accepts conditions but ignores them.
        """
        marker = self._repository.marker
        if not marker:
            marker = marker_body(self._repository.layout_format or 2)
            try:
                self._store.create(MARKER_KEY, marker, content_type=_JSON)
            except ObjectExistsError:  # another first publish was quicker
                marker = self._store.read(MARKER_KEY).body
        check_conditions(self._store, marker)

    def examine(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Hold publications of one project against what is published, before anything is written."""
        name = publications[0].name
        page = self._page(name).page
        if self._repository.layout_format == 1:
            page = self._repository.with_bundles(page, self._bundles(name))
        outcomes = []
        for publication in publications:
            try:
                self._same_as_bundle(page, publication)
                after = page.with_file(publication.page_file(self._now), force=self._force)
            except PipperError as error:
                outcomes.append(Outcome(publication=publication, status="failed", error=error))
                continue
            outcomes.append(
                Outcome(publication=publication, status="already published" if after is page else "new")
            )
            page = after
        return outcomes

    def _page(self, name: NormalizedName) -> ReadPage:
        """The project's page as this run knows it. What it does not know, the swap of the page finds out."""
        if name not in self._read:
            known = name in self._repository.folders()
            absent = ReadPage(page=ProjectPage(name=name), etag=None)
            self._read[name] = self._repository.read_page(name) if known else absent
        return self._read[name]

    def _bundles(self, name: NormalizedName) -> list[ObjectInfo]:
        """The bundles of the project, listed once a run."""
        if name not in self._listed:
            self._listed[name] = self._repository.list_bundles(name)
        return self._listed[name]

    def _same_as_bundle(self, page: ProjectPage, publication: Publication) -> None:
        """Raise ConflictError where 0.x published other bytes as a bundle of this version."""
        for bundle in page.bundles:
            if self._force or Version(bundle.version) != publication.version:
                continue
            published = wheel_sha256(self._store, bundle.key)
            if published != publication.sha256:
                raise ConflictError(
                    f"{page.name} {publication.version} is published with other bytes",
                    cause=f"{self._store.location}/{bundle.key} holds a wheel of sha256 {published}",
                    hint="raise the version, or publish with --force",
                )

    def upload(self, publication: Publication) -> None:
        """Store the wheel and its METADATA under keys that hold the wheel's hash."""
        key = wheel_key(publication.name, publication.sha256, publication.filename)
        if not self._create(key, publication.path, publication.size, _ZIP):
            self._found.add(publication.sha256)
        self._create(key + METADATA_SUFFIX, publication.metadata, len(publication.metadata), _TEXT)

    def _create(self, key: str, body: bytes | Path, size: int, content_type: str) -> bool:
        """Store an object, or find it there already; tell whether it was stored."""
        for _ in range(ROUNDS):
            try:
                self._store.create(key, body, content_type=content_type)
            except ObjectExistsError:
                found = self._store.head(key)
                if found is None:
                    continue  # `repair` swept it away just now
                if found.size == size:
                    return False
                raise IntegrityError(
                    f"{self._store.location}/{key} is not what its key says",
                    cause=f"{found.size} bytes, {size} are right",
                    hint="pipper repository check",
                ) from None
            return True
        raise ConflictError(f"{self._store.location}/{key} comes and goes", hint="run the same command again")

    def confirm(self, publications: Iterable[Publication]) -> None:
        """Store again what `upload` found there already and what was swept before the page named it."""
        for publication in publications:
            if publication.sha256 in self._found:
                self.upload(publication)

    def write_page(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Put publications of one project on its page, by compare-and-swap, again where another was quicker.

        Raises ConflictError where others stay quicker.
        """
        outcomes: list[Outcome] = []

        def extended(page: ProjectPage) -> ProjectPage:
            nonlocal outcomes
            page, outcomes = self._extended(page, publications)
            return page

        name = publications[0].name
        self._read[name] = swap_page(self._repository, name, extended, read=self._page(name))
        self.confirm(publications)
        return outcomes

    def _extended(
        self, page: ProjectPage, publications: Sequence[Publication]
    ) -> tuple[ProjectPage, list[Outcome]]:
        outcomes: list[Outcome] = []
        if self._repository.layout_format == 1:
            # Noted now, so that readers need not look into these bundles again.
            page = self._noted(page)
        for publication in publications:
            try:
                after = page.with_file(publication.page_file(self._now), force=self._force)
            except ConflictError as error:
                outcomes.append(Outcome(publication=publication, status="failed", error=error))
                continue
            if after is page:
                status = "already published"
            else:
                status = "replaced" if len(after.files) == len(page.files) else "published"
            page = after
            outcomes.append(Outcome(publication=publication, status=status))
        return page, outcomes

    def _noted(self, page: ProjectPage) -> ProjectPage:
        bundles = self._repository.with_bundles(page, self._bundles(page.name)).bundles
        return page if bundles == page.bundles else replace(page, bundles=bundles)

    def store_bundles(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Store the bundles of published wheels of one project, for 0.x clients; return those that failed.

        In format 2, also warn of bundles that 0.x put there: pages alone say what is published.
        """
        try:
            self._warn_of_strangers(publications[0].name)
        except PipperError as error:
            # Everything is published by now; only the look around failed.
            self._reporter.warning(f"bundles of pipper 0.x were not looked for: {error.message}")
        return [outcome for outcome in in_parallel(self._failure, publications) if outcome]

    def _failure(self, publication: Publication) -> Outcome | None:
        try:
            self._store_bundle(publication)
        except PipperError as error:
            return Outcome(publication=publication, status="failed", error=error)
        return None

    def _store_bundle(self, publication: Publication) -> None:
        bundle = publication.bundle
        if bundle is None:
            return
        listed = self._bundles(publication.name)
        key = f"{self._folder(publication.name, bundle.folder)}/{bundle.safe_version}.pipper"
        found = next((info for info in listed if info.key == key), None)
        if found is None:
            try:
                self._store.create(key, bundle.path, content_type=_ZIP, metadata=bundle.metadata)
                return
            except ObjectExistsError:  # put there since the listing
                found = self._store.head(key)
        if found is None or wheel_sha256(self._store, key) == publication.sha256:
            return
        if not self._force:
            raise ConflictError(
                f"{self._store.location}/{key} holds another wheel than the one published",
                cause="pipper 0.x put it there",
                hint="pipper repository repair, or publish with --force",
            )
        self._store.replace(key, bundle.path, etag=found.etag, content_type=_ZIP, metadata=bundle.metadata)

    def _folder(self, name: NormalizedName, given: str) -> str:
        """The folder 0.x made for the project, else its name as given."""
        for folder in self._repository.folders().get(name, ()):
            if any(info.key.startswith(f"{folder}/v") for info in self._bundles(name)):
                return folder
        return given

    def _warn_of_strangers(self, name: NormalizedName) -> None:
        if self._repository.layout_format == 1:
            return
        versions = {wheel_identity(file.filename).version for file in self._page(name).page.files}
        for info in self._bundles(name):
            if bundle_version(info.key) not in versions:
                self._reporter.warning(
                    f"{self._store.location}/{info.key}: put there by pipper 0.x, on no page; "
                    "`pipper repository repair` takes it in"
                )
