"""Publishing into a repository: files first, then the page by compare-and-swap, then bundles for 0.x clients.

A wheel is published when the page names it. After a crash before that, the uploaded objects are invisible, and
the same command completes the publication. The repository needs no lock, so none can be left behind.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.keys import (
    JSON,
    MARKER_KEY,
    METADATA_SUFFIX,
    TEXT,
    ZIP,
    bundle_version,
    marker_body,
    wheel_key,
)
from pipper.core.layout.notes import NO_NOTES, FileNotes
from pipper.core.layout.page import Needs, PageFile, ProjectPage
from pipper.core.ports import ObjectInfo
from pipper.core.reporter import Reporter
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import ConflictError, IntegrityError, ObjectExistsError, PipperError
from pipper.repository.legacy_bundles import wheel_sha256
from pipper.repository.page_swap import ROUNDS, outrun, swap_page
from pipper.repository.probe_store import check_conditions
from pipper.repository.source import ReadPage, Repository
from pipper.system.parallel import attempt_each


class BundleFile(Struct, frozen=True, kw_only=True):
    """The bundle of a publication, for 0.x clients."""

    path: Path
    folder: str
    """The project's name as given: the folder, if the project has none yet."""
    safe_version: str
    """The version as written in keys."""
    metadata: Mapping[str, str]
    """The object's user metadata."""


class Publication(Struct, frozen=True, kw_only=True):
    """A verified wheel, ready to be published."""

    source: Path
    """The path that the user gave."""
    path: Path
    """The wheel: the same file, or one extracted from a bundle."""
    filename: str
    name: NormalizedName
    version: Version
    sha256: str
    size: int
    metadata: bytes
    """The wheel's METADATA."""
    needs: Needs
    bundle: BundleFile | None = None
    listed: PageFile | None = None
    """The entry for the page, if the wheel is the copy of a published one."""

    def page_file(self, now: datetime, notes: FileNotes = NO_NOTES) -> PageFile:
        """Return the entry for the project's page; `notes` say who publishes it."""
        return self.listed or PageFile(
            filename=self.filename,
            sha256=self.sha256,
            size=self.size,
            upload_time=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            metadata_sha256=sha256(self.metadata).hexdigest(),
            needs=self.needs,
            notes=notes,
        )


class Outcome(Struct, frozen=True, kw_only=True):
    """The result of one publication."""

    publication: Publication
    status: str
    """`new` (to be done), `published`, `replaced`, `already published` or `failed`."""
    error: PipperError | None = None


def failed(publication: Publication, error: PipperError) -> Outcome:
    """Return the outcome of a publication that an error ended."""
    return Outcome(publication=publication, status="failed", error=error)


