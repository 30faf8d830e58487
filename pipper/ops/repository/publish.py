"""`bundle` and `publish`: build the bundle of a project, and upload bundles and wheels to a repository."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.build.backend import build_wheel
from pipper.core.layout.keys import BUNDLE_SUFFIX
from pipper.core.reporter import Reporter
from pipper.core.wording import counted
from pipper.errors import ConflictError, PipperError, UsageError
from pipper.ops.build.environments import builder_for
from pipper.ops.context.environments import open_cache
from pipper.ops.context.find_manifest import refuse_leading_out
from pipper.ops.context.project import find_project
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import single_repository
from pipper.ops.repository.member_needs import missing_members
from pipper.ops.repository.publish_paths import LeftOut, default_paths, expand_paths
from pipper.ops.repository.published_by import notes_of
from pipper.ops.repository.read_publication import read_publication
from pipper.ops.repository.site import keep_site
from pipper.repository.publication import Outcome, Publication, failed
from pipper.repository.publisher import Publisher
from pipper.system.files import scratch_folder
from pipper.system.os_errors import os_errors
from pipper.system.parallel import attempt_each
from pipper.wheels.bundle import write_bundle
from pipper.wheels.old_manifest import read_pipper_manifest


class PublishRequest(Struct, frozen=True, kw_only=True):
    """The arguments of `publish`."""

    paths: tuple[Path, ...] = ()
    """Files and directories; empty for `dist`."""
    force: bool = False
    strict: bool = False
    """Whether a file that is published already is a conflict."""
    by: str = ""
    """Who publishes, in one line; empty for what the variables of a CI job say."""
    dry_run: bool = False


class Published(Struct, frozen=True, kw_only=True):
    """The result for one path."""

    path: Path
    status: str
    """`published`, `replaced`, `already published`, `skipped`, `failed`, or (dry run) `new`."""
    reason: str = ""
    """Why it is skipped."""
    error: PipperError | None = None


def bundle_project(settings: Settings, source: Path, output: Path | None) -> Path:
    """Build the project in `source` and write its bundle into `output` (default: the working directory).

    Return the path of the bundle. Raises what `build_wheel` raises, IntegrityError if the wheel is not valid,
    MachineError if a link leads the output out of the project.
    """
    target = output or settings.directory
    refuse_leading_out(target, settings.directory)
    with os_errors("bundle", f"{source} into {target}"):
        if not source.is_dir():
            raise UsageError(f"{source} is not a directory", hint="give the directory of a project")
        manifest = read_pipper_manifest(source)
        target.mkdir(parents=True, exist_ok=True)
    with scratch_folder() as scratch, open_cache(settings).in_use():
        wheel = build_wheel(source, scratch, builder_for(settings, source))
        return write_bundle(
            wheel, filename=wheel.name, output=target, manifest=manifest.values, limits=settings.limits
        )


def publish(settings: Settings, request: PublishRequest, *, now: datetime) -> tuple[Published, ...]:
    """Publish bundles and wheels, and return one result for each path; a failure does not stop the others.

    Raises UsageError if no repository is named, and what the repository raises before the first file.
    """
    notes = notes_of(request.by, settings.environ)
    here = settings.directory
    paths, left_out = (
        expand_paths(here / each for each in request.paths) if request.paths else default_paths(here)
    )
    repository = single_repository(settings, "publish PATH")
    project = find_project(settings.directory)
    doing = ("Publishing", "to") if not request.dry_run else ("Comparing", "with")
    publisher = Publisher(repository, now=now, notes=notes, force=request.force, reporter=settings.reporter)
    with scratch_folder() as scratch:
        reading = partial(read_publication, scratch=scratch, limits=settings.limits)
        read = _each_wheel_once(attempt_each(reading, paths, settings.reporter, "Checking"))
        publications = [each for each in read if isinstance(each, Publication)]
        if publications:
            what = counted(len(publications), "file")
            settings.reporter.info(f"{doing[0]} {what} {doing[1]} {repository.store.location}")
        outcomes = _Run(publisher, settings.reporter, dry_run=request.dry_run).publish(publications)
    done = [outcome.publication for outcome in outcomes if outcome.error is None]
    for warning in missing_members(done, project.manifest.members if project else (), repository):
        settings.reporter.warning(warning)
    if not request.dry_run:
        # Also where nothing was new: an earlier run may have stopped before this.
        keep_site(repository, {each.name for each in done}, settings.reporter)
    by_path = {outcome.publication.source: outcome for outcome in outcomes}
    results = [
        _judged(path, by_path[path], strict=request.strict)
        if isinstance(each, Publication)
        else _left_out(each if isinstance(each, LeftOut) else LeftOut(path=path, error=each))
        for path, each in zip(paths, read, strict=True)
    ]
    return (*results, *map(_left_out, left_out))


def _each_wheel_once(
    read: Sequence[Publication | PipperError],
) -> list[Publication | PipperError | LeftOut]:
    """Leave out a wheel whose file name the wheel in a bundle has too: builds differ, and 0.x gets the bundle's."""
    bundles = {
        each.filename: each.source.name
        for each in read
        if isinstance(each, Publication) and each.source.name.endswith(BUNDLE_SUFFIX)
    }
    return [
        LeftOut(path=each.source, reason=f"{bundles[each.filename]} holds a wheel of that name")
        if isinstance(each, Publication) and each.source.name == each.filename and each.filename in bundles
        else each
        for each in read
    ]


