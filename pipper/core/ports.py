"""The ports Store, Source and BuildEnvironments. Their docstrings are the contract that every adapter keeps.

A lock that is remembered asks stores and needs nothing else, so this module imports little.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from msgspec import Struct, field

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet
    from packaging.utils import BuildTag, NormalizedName
    from packaging.version import Version

    from pipper.core.lock.model import Lock, LockedFile
    from pipper.core.target import Target

LARGEST_DOCUMENT = 64 * 2**20
"""Bytes of an object that is read whole into memory."""
NO_ETAG = "0" * 64
"""An etag that no object has: `Store.replace` must refuse it, which proves that the store checks conditions."""


class ObjectInfo(Struct, frozen=True, kw_only=True):
    """The properties of an object, without its bytes."""

    key: str
    size: int
    """Bytes."""
    etag: str
    """Unquoted; changes whenever the bytes change."""
    modified: datetime
    """Timezone-aware, UTC."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """User metadata, keys in lower case; filled by `head` only."""


class Blob(Struct, frozen=True, kw_only=True):
    """The bytes of an object, or of a range of it, and the etag of the object they were read from."""

    body: bytes
    etag: str


class Lifetime(Struct, frozen=True, kw_only=True):
    """How long credentials are valid, and with them the URLs that they signed."""

    temporary: bool
    """Whether they belong to a session that expires."""
    ends: datetime | None
    """Timezone-aware; None where they do not expire, or where the end of the session is unknown."""


class Store(Protocol):
    """Bytes by key. Keys are relative to the root, segments joined by `/`.

    Every method may raise AccessError (access denied, which is never treated as absent), StoreError (unreachable,
    throttled after all retries, or an invalid response) and, for a store on a local disk, MachineError. An unsafe
    key (empty, absolute, with a `.` or `..` segment, a backslash or a control character) raises IntegrityError
    before any request. Several threads may call methods at the same time.
    """

    @property
    def location(self) -> str:
        """The root for messages: `s3://BUCKET/PREFIX` or `file:///DIR`, without any secret."""

    @property
    def address(self) -> str:
        """As `location`, with the server of a bucket: two stores of one address have the same objects.

        Empty if it cannot be found without asking for credentials. Sends no request.
        """

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> Blob:
        """Return `length` bytes of `key` from `start`, or all bytes to the end.

        A range beyond the end returns fewer bytes or none. A whole object is returned as it was stored, or not at
        all: a page may be changed and written back. It is a document: raises IntegrityError for more than
        `LARGEST_DOCUMENT` bytes, and ObjectAbsentError.
        """

    def is_unchanged(self, key: str, etag: str | None) -> bool:
        """Return whether `key` certainly still has the etag that it was read with, or with None, is still absent.

        A store that can tell that without the body does not read it. False also if it cannot tell: `read` does.
        """

    def stream(
        self, key: str, *, start: int = 0, verified: bool = False
    ) -> AbstractContextManager[Iterator[bytes]]:
        """Open `key` for reading in chunks from `start`; raises ObjectAbsentError on entering.

        A truncated body raises StoreError while it is read. With `verified` (for a caller that does not know the
        hash), so does the end of a whole body that is not as it was stored, if the store has a digest of it.
        """

    def head(self, key: str) -> ObjectInfo | None:
        """Return the properties and the metadata of `key`, or None if it is absent."""

    def list(self, prefix: str = "", *, deep: bool = True) -> Iterator[ObjectInfo]:
        """Yield every object whose key starts with `prefix`, in the order of keys, from all pages of the listing.

        Without `deep`, only keys without a `/` after the prefix: objects in folders below cost nothing.
        """

    def folders(self) -> frozenset[str]:
        """Return the first segments of all keys with several segments, from one listing with a delimiter."""

    def create(
        self, key: str, body: bytes | Path, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> str:
        """Create the object `key` with `body` atomically and return its etag.

        Raises ObjectExistsError if the key exists, also if another writer creates it at the same time.
        """

    def replace(
        self,
        key: str,
        body: bytes | Path,
        *,
        etag: str,
        content_type: str,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Replace the object that has this `etag` atomically and return the new etag.

        Raises ObjectChangedError if the object is absent or has another etag: of several writers that read the
        same etag, exactly one succeeds.
        """

    def delete(self, key: str) -> None:
        """Delete `key`; an absent key is not an error."""

    def url(self, key: str) -> str:
        """Return the `https:`, `http:` or `file:` URL of `key`; it grants no access and contains no secret.

        Sends no request.
        """

    def lifetime(self) -> Lifetime | None:
        """Return how long the credentials of `presign` are valid; None if the store cannot presign."""

    def presign(self, key: str, *, seconds: int) -> str:
        """Return a URL that grants read access to `key` without credentials for so many seconds.

        Raises UsageError if `lifetime` returns None: a directory cannot presign.
        """


@runtime_checkable
class CopiesWithin(Protocol):
    """A store that can copy objects of another one without moving their bytes through this machine."""

    def can_copy_from(self, other: Store) -> bool:
        """Return whether both are on one server, under one identity. Sends no request."""
        ...

    def copy_from(self, other: Store, key: str, *, etag: str) -> None:
        """Copy the object `key` of `other`, if it still has this etag, to the same key here, with its metadata.

        An object of that key here may be replaced: for keys that contain the hash of the bytes. Raises
        ObjectChangedError if the object has another etag, ObjectAbsentError if it is gone.
        """
        ...


