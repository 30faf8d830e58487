"""The page of a project as a value: its published files. `core.layout.page_json` reads and writes its text."""

from collections.abc import Iterable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.provenance import NO_NOTES, FileNotes, RemovedFile, removal_of, without_returned
from pipper.core.redaction import redacted
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import ConflictError

PAGE_TYPE = "application/vnd.pypi.simple.v1+json"
_SHOWN = 200
"""Characters of dependencies in a message."""


class Needs(Struct, frozen=True, kw_only=True, rename="kebab"):
    """The requirements of a wheel: core metadata, and the dependencies from a 0.x `package.meta`."""

    requires_python: str = ""
    requires_dist: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    """In the spelling of pipper 0.x: `bar`, `bar:>=2.0.0`."""
    provides_extra: tuple[str, ...] = ()


class PageFile(Struct, frozen=True, kw_only=True):
    """A wheel on a project's page."""

    filename: str
    sha256: str
    size: int
    """Bytes."""
    upload_time: str
    """ISO 8601, UTC."""
    metadata_sha256: str
    yanked: bool | str = False
    """True or the reason if the file is yanked (PEP 592)."""
    needs: Needs
    notes: FileNotes = NO_NOTES

    @property
    def url(self) -> str:
        """The URL of the file, relative to the page."""
        return f"{self.sha256[:16]}/{self.filename}"


class PageBundle(Struct, frozen=True, kw_only=True, rename="kebab"):
    """A 0.x bundle on a project's page, as read from the object with this etag."""

    key: str
    """Relative to the repository's root."""
    etag: str
    size: int
    """Bytes of the bundle."""
    version: str
    wheel: str
    """The file name of the wheel in the bundle."""
    upload_time: str = ""
    needs: Needs
    unknown: Mapping[str, object] = field(default_factory=dict)
    """Entries of a newer pipper."""


class ProjectPage(Struct, frozen=True, kw_only=True):
    """All published files of one project."""

    name: NormalizedName
    files: tuple[PageFile, ...] = ()
    bundles: tuple[PageBundle, ...] = ()
    replaced: tuple[str, ...] = ()
    """URLs of wheels that stay in the store, because locks may name them.

    `publish --force` replaced them on the page, or they lay there when the page was made.
    """
    removed: tuple[RemovedFile, ...] = ()
    """Tombstones of `repository prune`."""
    mirror_of: str = ""
    """`index` if the page was made to hold copies of the index's files."""
    unknown: Mapping[str, object] = field(default_factory=dict)
    """Entries of a newer pipper."""

    @property
    def is_mirror(self) -> bool:
        """Whether the project is a copy of the index's: then its name is public."""
        origins = [file.notes.origin for file in self.files]
        only_copies = all(origin is not None and origin.source == "index" for origin in origins)
        return only_copies and not self.bundles and bool(origins or self.mirror_of == "index")

    @property
    def urls(self) -> frozenset[str]:
        """The URLs of all wheels to keep: published ones, and those that `publish --force` replaced."""
        return frozenset((*(file.url for file in self.files), *self.replaced))

    @property
    def versions(self) -> frozenset[Version]:
        """The versions that have a wheel on the page."""
        return frozenset(wheel_identity(file.filename).version for file in self.files)

    def removal(self, version: Version, url: str = "") -> RemovedFile | None:
        """Return the tombstone that keeps a version, or its wheel `url`, off the page; None without one.

        Only who asks for the version itself brings it back. If one of its wheels is back, it is published: then only
        the tombstone of `url` counts.
        """
        gone = [each for each in self.removed if each.version == version]
        if gone and version in self.versions:
            gone = [each for each in gone if each.url == url]
        return removal_of(gone, version, url)

    def listed(self, sha256: str) -> PageFile | None:
        """Return the published wheel with this hash; None without one."""
        return next((file for file in self.files if file.sha256 == sha256), None)

    def with_file(self, file: PageFile, *, force: bool = False) -> "ProjectPage":
        """Return the page with `file` added; the page itself if it already lists these bytes and dependencies.

        A wheel that was removed comes back: who does not ask for that looks at `removal` first. Raises ConflictError
        if the same file is published with other bytes or other dependencies, unless `force` is given, and if its
        version was removed with other bytes.
        """
        identity = wheel_identity(file.filename)
        same = [other for other in self.files if wheel_identity(other.filename) == identity]
        for other in same:
            if other.sha256 == file.sha256:
                return self._with_dependencies(other, file.needs.dependencies, force=force)
        is_published = bool(self.removed) and identity.version in self.versions
        removed = without_returned(self.removed, file.filename, file.sha256, is_published=is_published)
        if same and not force:
            raise ConflictError(
                f"{same[0].filename} is published with other bytes",
                cause=f"published: sha256 {same[0].sha256[:16]}…; yours: {file.sha256[:16]}…",
                hint="raise the version, or publish with --force to replace the file",
            )
        kept = tuple(other for other in self.files if other not in same)
        gone = {*self.replaced, *(other.url for other in same)} - {file.url}
        files = sorted((*kept, file), key=lambda each: (wheel_identity(each.filename).version, each.filename))
        return replace(self, files=tuple(files), replaced=tuple(sorted(gone)), removed=removed)

    def _with_dependencies(
        self, listed: PageFile, dependencies: tuple[str, ...], *, force: bool
    ) -> "ProjectPage":
        if have_same(listed.needs.dependencies, dependencies):
            return self
        if not force:
            raise other_dependencies(listed.filename, listed.needs.dependencies, dependencies)
        # Date, notes and a yank are those of the bytes, which stay.
        right = replace(listed, needs=replace(listed.needs, dependencies=dependencies))
        return replace(self, files=tuple(right if each is listed else each for each in self.files))

    def with_replaced(self, url: str) -> "ProjectPage":
        """Return the page that keeps the wheel at `url` for older locks; the page itself if it keeps it already."""
        return self if url in self.urls else replace(self, replaced=tuple(sorted((*self.replaced, url))))


def have_same(dependencies: Iterable[str], others: Iterable[str]) -> bool:
    """Return whether two lists of `dependencies` of a `package.meta` say the same, in whatever order."""
    return set(dependencies) == set(others)


def other_dependencies(filename: str, published: Iterable[str], given: Iterable[str]) -> ConflictError:
    """Return the error for a published wheel that comes with other dependencies in its bundle."""
    # Redacted before the cut: half a URL does not show where its password ends.
    told = (redacted(", ".join(sorted(each)))[:_SHOWN] or "none" for each in (published, given))
    return ConflictError(
        f"{filename} is published with other dependencies",
        cause="published: {}; yours: {}".format(*told),
        hint="raise the version, or publish the bundle with --force to replace them",
    )