def _left_out(each: LeftOut) -> Published:
    status = "failed" if each.error else "skipped"
    return Published(path=each.path, status=status, reason=each.reason, error=each.error)


def _judged(path: Path, outcome: Outcome, *, strict: bool) -> Published:
    error = outcome.error
    if strict and outcome.status == "already published":
        error = ConflictError(
            f"{outcome.publication.filename} is already published",
            cause="with --strict this is a conflict",
            hint="raise the version, or publish without --strict",
        )
    return Published(path=path, status=outcome.status, error=error)


class _Run:
    """The steps of one publish: each handles all files or all projects in parallel."""

    def __init__(self, publisher: Publisher, reporter: Reporter, *, dry_run: bool) -> None:
        self._publisher = publisher
        self._reporter = reporter
        self._dry_run = dry_run
        self._done: dict[Path, Outcome] = {}

    def publish(self, publications: Sequence[Publication]) -> list[Outcome]:
        if not publications:
            return []
        if not self._dry_run:
            self._publisher.prepare()
        self._note_all(_grouped(publications), self._publisher.examine, "Reading pages")
        if not self._dry_run:
            self._upload()
            self._restore()
            self._note_all(_grouped(self._waiting("uploaded")), self._publisher.write_page, "Writing pages")
            # Also if the page had the wheel already: an earlier run may have stopped before the bundle.

            waiting = self._waiting("published", "replaced", "already published")
            self._note_all(_grouped(waiting), self._publisher.store_bundles, "Storing bundles")
        return [self._done[publication.source] for publication in publications]

    def _waiting(self, *statuses: str) -> list[Publication]:
        return [outcome.publication for outcome in self._done.values() if outcome.status in statuses]

    def _note_all(
        self,
        groups: Sequence[Sequence[Publication]],
        step: Callable[[Sequence[Publication]], list[Outcome]],
        title: str,
    ) -> None:
        for group, result in zip(groups, attempt_each(step, groups, self._reporter, title), strict=True):
            if isinstance(result, PipperError):
                self._note([failed(publication, result) for publication in group])
            else:
                self._note(result)

    def _note(self, outcomes: Iterable[Outcome]) -> None:
        self._done.update((outcome.publication.source, outcome) for outcome in outcomes)

    def _upload(self) -> None:
        waiting = self._waiting("new")
        results = attempt_each(self._publisher.upload, waiting, self._reporter, "Uploading")
        for publication, error in zip(waiting, results, strict=True):
            done = Outcome(publication=publication, status="uploaded")
            self._note([failed(publication, error) if error else done])

    def _restore(self) -> None:
        """Store again what the pages name already, and what is gone: only then "already published" is true."""
        waiting = self._waiting("already published")
        results = attempt_each(self._publisher.restore, waiting, self._reporter, "Looking for files")
        for publication, result in zip(waiting, results, strict=True):
            if isinstance(result, PipperError):
                self._note([failed(publication, result)])
            elif result:
                self._reporter.warning(
                    f"{publication.filename} was published and did not exist: stored it again"
                )


def _grouped(publications: Iterable[Publication]) -> list[list[Publication]]:
    groups: dict[NormalizedName, list[Publication]] = {}
    for publication in publications:
        groups.setdefault(publication.name, []).append(publication)
    return list(groups.values())
