"""A survey of a repository: reads its objects and compares them with their keys and pages."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from packaging.version import Version

from pipper.core.archive_limits import Limits
from pipper.core.layout.keys import bundle_version
from pipper.core.layout.objects import Holding
from pipper.core.layout.page import Needs, ProjectPage
from pipper.core.ports import ObjectInfo, Store
from pipper.core.reporter import Reporter
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import IntegrityError, ObjectAbsentError, PipperError, StoreError
from pipper.repository.legacy_bundles import needs_of
from pipper.repository.source import ReadPage, Repository
from pipper.system.os_errors import os_errors
from pipper.system.parallel import attempt_each
from pipper.system.retry import pause_if_broken, retry
from pipper.wheels.bundle import extract_wheel
from pipper.wheels.gate import open_wheel
from pipper.wheels.metadata import CoreMetadata

_FETCHES = 3
REPLACE = "delete the bundle and publish the version again"
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
    """Why the wheel is not valid, and what mends it."""
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
    """Why the bundle is not valid, and what mends it."""

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
    def is_lost(self) -> bool:
        """Whether the page must be recreated from the objects: it is damaged, or absent although wheels exist."""
        return bool(self.read.damage) or (self.read.etag is None and bool(self.holding.wheels))


class Surveyor:
    """Reads and verifies objects in parallel. It keeps temporary files below `scratch`."""

    def __init__(self, repository: Repository, scratch: Path, *, all_bundles: bool, limits: Limits) -> None:
        """Read `all_bundles`, or only those of versions that are also published as wheels."""
        self._limits = limits
        self._repository = repository
        self._store = repository.store
        self._scratch = scratch
        self._all_bundles = all_bundles

    def survey(self, holdings: Sequence[Holding], reporter: Reporter) -> list[Survey]:
        """Return the survey of each project."""
        reads = attempt_each(self._read, holdings)
        jobs = [
            self._jobs(holding, read) if isinstance(read, ReadPage) else []
            for holding, read in zip(holdings, reads, strict=True)
        ]
        looks = iter(attempt_each(lambda job: job(), list(chain(*jobs)), reporter, "Reading objects"))
        surveys = []
        for holding, read, own in zip(holdings, reads, jobs, strict=True):
            found = list(islice(looks, len(own)))
            unread = ReadPage(page=ProjectPage(name=holding.name), etag=None)
            surveys.append(
                Survey(
                    holding=holding,
                    read=read if isinstance(read, ReadPage) else unread,
                    wheels={look.url: look for look in found if isinstance(look, WheelLook)},
                    bundles={look.info.key: look for look in found if isinstance(look, BundleLook)},
                    error=next((each for each in (read, *found) if isinstance(each, PipperError)), None),
                )
            )
        return surveys

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

    def _jobs(self, holding: Holding, read: ReadPage) -> list[Callable[[], WheelLook | BundleLook]]:
        lost = bool(read.damage) or read.etag is None
        published = {wheel_identity(file.filename).version for file in read.page.files}
        urls = {*(file.url for file in read.page.files), *read.page.replaced}
        urls |= set(holding.wheels) if lost else set()
        everything = self._all_bundles or (lost and bool(holding.wheels))
        bundles = [info for info in holding.bundles if everything or bundle_version(info.key) in published]
        return [
            *(partial(_looked, partial(self._look_at_wheel, holding, url)) for url in sorted(urls)),
            *(partial(_looked, partial(self._look_at_bundle, holding, info)) for info in bundles),
        ]

    @contextmanager
    def _fetched(self, key: str, filename: str) -> Iterator[tuple[Path, str]]:
        """Yield an object as a temporary file, and its sha256."""
        with (
            os_errors("write below", self._scratch),
            tempfile.TemporaryDirectory(dir=self._scratch) as folder,
        ):
            path = Path(folder) / filename
            yield path, fetch_object(self._store, key, path)

    def _look_at_wheel(self, holding: Holding, url: str) -> WheelLook:
        info = holding.wheels.get(url)
        if info is None:
            return WheelLook(url=url)
        filename, digest = url.partition("/")[2], ""
        try:
            with self._fetched(info.key, "package.whl") as (path, digest):
                if digest[:16] != url.partition("/")[0]:
                    return WheelLook(url=url, info=info, sha256=digest)
                with open_wheel(path, filename=filename, limits=self._limits) as wheel:
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

    def _look_at_bundle(self, holding: Holding, info: ObjectInfo) -> BundleLook:
        try:
            with self._fetched(info.key, info.key.rpartition("/")[2]) as (path, _):
                wheel = path.with_name("package.whl")
                extracted = extract_wheel(path, wheel)
                with open_wheel(wheel, filename=extracted.bundle.wheel_name, limits=self._limits) as opened:
                    opened.verify()
                    if opened.name != holding.name or opened.version != bundle_version(info.key):
                        fault = f"its wheel is {opened.name} {opened.version}; {REPLACE}"
                        return BundleLook(info=info, fault=fault)
        except ObjectAbsentError:
            return BundleLook(info=info, fault="it was removed in the meantime")
        except IntegrityError as error:
            return BundleLook(info=info, fault=described(error, REPLACE))
        return BundleLook(info=info, sha256=extracted.sha256, dependencies=extracted.bundle.dependencies)


def _looked(look: Callable[[], Look]) -> Look:
    """Return what a look finds; a fault counts if a second look finds one too."""
    first = look()
    return look() if first.is_faulty else first


def fetch_object(store: Store, key: str, path: Path) -> str:
    """Write an object to the file `path` and return its sha256; a body that breaks off or is damaged is read again.

    Raises OSError if the file cannot be written, and what Store raises.
    """

    def fetch() -> str:
        digest = sha256()
        with store.stream(key, verified=True) as pieces, path.open("wb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
        return digest.hexdigest()

    return retry(fetch, attempts=_FETCHES, pause=pause_if_broken)


def described(error: IntegrityError, hint: str) -> str:
    """Return an error as one line with its cause and its hint; `hint` is for errors without one."""
    cause = f" ({error.cause})" if error.cause else ""
    return f"{error.message}{cause}; {error.hint or hint}"
