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
from pipper.core.layout.page import Needs, PageFile, ProjectPage, wheel_identity
from pipper.core.ports import Reporter
from pipper.errors import (
    ConflictError,
    IntegrityError,
    ObjectChangedError,
    ObjectExistsError,
    PipperError,
)
from pipper.repository.legacy_bundles import wheel_sha256
from pipper.repository.page_swap import ROUNDS, swap_page
from pipper.repository.probe_store import CarelessStoreError
from pipper.repository.source import Repository

_JSON = "application/json"
_ZIP = "application/zip"
_TEXT = "text/plain; charset=utf-8"
_NEVER = "0" * 64


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

    def prepare(self) -> None:
        """Make the format marker where there is none, and find out whether the store keeps its conditions.

        Raises StoreError for a store that accepts conditions but ignores them.
        """
        layout_format = self._repository.layout_format or 2
        body = marker_body(layout_format)
        try:
            self._store.create(MARKER_KEY, body, content_type=_JSON)
        except ObjectExistsError:
            body = self._store.read(MARKER_KEY).body
        try:
            self._store.create(MARKER_KEY, body, content_type=_JSON)
        except ObjectExistsError:
            pass
        else:
            raise CarelessStoreError(self._store.location, "If-None-Match")
        try:
            self._store.replace(MARKER_KEY, body, etag=_NEVER, content_type=_JSON)
        except ObjectChangedError:
            return
        raise CarelessStoreError(self._store.location, "If-Match")

    def examine(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Hold publications of one project against what is published, before anything is written."""
        name = publications[0].name
        page = self._repository.read_page(name).page
        if self._repository.layout_format == 1:
            page = self._repository.with_bundles(page)
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

        swap_page(self._repository, publications[0].name, extended)
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
        bundles = self._repository.with_bundles(page).bundles
        return page if bundles == page.bundles else replace(page, bundles=bundles)

    def store_bundle(self, publication: Publication) -> None:
        """Store the bundle of a published wheel where 0.x clients look for it."""
        bundle = publication.bundle
        if bundle is None:
            return
        key = f"{self._folder(publication.name, bundle.folder)}/{bundle.safe_version}.pipper"
        try:
            self._store.create(key, bundle.path, content_type=_ZIP, metadata=bundle.metadata)
            return
        except ObjectExistsError:
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
            if any(bundle_version(info.key) is not None for info in self._store.list(f"{folder}/v")):
                return folder
        return given

    def warn_of_strangers(self, name: NormalizedName) -> None:
        """In format 2, tell of bundles that 0.x put there: pages alone say what is published."""
        if self._repository.layout_format == 1:
            return
        files = self._repository.read_page(name).page.files
        versions = {wheel_identity(file.filename)[0] for file in files}
        for info in self._repository.list_bundles(name):
            if bundle_version(info.key) not in versions:
                self._reporter.warning(
                    f"{self._store.location}/{info.key}: put there by pipper 0.x, on no page; "
                    "`pipper repository repair` takes it in"
                )
