"""`repository repair`: makes pages match the objects, and imports the bundles that 0.x published."""

from contextlib import suppress
from datetime import datetime
from functools import partial

from msgspec import Struct

from pipper.core.layout.keys import JSON, MARKER_KEY, bundle_version, marker_body, parse_marker
from pipper.core.layout.objects import Holding, arrange
from pipper.core.plain_json import load_json
from pipper.core.ports import ObjectInfo, Store
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import (
    IntegrityError,
    ObjectAbsentError,
    ObjectChangedError,
    ObjectExistsError,
    PipperError,
    gravest,
)
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import single_repository
from pipper.ops.repository.findings import Finding, has_differences
from pipper.ops.repository.repair_project import Mender
from pipper.ops.repository.repair_work import Work
from pipper.ops.repository.site import write_marker
from pipper.ops.repository.sweep import Mend
from pipper.repository.looks import Survey
from pipper.repository.publisher import Publisher
from pipper.repository.site.keeper import SiteKeeper
from pipper.repository.site.stored_listing import read_listing
from pipper.repository.source import Repository
from pipper.repository.survey import Surveyor
from pipper.storage.rehearsal import RehearsalStore
from pipper.system.files import scratch_folder
from pipper.system.parallel import attempt_each


class RepairOutcome(Struct, frozen=True, kw_only=True):
    """What a repair did, or would do."""

    location: str
    layout_format: int
    """After the repair."""
    mends: tuple[Mend, ...] = ()
    left: tuple[Finding, ...] = ()
    """Findings that only a user can resolve."""
    errors: tuple[PipperError, ...] = ()

    @property
    def exit_code(self) -> int:
        """The exit code of the gravest error, else 1 if findings are left, else 0."""
        return gravest(error.exit_code for error in self.errors) or int(bool(self.left))


def repair(
    settings: Settings, *, to_format_2: bool = False, dry_run: bool = False, now: datetime
) -> RepairOutcome:
    """Make pages match objects; `now` separates old objects from recent ones.

    Raises UsageError if the repository does not exist, StoreError if the store ignores conditions, and what the
    store raises before the first project is repaired.
    """
    repository = single_repository(settings, "repository repair")
    if dry_run:
        repository = _on(repository, RehearsalStore(repository.store), settings)
    mends = _mend_marker(repository, dry_run=dry_run)
    repository = _on(repository, repository.store, settings)
    run = _Run(repository, settings, now, only_pages=to_format_2)
    repository.require()
    if not dry_run:
        run.publisher.prepare()
    results = run.everything()
    failed = any(isinstance(result, PipperError) for result in results)
    layout_format = repository.layout_format
    if to_format_2 and layout_format == 1 and not failed:
        write_marker(repository, layout_format=2)
        mends += (
            Mend(subject=MARKER_KEY, text="set format 2: from now on, only wheels on pages are published"),
        )
        layout_format = 2
        # In format 2, bundles that 0.x published during this run are invisible unless they are imported.
        results += run.everything()
    mended = [result for result in results if isinstance(result, Work)]
    pages, unwritten = _mend_site(repository, settings, dry_run=dry_run)
    return RepairOutcome(
        location=repository.store.location,
        layout_format=layout_format,
        mends=(*mends, *(mend for each in mended for mend in each.mends), *pages),
        left=tuple(finding for each in mended for finding in each.left),
        errors=(*(result for result in results if isinstance(result, PipperError)), *unwritten),
    )


def _on(repository: Repository, store: Store, settings: Settings) -> Repository:
    return Repository(store, repository.alias, url=repository.url, reporter=settings.reporter)


class _Run:
    def __init__(
        self, repository: Repository, settings: Settings, now: datetime, *, only_pages: bool
    ) -> None:
        self.publisher = Publisher(repository, now=now, reporter=settings.reporter)
        self._repository = repository
        self._settings = settings
        self._now = now
        self._only_pages = only_pages
        self._seen: frozenset[tuple[str, str]] | None = None

    def everything(self) -> list[Work | PipperError]:
        """Repair every project; the second time, only those that have new bundles."""
        holdings = arrange(self._repository.store.list()).projects
        seen, self._seen = self._seen, frozenset().union(*map(_bundles, holdings))
        if seen is not None:
            holdings = tuple(each for each in holdings if not _bundles(each) <= seen)
        with scratch_folder() as scratch:
            surveyor = Surveyor(
                self._repository,
                scratch,
                all_bundles=False,
                limits=self._settings.limits,
                is_wrong=partial(
                    has_differences, layout_format=self._repository.layout_format, now=self._now
                ),
            )
            mender = Mender(
                self._repository,
                self.publisher,
                scratch,
                now=self._now,
                limits=self._settings.limits,
                only_pages=self._only_pages,
            )

            def mended(survey: Survey) -> Work:
                if survey.error is not None:
                    raise survey.error
                return mender.mend(survey)

            results: list[Work | PipperError] = []
            for surveys in surveyor.survey(holdings, self._settings.reporter):
                results += attempt_each(mended, surveys)
            return results


