"""`repository copy`: exact copies of published files, from a repository or the index into a repository."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field
from packaging.pylock import Pylock
from packaging.utils import NormalizedName

from pipper.core.layout.page import PageFile
from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.requirement import name_of, parse_requirement
from pipper.core.reporter import Reporter
from pipper.errors import PipperError, UsageError, gravest
from pipper.ops.context.settings import Settings
from pipper.ops.lock.read_any import read_lock
from pipper.ops.repository.copy_source import CopySource, open_source
from pipper.ops.repository.copy_wanted import (
    Wanted,
    choose,
    tell_left_out,
    wanted_by_lock,
    wanted_by_name,
    wanted_by_pylock,
    wanted_with_dependencies,
)
from pipper.ops.repository.endpoints import at_end, is_index, open_target
from pipper.ops.repository.published_by import doer
from pipper.ops.repository.site import keep_site
from pipper.repository.copier import Copied, Copier, Offer, copied
from pipper.repository.publisher import Publisher
from pipper.system.files import scratch_folder
from pipper.system.parallel import attempt_each, spread

_JOBS = 16
"""Files at once: each waits for two stores, and is on the disk of this machine in between."""


class CopyRequest(Struct, frozen=True, kw_only=True):
    """The arguments of `repository copy`."""

    source: str
    """An alias, a named repository, a URL, or `index`."""
    target: str
    names: tuple[str, ...] = ()
    """`NAME`, `NAME:VERSION` or requirements; empty for all projects, or with a lock."""
    every: bool = False
    """All versions of the names, or without names the whole repository."""
    dependencies: bool = False
    lock_path: Path | None = None
    build: tuple[NormalizedName, ...] = ()
    """Projects whose source distributions of the index may be built here, besides those of the manifest."""
    by: str = ""
    """Who copies; see `PublishRequest.by`."""
    dry_run: bool = False


class CopyOutcome(Struct, frozen=True, kw_only=True):
    """The result of a copy."""

    source: str
    target: str
    """URLs."""
    files: tuple[Copied, ...]
    """By project and file name."""

    @property
    def exit_code(self) -> int:
        """The exit code of the gravest error, else 0."""
        return gravest(each.error.exit_code for each in self.files if each.error is not None)


def copy(settings: Settings, request: CopyRequest, *, now: datetime) -> CopyOutcome:
    """Copy files with their METADATA, upload time, requirements and yank mark; a failure does not stop the others.

    Files whose bytes are on the target's page are done. Raises UsageError for arguments that do not go together,
    or a source that does not exist; NoSolutionError for a name that the index must not receive, or `dependencies`
    without a solution; and what both sides raise before the first file.
    """
    _check(request)
    by = doer(request.by, settings.environ)
    target = open_target(settings, request.target)
    beside = settings.directory / request.lock_path if request.lock_path else None
    source = open_source(settings, request.source, now=now, by=by, build=request.build, beside=beside)
    if source.repository and source.repository.store.location == target.store.location:
        raise UsageError(f"{target.store.location} is both ends of the copy", hint="give another --to")
    wanted = _wanted(settings, request, source)
    source.require_public([each.name for each in wanted], target)
    by_project: dict[NormalizedName, list[Wanted]] = {}
    for each in wanted:
        by_project.setdefault(each.name, []).append(each)
    publisher = Publisher(target, now=now, reporter=settings.reporter)
    with scratch_folder() as scratch:
        copier = Copier(target, publisher, scratch, restores=not request.every)
        run = _Run(source, copier, settings.reporter)
        plans = run.plan(by_project)
        if not request.dry_run and any(plan.offers or plan.entries or not plan.has_failed for plan in plans):
            publisher.prepare()
            run.execute(plans)
    if not request.dry_run:
        keep_site(target, by_project, settings.reporter)
    files = [each for plan in plans for each in plan.results.values()]
    return CopyOutcome(
        source=source.location,
        target=target.store.location,
        files=tuple(sorted(files, key=lambda each: (each.name, each.filename))),
    )


def _check(request: CopyRequest) -> None:
    ways = [bool(request.names), request.lock_path is not None]
    if all(ways):
        raise UsageError("names and --lock cannot be combined", hint="give only one of them")
    if not any(ways) and not request.every:
        raise UsageError("nothing is named", hint="give NAME, NAME:VERSION, --lock FILE or --all")
    if request.every and (request.lock_path is not None or request.dependencies):
        raise UsageError("--all cannot be combined with --deps or --lock", hint="give only one of them")
    if request.dependencies and not request.names:
        raise UsageError("--deps needs names", hint="a lock names all dependencies itself")
    if is_index(request.target):
        raise UsageError("the index cannot be written to", hint="give a repository with --to")
    if is_index(request.source) and not any(ways):
        raise _too_much()


def _wanted(settings: Settings, request: CopyRequest, source: CopySource) -> list[Wanted]:
    if request.lock_path is not None:
        lock = read_lock(settings.directory / request.lock_path, settings.reporter)
        if isinstance(lock, Pylock):
            wanted, left = wanted_by_pylock(lock, source.location if source.index else "")
            tell_left_out(settings, left)
            return wanted
        alias = source.repository.alias if source.repository else ""
        return wanted_by_lock(lock, request.source, alias)
    if request.dependencies:
        roots = [parse_requirement(text) for text in request.names]
        source.require_public([name_of(root) for root in roots], None)
        solving = settings if source.index else at_end(settings, request.source)
        alias = request.source if source.index else source.alias
        return wanted_with_dependencies(solving, roots, alias, source.ways.builds)
    if request.names:
        return wanted_by_name(request.names, every=request.every)
    if source.index is not None:
        raise _too_much()
    return [Wanted(name=name, every=True) for name in sorted(source.names())]


def _too_much() -> UsageError:
    return UsageError("the whole index cannot be copied", hint="give names, or --lock FILE")


class _Plan(Struct, kw_only=True):
    """The copy of one project."""

    name: NormalizedName
    offers: list[Offer] = field(default_factory=list)
    """Files to transfer."""
    entries: list[tuple[Offer, PageFile]] = field(default_factory=list)
    results: dict[str, Copied] = field(default_factory=dict)
    """By file name."""
    left: int = 0
    """Transfers to wait for."""

    @property
    def has_failed(self) -> bool:
        """Whether a file has failed."""
        return any(each.error is not None for each in self.results.values())

    def note(self, results: Iterable[Copied]) -> None:
        self.results.update((each.filename, each) for each in results)

    def fail(self, error: PipperError) -> None:
        """Note the same error for all files that are not done, or for the project if no file is known."""
        failed = [copied(offer, "failed", error) for offer in self.offers]
        nameless = Copied(name=self.name, filename=self.name, status="failed", error=error)
        self.note(failed or [nameless])


class _Job(Struct, frozen=True, kw_only=True):
    plan: _Plan
    offer: Offer | None = None
    """None: write the page, when all files are there."""


class _Run:
    def __init__(self, source: CopySource, copier: Copier, reporter: Reporter) -> None:
        self._source = source
        self._copier = copier
        self._reporter = reporter
        self._lock = threading.Lock()

    def plan(self, wanted: Mapping[NormalizedName, Sequence[Wanted]]) -> list[_Plan]:
        """Read the pages of both sides and compare them; write nothing."""
        names = list(wanted)
        plans = [_Plan(name=name) for name in names]

        def planned(plan: _Plan) -> None:
            try:
                offers = self._source.offers(plan.name)
                chosen = [
                    offer
                    for each in wanted[plan.name]
                    for offer in choose(each, offers, self._source.location)
                ]
                page = self._copier.page(plan.name)
                chosen = self._copier.marked(page, chosen)
                results = [self._copier.examine(page, offer) for offer in chosen]
            except PipperError as error:
                plan.fail(error)
                return
            plan.note(results)
            listed = {file.sha256: file for file in page.files}
            for offer, result in zip(chosen, results, strict=True):
                if result.status == "new":
                    plan.offers.append(offer)
                elif result.status == "yanked":
                    plan.entries.append((offer, listed[offer.sha256]))

        attempt_each(planned, plans, self._reporter, "Comparing pages")
        return plans

    def execute(self, plans: Sequence[_Plan]) -> None:
        """Transfer files, and write the page of each project when its files are there."""
        for plan in plans:
            plan.left = len(plan.offers)
        jobs = [_Job(plan=plan, offer=offer) for plan in plans for offer in plan.offers]
        # Projects whose wheels are there: an interrupted copy may have stopped before their bundles.
        done = [_Job(plan=plan) for plan in plans if not plan.offers and not plan.has_failed]
        with self._reporter.task("Copying", total=len(jobs)) as task:

            def work(job: _Job) -> None:
                if job.offer is None:
                    self._finish(job.plan)
                else:
                    self._transfer(job.plan, job.offer)
                    task.advance()

            def follow(job: _Job) -> Sequence[_Job]:
                if job.offer is None:
                    return ()
                job.plan.left -= 1
                return () if job.plan.left else (_Job(plan=job.plan),)

            self._begin(plans)
            spread(work, [*jobs, *done], follow, jobs=_JOBS)

    def _begin(self, plans: Sequence[_Plan]) -> None:
        if self._source.alias == INDEX:
            new = [plan for plan in plans if plan.offers]
            errors = attempt_each(lambda plan: self._copier.begin_mirror(plan.name), new)
            for error in errors:
                if error is not None:
                    raise error

    def _transfer(self, plan: _Plan, offer: Offer) -> None:
        try:
            entry = self._copier.transfer(offer)
        except PipperError as error:
            plan.note([copied(offer, "failed", error)])
            return
        if offer.is_lost:
            self._reporter.warning(f"{offer.filename} was copied before and did not exist: stored it again")
        with self._lock:
            plan.entries.append((offer, entry))

    def _finish(self, plan: _Plan) -> None:
        try:
            if plan.entries:
                plan.note(self._copier.write_page(plan.name, plan.entries))
            if self._source.repository is not None:
                for error in self._copier.store_bundles(self._source.repository, plan.name):
                    plan.note([Copied(name=plan.name, filename="bundle", status="failed", error=error)])
        except PipperError as error:
            plan.fail(error)
