"""A survey of a repository: reads its objects and compares them with their keys and pages."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, structs
from packaging.version import Version

from pipper.core.archive_limits import Limits
from pipper.core.layout.keys import bundle_version
from pipper.core.layout.objects import Holding
from pipper.core.layout.page import Needs, ProjectPage
from pipper.core.ports import ObjectInfo
from pipper.core.reporter import Reporter, Task
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import IntegrityError, ObjectAbsentError, PipperError, StoreError
from pipper.repository.legacy_bundles import REPLACE, needs_of, of_stored
from pipper.repository.object_bodies import fetched, spooled
from pipper.repository.source import ReadPage, Repository
from pipper.system.parallel import attempt_each
from pipper.wheels.bundle import BundledWheel, copy_wheel
from pipper.wheels.gate import open_wheel
from pipper.wheels.metadata import CoreMetadata
from pipper.wheels.name import parse_wheel_name

_AT_ONCE = 1000
"""Objects of which it is in memory at once what was found."""
_REPUBLISH = "publish a valid wheel with --force"


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelLook:
    """A wheel in the store, and its faults."""

    url: str
    """Relative to the project's page."""
    info: ObjectInfo | None = None
    """None if the object does not exist."""
    sha256: str = ""
    needs: Needs | None = None
    """The requirements in METADATA; None if the wheel is not valid."""
    metadata_sha256: str = ""
    fault: str = ""
    """Why the wheel is not valid, and the hint."""
    metadata_fault: str = ""
    """Why the METADATA object beside the wheel is wrong."""
    metadata: bytes = field(default=b"", repr=False)
    """The correct METADATA, if the object beside the wheel is wrong."""

    @property
    def is_genuine(self) -> bool:
        """Whether the wheel has the hash in its key."""
        return self.info is not None and self.sha256[:16] == self.url.partition("/")[0]

    @property
    def is_faulty(self) -> bool:
        """Whether anything is wrong with the wheel or the METADATA beside it."""
        return not self.is_genuine or bool(self.fault or self.metadata_fault)


class BundleLook(Struct, frozen=True, kw_only=True):
    """A bundle in the store, and its fault."""

    info: ObjectInfo
    sha256: str = ""
    """Of the wheel in the bundle."""
    dependencies: tuple[str, ...] = ()
    fault: str = ""
    """Why the bundle is not valid, and the hint."""

    @property
    def version(self) -> Version:
        """The version in its key."""
        version = bundle_version(self.info.key)
        assert version is not None, self.info.key  # noqa: S101 - `arrange` only lists bundles whose key has a version
        return version

    @property
    def is_faulty(self) -> bool:
        """Whether the bundle is not valid."""
        return bool(self.fault)


Look = TypeVar("Look", WheelLook, BundleLook)


class Survey(Struct, frozen=True, kw_only=True):
    """The page and objects of a project, with their faults."""

    holding: Holding
    read: ReadPage
    wheels: Mapping[str, WheelLook]
    """By URL: all that the page names or keeps for older locks; if the page is lost, also all others in the store."""
    bundles: Mapping[str, BundleLook]
    """By key: those that were read."""
    error: PipperError | None = None
    """Why the project cannot be surveyed: access denied, no response."""

    @property
    def has_no_page(self) -> bool:
        """Whether the page is damaged or absent."""
        return bool(self.read.damage) or self.read.etag is None

    @property
    def is_lost(self) -> bool:
        """Whether there are objects for a page that is damaged, or absent: lost, or not written yet."""
        return bool(self.read.damage) or (self.read.etag is None and bool(self.holding.wheels))

    def has_valid(self, wheel: BundledWheel) -> bool:
        """Return whether the wheel of a bundle is, byte for byte, one of `wheels` that is valid."""
        look = self.wheels.get(f"{wheel.sha256[:16]}/{wheel.bundle.wheel_name}")
        return look is not None and look.sha256 == wheel.sha256 and look.needs is not None


class Surveyor:
    """Reads and verifies objects in parallel. It keeps temporary files below `scratch`."""

    def __init__(self, repository: Repository, scratch: Path, *, all_bundles: bool, limits: Limits) -> None:
        """Read `all_bundles`, or only those of versions that are also published as wheels."""
        self._limits = limits
        self._repository = repository
        self._store = repository.store
        self._scratch = scratch
        self._all_bundles = all_bundles

    def survey(self, holdings: Sequence[Holding], reporter: Reporter) -> Iterator[list[Survey]]:
        """Yield the surveys of all projects in their order, of some at a time: each is as large as its page."""
        with reporter.task("Reading objects", total=sum(map(_objects, holdings))) as task:
            for some in _batches(holdings):
                surveys = [_begun(*each) for each in zip(some, attempt_each(self._read, some), strict=True)]
                # Wheels first: the wheel in a bundle is usually one of them.
                surveys = _looked_at(surveys, self._wheel_jobs, task)
                surveys = _looked_at(surveys, self._bundle_jobs, task)
                looks = sum(len(each.wheels) + len(each.bundles) for each in surveys)
                task.advance(max(0, sum(map(_objects, some)) - looks))
                yield surveys

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
            return BundleLook(info=info, fault="it was removed in the meantime")
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
