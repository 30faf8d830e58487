"""A survey of a repository: reads its objects and compares them with their keys and pages."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from msgspec import structs

from pipper.core.archive_limits import Limits
from pipper.core.layout.keys import bundle_version
from pipper.core.layout.objects import Holding, arrange
from pipper.core.layout.page import ProjectPage
from pipper.core.ports import ObjectInfo
from pipper.core.reporter import Reporter, Task
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import IntegrityError, ObjectAbsentError, PipperError, StoreError
from pipper.repository.legacy_bundles import REPLACE, needs_of, of_stored
from pipper.repository.looks import BundleLook, Survey, WheelLook
from pipper.repository.object_bodies import fetched, spooled
from pipper.repository.source import ReadPage, Repository
from pipper.system.parallel import attempt_each
from pipper.wheels.bundle import copy_wheel
from pipper.wheels.gate import open_wheel
from pipper.wheels.metadata import CoreMetadata
from pipper.wheels.name import parse_wheel_name

_AT_ONCE = 1000
"""Objects of which it is in memory at once what was found."""
_ROUNDS = 3
"""How often a project is surveyed that others change meanwhile."""
_REPUBLISH = "publish a valid wheel with --force"

Look = TypeVar("Look", WheelLook, BundleLook)


class Surveyor:
    """Reads and verifies objects in parallel. It keeps temporary files below `scratch`."""

    def __init__(
        self,
        repository: Repository,
        scratch: Path,
        *,
        all_bundles: bool,
        limits: Limits,
        is_wrong: Callable[[Survey], bool],
    ) -> None:
        """Read `all_bundles`, or only those of versions that are also published as wheels.

        What `is_wrong` is surveyed again if others changed the project meanwhile.
        """
        self._limits = limits
        self._is_wrong = is_wrong
        self._repository = repository
        self._store = repository.store
        self._scratch = scratch
        self._all_bundles = all_bundles

    def survey(self, holdings: Sequence[Holding], reporter: Reporter) -> Iterator[list[Survey]]:
        """Yield the surveys of all projects in their order, of some at a time: each is as large as its page."""
        with reporter.task("Reading objects", total=sum(map(_objects, holdings))) as task:
            for some in _batches(holdings):
                surveys = self._surveyed(some, task)
                looks = sum(len(each.wheels) + len(each.bundles) for each in surveys)
                task.advance(max(0, sum(map(_objects, some)) - looks))
                settled = attempt_each(self._settled, surveys)
                yield [
                    structs.replace(survey, error=each) if isinstance(each, PipperError) else each
                    for survey, each in zip(surveys, settled, strict=True)
                ]

    def _surveyed(self, holdings: Sequence[Holding], task: Task) -> list[Survey]:
        read = attempt_each(self._read, holdings)
        surveys = [_begun(*each) for each in zip(holdings, read, strict=True)]
        # Wheels first: the wheel in a bundle is usually one of them.
        surveys = _looked_at(surveys, self._wheel_jobs, task)
        return _looked_at(surveys, self._bundle_jobs, task)

    def _settled(self, survey: Survey) -> Survey:
        """Return a survey; if it is wrong, and objects came or went since they were listed, a new one.

        Objects are listed before the page is read, and looked at later: others may publish, replace and prune
        between these, and then the three do not agree.
        """
        for _ in range(_ROUNDS):
            if survey.error is not None or not self._is_wrong(survey):
                break
            listed = self._listed(survey.holding)
            if listed == survey.holding:
                break
            (survey,) = self._surveyed([listed], Task())
        return survey

    def _listed(self, holding: Holding) -> Holding:
        """Return the objects that a project has now."""
        folders = {holding.name, *self._repository.folders().get(holding.name, ())}
        found = [info for folder in sorted(folders) for info in self._store.list(f"{folder}/")]
        return next(iter(arrange(found).projects), Holding(name=holding.name))

    def _read(self, holding: Holding) -> ReadPage:
        """Return the page of a project; raises StoreError if the listing has it and the store says it has not.

        A page that is not the listed one is older (a cache between gave it) or was written since: a second reading
        gives the present one. With the older one, nothing might seem to need a repair.
        """
        read = self._repository.read_page(holding.name, salvage=True)
        if holding.page is not None and read.etag != holding.page.etag:
            read = self._repository.read_page(holding.name, salvage=True)
        if read.etag is None and holding.page is not None:
            raise StoreError(
                f"cannot read {self._store.location}/{holding.page.key}",
                cause="it is in the listing, and the store says that it does not exist",
                hint="run the command again",
            )
        return read

    def _wheel_jobs(self, survey: Survey) -> list[Callable[[], WheelLook]]:
        page, holding = survey.read.page, survey.holding
        urls = page.urls | (set(holding.wheels) if survey.has_no_page else set())
        return [partial(self._look_at_wheel, holding, url) for url in sorted(urls)]

    def _bundle_jobs(self, survey: Survey) -> list[Callable[[], BundleLook]]:
        holding = survey.holding
        published = {wheel_identity(file.filename).version for file in survey.read.page.files}
        everything = self._all_bundles or (survey.has_no_page and bool(holding.wheels))
        bundles = [info for info in holding.bundles if everything or bundle_version(info.key) in published]
        return [partial(self._look_at_bundle, survey, info) for info in bundles]

    def _look_at_wheel(self, holding: Holding, url: str) -> WheelLook:
        info = holding.wheels.get(url)
        if info is None:
            return WheelLook(url=url)
        filename, digest = url.partition("/")[2], ""
        try:
            with fetched(self._store, info.key, self._scratch) as (file, digest):
                if digest[:16] != url.partition("/")[0]:
                    return WheelLook(url=url, info=info, sha256=digest)
                with open_wheel(file, filename=filename, limits=self._limits) as wheel:
                    wheel.verify()
                    core = wheel.metadata
                    if wheel.name != holding.name:
                        fault = f"it is a wheel of {wheel.name}; {_REPUBLISH}"
                        return WheelLook(url=url, info=info, sha256=digest, fault=fault)
        except ObjectAbsentError:
            return WheelLook(url=url)
        except IntegrityError as error:
            return WheelLook(url=url, info=info, sha256=digest, fault=described(error, _REPUBLISH))
        return self._with_metadata(holding, WheelLook(url=url, info=info, sha256=digest), core)

    def _with_metadata(self, holding: Holding, look: WheelLook, core: CoreMetadata) -> WheelLook:
        fault = "it does not exist"
        if look.url in holding.metadata:
            with suppress(ObjectAbsentError):
                found = self._store.read(holding.metadata[look.url].key).body
                filename = look.url.partition("/")[2]
                fault = "" if found == core.raw else f"it differs from METADATA of {filename}"
        return replace(
            look,
            needs=needs_of(core, ()),
            metadata_sha256=sha256(core.raw).hexdigest(),
            metadata_fault=fault,
            metadata=core.raw if fault else b"",
        )

    def _look_at_bundle(self, survey: Survey, info: ObjectInfo) -> BundleLook:
        filename = info.key.rpartition("/")[2]
        try:
            with fetched(self._store, info.key, self._scratch) as (file, _), spooled(self._scratch) as wheel:
                extracted = copy_wheel(file, wheel, subject=filename)
                if not survey.has_valid(extracted):
                    with open_wheel(
                        wheel, filename=extracted.bundle.wheel_name, limits=self._limits
                    ) as opened:
                        opened.verify()
        except ObjectAbsentError:
            return BundleLook(
                info=info, fault="it is in the listing, and the store says that it does not exist"
            )
        except IntegrityError as error:
            return BundleLook(info=info, fault=described(of_stored(error), REPLACE))
        name = parse_wheel_name(extracted.bundle.wheel_name)
        if name.name != survey.holding.name or name.version != bundle_version(info.key):
            fault = f"its wheel is {name.name} {name.version}; {REPLACE}"
            return BundleLook(info=info, fault=fault)
        return BundleLook(info=info, sha256=extracted.sha256, dependencies=extracted.bundle.dependencies)


def _objects(holding: Holding) -> int:
    return len(holding.wheels) + len(holding.bundles)


def _batches(holdings: Iterable[Holding]) -> Iterator[list[Holding]]:
    """Yield the projects in groups with about `_AT_ONCE` objects."""
    some: list[Holding] = []
    objects = 0
    for holding in holdings:
        some.append(holding)
        objects += 1 + _objects(holding)  # its page is one too
        if objects >= _AT_ONCE:
            yield some
            some, objects = [], 0
    if some:
        yield some


def _begun(holding: Holding, read: ReadPage | PipperError) -> Survey:
    if isinstance(read, ReadPage):
        return Survey(holding=holding, read=read, wheels={}, bundles={})
    unread = ReadPage(page=ProjectPage(name=holding.name), etag=None)
    return Survey(holding=holding, read=unread, wheels={}, bundles={}, error=read)


def _looked_at(
    surveys: Sequence[Survey], jobs_of: Callable[[Survey], Sequence[Callable[[], Look]]], task: Task
) -> list[Survey]:
    """Return the surveys with what these looks at their objects find."""
    jobs = [jobs_of(survey) if survey.error is None else () for survey in surveys]

    def look(job: Callable[[], Look]) -> Look:
        found = _looked(job)
        task.advance()
        return found

    looks = iter(attempt_each(look, list(chain(*jobs))))
    return [
        _extended(survey, list(islice(looks, len(own)))) for survey, own in zip(surveys, jobs, strict=True)
    ]


def _extended(survey: Survey, found: Sequence[WheelLook | BundleLook | PipperError]) -> Survey:
    return structs.replace(
        survey,
        wheels={**survey.wheels, **{look.url: look for look in found if isinstance(look, WheelLook)}},
        bundles={**survey.bundles, **{look.info.key: look for look in found if isinstance(look, BundleLook)}},
        error=next((each for each in found if isinstance(each, PipperError)), survey.error),
    )


def _looked(look: Callable[[], Look]) -> Look:
    """Return what a look finds; a fault counts if a second look finds one too."""
    first = look()
    return look() if first.is_faulty else first


def described(error: IntegrityError, hint: str) -> str:
    """Return an error as one line with its cause and its hint; `hint` is for errors without one."""
    cause = f" ({error.cause})" if error.cause else ""
    return f"{error.message}{cause}; {error.hint or hint}"