@runtime_checkable
class UndoesWrites(Protocol):
    """A store that may turn out to ignore conditions, and can then take back what it should not have written."""

    def undo(self, key: str, *, existed: bool) -> None:
        """Delete every version of `key` that was written through this value, if the store keeps versions.

        Else delete `key`, unless it `existed` before: then its bytes are the same as they were.
        """
        ...


@runtime_checkable
class AsksBeforeWrites(Protocol):
    """A store that refuses a write for its condition before the write shows whether it is permitted."""

    def require_writable(self) -> None:
        """Raise MachineError if this user may not write there; write nothing."""
        ...


class Ability(Struct, frozen=True, kw_only=True):
    """What a store does about one thing, and what that means for its users."""

    name: str
    """`conditions`, `checksums`, `encryption`, `versioning` or `object lock`."""
    state: str
    """In a word or two, such as `on`, `off`, `AES256`; `unknown` if the store did not tell."""
    meaning: str = ""
    """In a clause; empty if there is nothing to know."""


@runtime_checkable
class TellsAbilities(Protocol):
    """A store that can differ from others of its kind."""

    def abilities(self, key: str) -> tuple[Ability, ...]:
        """Return what it does with objects, as far as `key` and the settings of the bucket show it.

        What may not be asked is `unknown`. Raises nothing that a store raises.
        """
        ...


class CandidateFile(Struct, frozen=True, kw_only=True):
    """A wheel or a source distribution of a candidate, as its source describes it."""

    filename: str
    """Its own file name (PEP 427, PEP 625)."""
    locked: "LockedFile"
    """Its location, size and hash, as a lock records them."""
    requires_python: "SpecifierSet | None" = None
    upload_time: datetime | None = None
    yanked: str | None = None
    """None, or the reason (PEP 592), which may be empty."""
    published: str = ""
    """Who published it and with which program, for people; empty if unknown."""
    copied_from: str = ""
    """The source that it was copied from, for people; empty if it was published here first, or if unknown."""

    @property
    def is_sdist(self) -> bool:
        """Whether it is a source distribution, from which a wheel has to be built."""
        return not self.filename.endswith(".whl")


class WheelKind(NamedTuple):
    """The properties that decide whether a wheel fits a target, except its upload time."""

    tags: str
    """As in the file name (PEP 425), such as `py2.py3-none-any`."""
    build: "BuildTag"
    """The build tag (PEP 427): a number and the rest; empty without one."""
    requires_python: "SpecifierSet | None"
    yanked: str | None


class Assortment(Struct, frozen=True, kw_only=True, eq=False):
    """The kinds of the files of a release, in their order.

    Most releases of a project have the same kinds of wheels and share one assortment: it is compared with a target
    once, instead of every file of every release.
    """

    kinds: tuple[WheelKind, ...]


class Release(Struct, frozen=True, kw_only=True):
    """All files of one version of one project in one source, for any target."""

    name: "NormalizedName"
    version: "Version"
    source: str
    """Alias of a repository, or `index`."""
    files: Sequence[CandidateFile]
    """Wheels. A source with many files may create them on first access."""
    sdists: Sequence[CandidateFile] = ()
    """The source distribution, if the source has one."""
    assortment: Assortment | None = None
    """None where the source does not provide it; then the files are used."""
    gone: str = ""
    """When and by whom the version was removed from its source, for people; then it has no files."""


class ReleaseFile(NamedTuple):
    """A file and the release that it belongs to."""

    release: Release
    file: CandidateFile


class ReleaseMetadata(Struct, frozen=True, kw_only=True):
    """The requirements of a release (core metadata: Requires-Dist, Requires-Python, Provides-Extra)."""

    requires_dist: "tuple[Requirement, ...]" = ()
    provides_extra: "frozenset[NormalizedName]" = frozenset()
    requires_python: "SpecifierSet | None" = None
    """From METADATA; a page may omit it."""
    unusable: str = ""
    """Why the metadata cannot be used; empty if it can."""


class Source(Protocol):
    """Releases by project name. A source remembers what it has read: its answers do not change during a run.

    Raises the errors of Store; only a real 404 makes a project absent.
    """

    @property
    def alias(self) -> str:
        """The name of this source in the manifest and the lock."""

    def holds(self, name: "NormalizedName") -> bool:
        """Return whether this source has the project."""

    def prefetch(self, names: "Iterable[NormalizedName]") -> None:
        """Read in parallel what `releases` needs for these names; unknown names are ignored."""

    def releases(self, name: "NormalizedName") -> Sequence[Release]:
        """Return every release of the project in any order; empty if the source does not have it."""

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:
        """Return the requirements of `file` of `release`."""


class BuildEnvironment(Struct, frozen=True, kw_only=True):
    """A Python environment that a build backend runs in."""

    python: Path
    """Its interpreter."""
    scripts: Path
    """The folder of its programs."""


class BuildEnvironments(Protocol):
    """Makes the environments that build backends run in."""

    def make(self, requirements: Iterable[str], *, subject: str) -> BuildEnvironment:
        """Return an environment with what these requirements (PEP 508) need, and nothing else.

        `subject` is what is to be built, for messages. Raises UsageError for a requirement that cannot be used,
        NoSolutionError, and the errors of sources and of the disk. The same packages may give the same environment.
        """

    def lock(
        self,
        requirements: Iterable[str],
        targets: "Sequence[Target]",
        *,
        subject: str,
        beside: "Sequence[Target]" = (),
    ) -> "Lock":
        """Return the packages that an environment has on each target; the first target must have a solution.

        `beside` are the targets of all environments of the lock that it becomes part of. Raises as `make`.
        """