def _mend_site(
    repository: Repository, settings: Settings, *, dry_run: bool
) -> tuple[list[Mend], tuple[PipperError, ...]]:
    """Write the pages of the site that do not show what is published now."""
    repository = _on(repository, repository.store, settings)
    if not repository.has_site:
        return [], ()
    found = SiteKeeper(repository, settings.reporter, dry_run=dry_run).refresh()
    mends = [Mend(subject=key, text="wrote it: it did not show what is published") for key in found.written]
    mends += [
        Mend(subject=key, text="removed it: nothing is published under this name") for key in found.removed
    ]
    return mends, tuple(error for error in found.errors if not isinstance(error, IntegrityError))


def _bundles(holding: Holding) -> frozenset[tuple[str, str]]:
    """Return key and etag of each bundle of a project."""
    return frozenset((info.key, info.etag) for info in holding.bundles)


def _mend_marker(repository: Repository, *, dry_run: bool) -> tuple[Mend, ...]:
    """Rewrite a damaged format marker, and create a missing one if there are pages."""
    store = repository.store
    try:
        blob = store.read(MARKER_KEY)
    except ObjectAbsentError:
        repository.require()
        if repository.marker:  # it is there now: somebody has just created it
            return ()
        found, mend = _restored(repository, "it did not exist")
        if found != 2:
            return ()
        with suppress(ObjectExistsError):
            store.create(MARKER_KEY, _marker(repository, found), content_type=JSON)
        return (mend,)
    try:
        parse_marker(blob.body, label=f"{store.location}/{MARKER_KEY}")
    except IntegrityError as error:
        if _is_newer(blob.body) or dry_run:
            raise
        found, mend = _restored(repository, error.cause or error.message)
        # Pages were read in between, which show whether the store's ETags are digests: a marker that was only
        # damaged on its way to here raises StoreError now.
        if store.read(MARKER_KEY) != blob:
            return ()
        try:
            store.replace(MARKER_KEY, _marker(repository, found), etag=blob.etag, content_type=JSON)
        except ObjectChangedError:
            return ()
        return (mend,)
    return ()


def _restored(repository: Repository, why: str) -> tuple[int, Mend]:
    """Return the format of a repository without a valid marker: 2 if pages name all versions, else 1."""
    holdings = arrange(repository.store.list()).projects
    with_page = [holding for holding in holdings if holding.page is not None]
    for holding in with_page[:1]:
        repository.read_page(holding.name, salvage=True)
    waiting = [info.key for holding in holdings for info in _on_no_page(repository, holding)]
    if not waiting and with_page:
        return 2, Mend(subject=MARKER_KEY, text=f"{why}: wrote it with format 2")
    reason = f"{waiting[0]} is on no page" if waiting else "there are no pages"
    hint = "if it was format 2, run `pipper repository repair --format 2`"
    return 1, Mend(subject=MARKER_KEY, text=f"{why}: wrote it with format 1, because {reason}; {hint}")


def _marker(repository: Repository, layout_format: int) -> bytes:
    """Return a new marker; it notes a site if there is a list of projects, which nothing else writes."""
    return marker_body(layout_format, has_site=read_listing(repository.store).listing is not None)


def _on_no_page(repository: Repository, holding: Holding) -> list[ObjectInfo]:
    if not holding.bundles:
        return []
    page = repository.read_page(holding.name, salvage=True).page
    published = {wheel_identity(file.filename).version for file in page.files}
    published |= {each.version for each in page.removed}
    return [info for info in holding.bundles if bundle_version(info.key) not in published]


def _is_newer(body: bytes) -> bool:
    try:
        document = load_json(body)
    except ValueError:
        return False
    found = document.get("format") if isinstance(document, dict) else None
    return isinstance(found, int) and found > 2