class Publisher:
    """Publishes into one repository. Each step of a run is a method, so that it can run in parallel."""

    def __init__(
        self,
        repository: Repository,
        *,
        now: datetime,
        notes: FileNotes = NO_NOTES,
        force: bool = False,
        reporter: Reporter | None = None,
    ) -> None:
        """Note `now` and `notes` on the page for each new file."""
        self._repository = repository
        self._store = repository.store
        self._now = now
        self._notes = notes
        self._force = force
        self._reporter = reporter or Reporter()
        self._found: set[str] = set()
        self._read: dict[NormalizedName, ReadPage] = {}
        self._bundles = cache(repository.list_bundles)  # listed once in a run

    def prepare(self) -> None:
        """Create the format marker if it is absent, and test the store's conditional writes.

        Raises StoreError if the store ignores the condition of a write; then nothing of the test is left behind.
        """
        marker = self._repository.marker
        is_new = not marker
        if not marker:
            marker = marker_body(self._repository.layout_format or 2)
            check_conditions(self._store, marker, exists=False)
            try:
                self._store.create(MARKER_KEY, marker, content_type=JSON)
            except ObjectExistsError:  # another process created it in the meantime
                marker, is_new = self._store.read(MARKER_KEY).body, False
        check_conditions(self._store, marker, keep=not is_new)

    def examine(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Compare publications of one project with the published files. Nothing is written."""
        page = self._page(publications[0].name).page
        return self._extended(page, publications, examine=True)[1]

    def _page(self, name: NormalizedName) -> ReadPage:
        """Return the project's page, read once in a run. The page swap detects later changes."""
        if name not in self._read:
            known = name in self._repository.folders()
            absent = ReadPage(page=ProjectPage(name=name), etag=None)
            self._read[name] = self._repository.read_page(name) if known else absent
        return self._read[name]

    def require_same_bundle(self, page: ProjectPage, version: Version, sha256: str) -> None:
        """Raise ConflictError if 0.x published this version as a bundle with a different wheel."""
        for bundle in page.bundles:
            if self._force or read_version(bundle.version) != version:
                continue
            published = wheel_sha256(self._store, bundle.key)
            if published != sha256:
                raise ConflictError(
                    f"{page.name} {version} is published with other bytes",
                    cause=f"{self._store.location}/{bundle.key} contains a wheel with sha256 {published}",
                    hint="raise the version, or publish with --force",
                )

    def upload(self, publication: Publication) -> None:
        """Store the wheel and its METADATA under keys that contain the wheel's hash."""
        if not self.store_files(publication):
            self._found.add(publication.sha256)

    def store_files(self, publication: Publication) -> bool:
        """Store the wheel and its METADATA as `upload` does; return whether there was no such wheel."""
        key = wheel_key(publication.name, publication.sha256, publication.filename)
        is_new = self._create(key, publication.path, publication.size, ZIP)
        self._create(key + METADATA_SUFFIX, publication.metadata, len(publication.metadata), TEXT)
        return is_new

    def _create(self, key: str, body: bytes | Path, size: int, content_type: str) -> bool:
        """Store an object unless it exists; return whether it was stored.

        Raises IntegrityError if the existing object has another size.
        """
        for _ in range(ROUNDS):
            try:
                self._store.create(key, body, content_type=content_type)
            except ObjectExistsError:
                found = self._store.head(key)
                if found is None:
                    continue  # `repair` has just removed it
                if found.size == size:
                    return False
                raise IntegrityError(
                    f"{self._store.location}/{key} is damaged",
                    cause=f"it has {found.size} bytes instead of {size}",
                    hint="run `pipper repository repair`, then publish again",
                ) from None
            return True
        raise outrun(f"{self._store.location}/{key}")

    def confirm(self, publications: Iterable[Publication]) -> None:
        """Store again the files that existed at `upload` and were removed before the page named them."""
        for publication in publications:
            if publication.sha256 in self._found:
                self.upload(publication)

    def write_page(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Add publications of one project to its page, by compare-and-swap.

        Raises ConflictError if other writers win every attempt.
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
        self, page: ProjectPage, publications: Sequence[Publication], *, examine: bool = False
    ) -> tuple[ProjectPage, list[Outcome]]:
        """Return the page with the publications; to `examine`, also compare them with bundles of 0.x."""
        outcomes: list[Outcome] = []
        if self._repository.layout_format == 1:
            # With entries on the page, readers need not open these bundles.
            page = self._repository.with_bundles(page, self._bundles(page.name))
        for publication in publications:
            try:
                if examine:
                    self.require_same_bundle(page, publication.version, publication.sha256)
                after = page.with_file(publication.page_file(self._now, self._notes), force=self._force)
            except PipperError as error:
                outcomes.append(failed(publication, error))
                continue
            if after is page:
                status = "already published"
            elif examine:
                status = "new"
            else:
                status = "replaced" if len(after.files) == len(page.files) else "published"
            page = after
            outcomes.append(Outcome(publication=publication, status=status))
        return page, outcomes

    def store_bundles(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Store the bundles of published wheels of one project, for 0.x clients; return those that failed.

        In format 2, also warn of bundles that 0.x published: there only pages count.
        """
        try:
            self._warn_of_legacy_bundles(publications[0].name)
        except PipperError as error:
            # All wheels are published at this point, so this failure is only a warning.
            self._reporter.warning(f"cannot look for bundles of pipper 0.x: {error.message}")
        results = attempt_each(self._store_bundle, publications)
        return [failed(each, error) for each, error in zip(publications, results, strict=True) if error]

    def _store_bundle(self, publication: Publication) -> None:
        bundle = publication.bundle
        if bundle is None:
            return
        listed = self._bundles(publication.name)
        key = f"{self._folder(publication.name, bundle.folder)}/{bundle.safe_version}.pipper"
        found = next((info for info in listed if info.key == key), None)
        found = found or self._create_bundle(key, bundle)
        if found is None or wheel_sha256(self._store, key) == publication.sha256:
            return
        if not self._force:
            raise ConflictError(
                f"{self._store.location}/{key} contains another wheel than the published one",
                cause="pipper 0.x published it",
                hint="publish with --force to replace it, or raise the version",
            )
        self._store.replace(key, bundle.path, etag=found.etag, content_type=ZIP, metadata=bundle.metadata)

    def _create_bundle(self, key: str, bundle: BundleFile) -> ObjectInfo | None:
        """Store a bundle; if one was stored after the listing, return that."""
        for _ in range(ROUNDS):
            try:
                self._store.create(key, bundle.path, content_type=ZIP, metadata=bundle.metadata)
            except ObjectExistsError:
                if found := self._store.head(key):
                    return found
                continue  # it was removed again, or the refusal was wrong
            return None
        raise outrun(f"{self._store.location}/{key}")

    def _folder(self, name: NormalizedName, given: str) -> str:
        """Return the folder that 0.x created for the project, else its name as given."""
        for folder in self._repository.folders().get(name, ()):
            if any(info.key.startswith(f"{folder}/v") for info in self._bundles(name)):
                return folder
        return given.lower() if self._repository.ignores_case else given

    def _warn_of_legacy_bundles(self, name: NormalizedName) -> None:
        if self._repository.layout_format == 1:
            return
        versions = {wheel_identity(file.filename).version for file in self._page(name).page.files}
        for info in self._bundles(name):
            if bundle_version(info.key) not in versions:
                self._reporter.warning(
                    f"{self._store.location}/{info.key}: pipper 0.x published this bundle, but no page names it; "
                    "run `pipper repository repair`"
                )
