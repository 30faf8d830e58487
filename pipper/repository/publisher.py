"""Publishing into a repository: files first, then the page by compare-and-swap, then bundles for 0.x clients.

A wheel is published when the page names it. After a crash before that, the uploaded objects are invisible, and
the same command completes the publication. The repository needs no lock, so none can be left behind.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.keys import JSON, MARKER_KEY, marker_body, page_key
from pipper.core.layout.page import PageBundle, PageFile, ProjectPage, have_same, other_dependencies
from pipper.core.layout.provenance import NO_NOTES, FileNotes
from pipper.core.reporter import Reporter
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import ConflictError, IntegrityError, ObjectAbsentError, ObjectExistsError, PipperError
from pipper.repository.legacy_bundles import wheel_sha256
from pipper.repository.page_swap import swap_page
from pipper.repository.probe_store import check_conditions
from pipper.repository.publication import Outcome, Publication, failed
from pipper.repository.source import ReadPage, Repository
from pipper.repository.stored_bundles import StoredBundles, reach
from pipper.repository.stored_wheels import StoredWheels
from pipper.system.parallel import attempt_each, in_parallel


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
        self.wheels = StoredWheels(self._store)
        self._now = now
        self._notes = notes
        self._force = force
        self._reporter = reporter or Reporter()
        self._found: set[str] = set()
        self._read: dict[NormalizedName, ReadPage] = {}
        self._hashes: dict[tuple[str, str], str] = {}
        self._bundles = StoredBundles(repository, current=self._current, force=force, reporter=self._reporter)

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

    def _current(self, name: NormalizedName) -> ProjectPage:
        """Return the project's page as it is now; it is read again only if it has changed."""
        read = self._page(name)
        if not self._store.is_unchanged(page_key(name), read.etag):
            read = self._read[name] = self._repository.read_page(name)
        return read.page

    def require_same_bundle(self, page: ProjectPage, file: PageFile) -> None:
        """Raise ConflictError if 0.x published the version with a different wheel, or with other dependencies.

        A different wheel is none if the page lists that of the bundle too.
        """
        for bundle in () if self._force else _bundles_of(page, file):
            published = self._sha256_in(bundle)
            if published == file.sha256 and not have_same(bundle.needs.dependencies, file.needs.dependencies):
                raise other_dependencies(file.filename, bundle.needs.dependencies, file.needs.dependencies)
            if published != file.sha256 and not page.listed(published):
                raise ConflictError(
                    f"{page.name} {bundle.version} is published with other bytes",
                    cause=f"{self._store.location}/{bundle.key} contains a wheel with sha256 {published}",
                    hint="raise the version, or publish with --force",
                )

    def completed(self, page: ProjectPage, file: PageFile) -> PageFile:
        """Return the entry of a wheel with the `dependencies` that are published with its bytes.

        For a wheel without its bundle, which does not say what they are.
        """
        known: PageFile | PageBundle | None = page.listed(file.sha256)
        if known is None:
            bundles = _bundles_of(page, file)
            known = next((each for each in bundles if self._contains(each, file.sha256)), None)
        if known is None:
            return file
        return replace(file, needs=replace(file.needs, dependencies=known.needs.dependencies))

    def _contains(self, bundle: PageBundle, sha256: str) -> bool:
        try:
            return self._sha256_in(bundle) == sha256
        except (IntegrityError, ObjectAbsentError):
            if not self._force:
                raise
            return False  # what is replaced may be damaged

    def _sha256_in(self, bundle: PageBundle) -> str:
        """Return the hash of the wheel in a bundle of 0.x, which is read once in a run."""
        known = (bundle.key, bundle.etag)
        if known not in self._hashes:
            self._hashes[known] = wheel_sha256(self._store, bundle.key)
        return self._hashes[known]

    def upload(self, publication: Publication) -> None:
        """Store the wheel and its METADATA under keys that contain the wheel's hash."""
        if not self.wheels.store(publication):
            self._found.add(publication.sha256)

    def restore(self, publication: Publication) -> bool:
        """Store a published wheel again, with its METADATA, if it is gone; return whether it was.

        Raises ConflictError if the page does not name it any more: then it was removed meanwhile, and not lost.
        """
        was_gone = self.wheels.restore(publication)
        if was_gone:
            self._bundles.require_current(publication.name, self._entry(publication))
        return was_gone

    def confirm(self, publications: Iterable[Publication], *, others_wrote: bool) -> None:
        """Store again what was removed before the page named it; after the page write, nobody removes it.

        That can be what existed at `upload`, and also what was new, if `others_wrote` the page in the meantime: one
        may have published the same bytes, and another removed them.
        """
        doubtful = (each for each in publications if others_wrote or each.sha256 in self._found)
        in_parallel(self._confirm, list(doubtful))

    def _confirm(self, publication: Publication) -> None:
        if not self.wheels.has(publication.page_file(self._now), publication.name):
            self.wheels.store(publication)

    def write_page(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Add publications of one project to its page, by compare-and-swap.

        Raises ConflictError if other writers win every attempt.
        """
        outcomes: list[Outcome] = []
        versions = {publication.version for publication in publications}
        tries, were_removed = 0, False

        def extended(page: ProjectPage) -> ProjectPage:
            nonlocal outcomes, tries, were_removed
            tries += 1
            # The prune that removed them may still be deleting their files.
            were_removed |= any(each.version in versions for each in page.removed)
            page, outcomes = self._extended(page, publications)
            return page

        name = publications[0].name
        self._read[name] = swap_page(self._repository, name, extended, read=self._page(name))
        done = [outcome.publication for outcome in outcomes if outcome.error is None]
        self.confirm(done, others_wrote=tries > 1 or were_removed)
        return outcomes

    def _extended(
        self, page: ProjectPage, publications: Sequence[Publication], *, examine: bool = False
    ) -> tuple[ProjectPage, list[Outcome]]:
        """Return the page with the publications, and their outcomes; nothing is published yet to `examine`."""
        outcomes: list[Outcome] = []
        if self._repository.layout_format == 1:
            # With entries on the page, readers need not open these bundles.
            page = self._repository.with_bundles(page, self._bundles.listed(page.name))
        # First what 0.x bundled, and what comes back: then the other wheels of the version are no conflict with it.
        first = {bundle.wheel for bundle in page.bundles} | {each.filename for each in page.removed}
        for publication in sorted(
            publications, key=lambda each: (each.filename not in first, reach(each.filename)[:1])
        ):
            try:
                after = self._with_publication(page, publication)
            except PipperError as error:
                outcomes.append(failed(publication, error))
                continue
            if after is page:
                status = "already published"
            elif examine:
                status = "new"
                self._tell_lost_dependencies(page, after, publication)
            else:
                status = "replaced" if len(after.files) == len(page.files) else "published"
            page = after
            outcomes.append(Outcome(publication=publication, status=status))
        return page, outcomes

    def _with_publication(self, page: ProjectPage, publication: Publication) -> ProjectPage:
        file = publication.page_file(self._now, self._notes)
        if not publication.is_bundle:
            file = self.completed(page, file)
        self.require_same_bundle(page, file)
        return page.with_file(file, force=self._force)

    def _tell_lost_dependencies(
        self, page: ProjectPage, after: ProjectPage, publication: Publication
    ) -> None:
        """Warn that a wheel takes the place of one whose bundle named dependencies."""
        entry = after.listed(publication.sha256)
        if publication.is_bundle or entry is None or entry.needs.dependencies:
            return
        identity = wheel_identity(publication.filename)
        needs = [file.needs for file in page.files if wheel_identity(file.filename) == identity]
        needs += [bundle.needs for bundle in page.bundles if wheel_identity(bundle.wheel) == identity]
        if any(each.dependencies for each in needs):
            self._reporter.warning(
                f"{publication.source.name} takes the place of a wheel with dependencies of a bundle, and names none: "
                "if it needs them, publish it as a bundle"
            )

    def store_bundles(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Store the bundles of published wheels of one project, for 0.x clients; return those that failed.

        Of the wheels of a version one goes into its bundle: the first by `reach`. In format 2, also warn of bundles
        that 0.x published: there only pages count.
        """
        try:
            self._warn_of_legacy_bundles(publications[0].name)
        except PipperError as error:
            # All wheels are published at this point, so this failure is only a warning.
            self._reporter.warning(f"cannot look for bundles of pipper 0.x: {error.message}")
        chosen = _one_made_bundle_each(publications)
        results = attempt_each(self._store_bundle, chosen)
        return [failed(each, error) for each, error in zip(chosen, results, strict=True) if error]

    def _store_bundle(self, publication: Publication) -> None:
        if publication.bundle is None:
            return
        self._bundles.store(publication.name, self._entry(publication), publication.bundle)

    def _entry(self, publication: Publication) -> PageFile:
        """Return the entry that a published wheel has on the page that was read last."""
        file = publication.page_file(self._now)
        return file if publication.is_bundle else self.completed(self._page(publication.name).page, file)

    def _warn_of_legacy_bundles(self, name: NormalizedName) -> None:
        if self._repository.layout_format != 1:
            published = (wheel_identity(file.filename).version for file in self._page(name).page.files)
            self._bundles.warn_of_legacy(name, published)


def _bundles_of(page: ProjectPage, file: PageFile) -> list[PageBundle]:
    """Return the bundles on the page that have the version of a wheel."""
    version = wheel_identity(file.filename).version
    return [bundle for bundle in page.bundles if read_version(bundle.version) == version]


def _one_made_bundle_each(publications: Sequence[Publication]) -> list[Publication]:
    """Leave out the wheels for whose version the user gave a bundle, or a wheel that more Pythons can install."""
    taken = {each.version for each in publications if each.is_bundle}
    chosen: dict[Version, Publication] = {}
    for each in sorted(publications, key=lambda each: reach(each.filename)):
        if each.bundle is not None and not each.is_bundle and each.version not in taken:
            chosen.setdefault(each.version, each)
    return [*(each for each in publications if each.is_bundle), *chosen.values()]
