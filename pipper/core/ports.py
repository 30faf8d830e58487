"""What the layers ask of the world: Store, Source, Reporter. A docstring is a promise that adapters keep."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.lock.model import LockedFile
from pipper.core.reporter import Reporter, Task

__all__ = [
    "NO_ETAG",
    "Assortment",
    "Blob",
    "CandidateFile",
    "Lifetime",
    "ObjectInfo",
    "Release",
    "ReleaseFile",
    "ReleaseMetadata",
    "Reporter",
    "Source",
    "Store",
    "Task",
    "WheelKind",
]


NO_ETAG = "0" * 64
"""The etag of no object: `Store.replace` must refuse it, which shows that the store evaluates the condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """What a store knows of an object without reading it."""

    key: str
    size: int
    """Bytes."""
    etag: str
    """Unquoted; changes whenever the bytes change."""
    modified: datetime
    """Aware, UTC."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """User metadata, keys in lower case; filled by `head` only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """The bytes of an object, or of a range of it, and the etag of the object they were read from."""

    body: bytes
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long credentials hold, and with them the URLs that they signed."""

    temporary: bool
    """Whether they belong to a session that ends."""
    ends: datetime | None
    """Aware; None where they do not end, or where the end of the session is unknown."""


class Store(Protocol):
    """Bytes by key. Keys are relative to the root, segments joined by `/`.

    Every method may raise AccessError (refused: never taken for absent), StoreError (out of reach, throttled
    beyond the retries, or answering nonsense) and, where the disk is ours, MachineError. A key that is unsafe
    (empty, absolute, with a `.` or `..` segment, a backslash or a control character) is an IntegrityError
    before any request. Methods may be called from many threads at once.
    """

    @property
    def location(self) -> str:
        """The root for messages: `s3://BUCKET/PREFIX` or `file:///DIR`; holds no secret."""
        ...

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        """Return the bytes of `key` from `start`, `length` of them or to the end.

        A range that begins at or after the end gives fewer bytes or none. Raises ObjectAbsentError.
        """
        ...

    def stream(self, key: str, *, start: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        """Open `key` for reading piece by piece from `start`; raises ObjectAbsentError on entering.

        A body that breaks off while it is read raises StoreError, never ends quietly.
        """
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """Return what is known of `key` with its metadata, or None where there is no such object."""
        ...

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`, in the order of keys, over all pages.

        Without `deep`, only those with no `/` behind the prefix: what lies in folders below costs nothing.
        """
        ...

    def folders(self) -> frozenset[str]:
        """Return the first segments of all keys that have more than one: one listing with a delimiter."""
        ...

    def create(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """Store `body` under `key` where nothing stands yet, whole or not at all; return its etag.

        Raises ObjectExistsError where something does, also when another writer came first.
        """
        ...

    def replace(
        self,
        key: str,
        body: bytes | Path,
        *,
        etag: str,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Replace the object that has this `etag`, whole or not at all; return the new etag.

        Raises ObjectChangedError where the object is gone or another one: of any number of writers that read
        the same etag, one wins.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove `key`; an absent one is no error."""
        ...

    def url(self, key: str) -> str:
        """Return the plain URL of `key`, `https:`, `http:` or `file:`; it grants no access and holds no secret.

        Sends no request.
        """
        ...

    def lifetime(self) -> Lifetime | None:
        """Return how long the credentials hold that `presign` signs with; None where the store cannot presign."""
        ...

    def presign(self, key: str, *, seconds: int) -> str:
        """Return a URL that reads `key` for so many seconds without credentials.

        Raises UsageError where `lifetime` returns None: a directory has no such URLs.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateFile:
    """A wheel of a candidate, as its source describes it."""

    filename: str
    """The wheel's own file name (PEP 427)."""
    locked: LockedFile
    """Where it is and what its bytes are, as it would stand in a lock."""
    requires_python: SpecifierSet | None = None
    upload_time: datetime | None = None
    yanked: str | None = None
    """None, or the reason (PEP 592), which may be empty."""


class WheelKind(NamedTuple):
    """What decides whether a wheel fits a target, apart from when it was uploaded."""

    tags: str
    """As the file name has them (PEP 425), such as `py2.py3-none-any`."""
    build: int
    """The number that a build tag begins with (PEP 427); 0 where there is none."""
    requires_python: SpecifierSet | None
    yanked: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Assortment:
    """The kinds of the files of a release, in their order.

    A project's releases are mostly built alike and then share one assortment, so that it is held against a
    target once, and not every file of every release.
    """

    kinds: tuple[WheelKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """All files of one version of one project in one source, before they are held against a target."""

    name: NormalizedName
    version: Version
    source: str
    """Alias of a repository, or `index`."""
    files: Sequence[CandidateFile]
    """A source of many files may make them when they are first looked at."""
    assortment: Assortment | None = None
    """None where a source does not say; then the files do."""


class ReleaseFile(NamedTuple):
    """A file and the release that it belongs to."""

    release: Release
    file: CandidateFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseMetadata:
    """What a release says it needs (core metadata: Requires-Dist, Requires-Python, Provides-Extra)."""

    requires_dist: tuple[Requirement, ...] = ()
    provides_extra: frozenset[NormalizedName] = frozenset()
    requires_python: SpecifierSet | None = None
    """As METADATA says it; a page may leave it out."""
    unusable: str = ""
    """Why the metadata cannot be used; empty where it can."""


class Source(Protocol):
    """Releases by project name. Answers are the same for the whole run: what was read once is remembered.

    Raises what Store raises; only a real 404 makes a project absent.
    """

    @property
    def alias(self) -> str:
        """How manifest and lock name this source."""
        ...

    def holds(self, name: NormalizedName) -> bool:
        """Tell whether this source has the project at all."""
        ...

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Read what `releases` will need for these names, in parallel; unknown names are ignored."""
        ...

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        """Return every release of the project in no particular order; none where it is not held."""
        ...

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:
        """Return what `file` of `release` needs."""
        ...
