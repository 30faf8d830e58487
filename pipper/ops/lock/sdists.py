"""Source distributions in a solve: their requirements, and those of their builds."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from threading import Lock as ThreadLock

from msgspec import Struct
from msgspec.structs import replace

from pipper.build.backend import SAME_COMMAND, Builder, environment_for
from pipper.build.hooks import Hooks
from pipper.build.sdist import has_static_requirements, read_pkg_info, unpacked_sdist
from pipper.cache.cache import Cache
from pipper.cache.results import keep_note, read_note
from pipper.core.lock.model import LockedFile, LockedPackage
from pipper.core.ports import CandidateFile, Release, ReleaseFile, ReleaseMetadata, Source
from pipper.errors import IntegrityError, PipperError, StoreError
from pipper.index.releases import metadata_from
from pipper.index.remote_metadata import headers_only
from pipper.index.source import IndexSource
from pipper.ops.lock.bundles import require_cached
from pipper.ops.lock.index_files import take_file
from pipper.solve.router import SourceRouter, WrappedSource
from pipper.system.digest import digest
from pipper.system.os_errors import os_errors
from pipper.system.parallel import in_parallel
from pipper.wheels.gate import open_wheel

_FORMAT = b"1"


class _Examined(Struct, frozen=True, kw_only=True):
    """What a backend said of a source distribution, as the cache keeps it."""

    requires: tuple[str, ...]
    """What its build requires."""
    metadata: str = ""
    """METADATA without the description; empty if it was not asked for."""


class Sdists:
    """The source distributions of indexes. Backends run in the calling thread only, so that an interrupt ends them."""

    def __init__(
        self, indexes: Mapping[str, IndexSource], builder: Builder, cache: Cache, *, offline: bool
    ) -> None:
        """Take the indexes by alias; with `offline`, only files in the cache are used."""
        self.indexes = indexes
        self._builder = builder
        self._cache = cache
        self._offline = offline
        self._lock = ThreadLock()
        self._files: dict[str, LockedFile] = {}
        self._metadata: dict[str, ReleaseMetadata] = {}

    def over(self, router: SourceRouter) -> SourceRouter:
        """Return the router over the same sources, which also know what source distributions require."""
        return router.over(lambda source: _WithSdists(source, self))

    def file(self, release: Release, file: CandidateFile) -> LockedFile:
        """Return the file with its hash and size; it is in the cache then. Any thread may call it."""
        with self._lock:
            known = self._files.get(file.filename)
        if known is None:
            known = file.locked
            path = self._cache.file(known.sha256) if known.sha256 else None
            if path is not None:
                with os_errors("read", path):
                    known = replace(known, size=path.stat().st_size)
            elif self._offline:
                raise StoreError(
                    f"{file.filename} is not in the cache", hint="run `pipper lock` without --offline"
                )
            else:
                index = self.indexes[release.source]
                address = index.address(release.name, file.filename)
                stated = index.page_hash(release.name, file.filename)
                known = take_file(known, address, stated, index.connection.reader, self._cache)
            with self._lock:
                self._files[file.filename] = known
        return known

    def completed(self, package: LockedPackage, file: LockedFile) -> LockedFile:
        """Return the source distribution of a package with its hash and size, and any other file as it is."""
        return self._files.get(file.filename, file) if file == package.sdist else file

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:
        """Return the requirements: those of PKG-INFO where they are static, else what the backend says.

        Raises what `Hooks` raises. Damage makes only this release unusable.
        """
        if file.filename not in self._metadata:
            try:
                headers = self._headers(release, file)
            except IntegrityError as error:
                found = ReleaseMetadata(unusable=f"its source distribution cannot be used: {error.message}")
            else:
                found = metadata_from(headers, release, subject=file.filename)
            self._metadata[file.filename] = found
        return self._metadata[file.filename]

    def requires(self, package: str, file: LockedFile) -> tuple[str, ...]:
        """Return what the build of a file requires, which `file` returned before: also what its backend asks for."""
        return self._examined(package, file, with_metadata=False).requires

    def _headers(self, release: Release, file: CandidateFile) -> bytes:
        locked, limits = self.file(release, file), self._cache.limits
        path = require_cached(locked.sha256, file.filename, self._cache)
        info = read_pkg_info(path, filename=file.filename, limits=limits)
        if info is not None and has_static_requirements(info, filename=file.filename):
            return headers_only(info)
        subject = f"{release.name} {release.version}"
        return self._examined(subject, locked, with_metadata=True).metadata.encode()

    def _examined(self, subject: str, file: LockedFile, *, with_metadata: bool) -> _Examined:
        key = digest(_FORMAT, b"examined", file.sha256.encode(), self._builder.python.encode())
        note = read_note(self._cache, key, _Examined)
        if note and (note.metadata or not with_metadata):
            return note
        self._builder.reporter.info(f"Asking the build backend of {subject}")
        with self._cache.in_use():
            examined = self._asked(subject, file, with_metadata=with_metadata)
        keep_note(self._cache, key, examined)
        return examined

    def _asked(self, subject: str, file: LockedFile, *, with_metadata: bool) -> _Examined:
        path, limits = require_cached(file.sha256, file.filename, self._cache), self._cache.limits
        with unpacked_sdist(path, filename=file.filename, limits=limits) as source:
            rules = self._builder.rules(subject, again=SAME_COMMAND, source_date=source.newest)
            hooks, environments = Hooks(source.tree, rules), self._builder.environments
            environment = environment_for(hooks, environments, subject=subject)
            requires = tuple(sorted({*hooks.requires(), *hooks.requires_for(environment)}))
            metadata = ""
            if with_metadata:
                found = hooks.metadata(environment, source.scratch / "metadata")
                if found is None:
                    wheel = hooks.wheel(environment, source.scratch / "wheel")
                    with open_wheel(wheel, filename=wheel.name, limits=limits) as opened:
                        found = opened.metadata.raw
                metadata = headers_only(found).decode("utf-8", "replace")
        return _Examined(requires=requires, metadata=metadata)


class _WithSdists(WrappedSource):
    """A source that also knows what its source distributions require."""

    def __init__(self, source: Source, sdists: Sdists) -> None:
        super().__init__(source)
        self._sdists = sdists

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:
        if file.is_sdist and release.source in self._sdists.indexes:
            return self._sdists.metadata(release, file)
        return super().metadata(release, file)

    def prefetch_metadata(self, wanted: Iterable[ReleaseFile]) -> None:
        every = list(wanted)
        super().prefetch_metadata(each for each in every if not each.file.is_sdist)
        sdists = [each for each in every if each.file.is_sdist]

        def fetch(each: ReleaseFile) -> None:
            with suppress(PipperError):  # if the solve needs the file, the error occurs again
                self._sdists.file(each.release, each.file)

        in_parallel(fetch, sdists)
