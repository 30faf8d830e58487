"""What a page notes under `_pipper` about how a file came to be there, or went: readers that do not know it skip it.

Keys that this pipper does not know are kept as they are, so that the page of a newer one survives a write.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct, field, to_builtins
from packaging.version import Version

from pipper.core.document import Node
from pipper.core.wheel_identity import wheel_identity
from pipper.core.wheel_kinds import upload_moment
from pipper.errors import ConflictError

SourceKind = Literal["index", "repository"]


class FileOrigin(Struct, frozen=True, kw_only=True, rename="kebab"):
    """Where the first copy of a file was taken from."""

    source: SourceKind
    location: str = ""
    """The URL of the index or the repository, without user name or password; empty for a directory."""
    copied_at: str
    """ISO 8601, UTC."""
    copied_by: str = ""
    built_from: str = ""
    """The source distribution that the copier built the wheel from, and its hash: `foo-1.0.tar.gz sha256:…`."""

    def entry(self) -> dict[str, object]:
        """Return the entry of the page."""
        found: dict[str, object] = to_builtins(self)
        return (
            found if self.built_from else {key: value for key, value in found.items() if key != "built-from"}
        )

    def __str__(self) -> str:
        where = "the index" if self.source == "index" else "another repository"
        text = f"{where} {self.location}".rstrip() + f" at {self.copied_at}"
        text = f"{self.built_from.partition(' ')[0]} of {text}" if self.built_from else text
        return f"{text} by {self.copied_by}" if self.copied_by else text


class FileNotes(Struct, frozen=True, kw_only=True):
    """Who published a file, and where it was copied from."""

    published_by: str = ""
    """As the publisher said it, or from the variables of its CI job; empty if unknown."""
    published_with: str = ""
    """The program and its version: `pipper 1.0.0`."""
    origin: FileOrigin | None = None
    """None if the file was published here first."""
    unknown: Mapping[str, object] = field(default_factory=dict)
    """Entries of a newer pipper."""

    @property
    def publisher(self) -> str:
        """Who published the file and with what, as in `by Ann with pipper 1.0.0`; empty if unknown."""
        by = f"by {self.published_by}" if self.published_by else ""
        program = f"with {self.published_with}" if self.published_with else ""
        return f"{by} {program}".strip()

    def entries(self) -> dict[str, object]:
        """Return the entries of the page; none for what is unknown."""
        found: dict[str, object] = {}
        if self.published_by:
            found["published-by"] = self.published_by
        if self.published_with:
            found["published-with"] = self.published_with
        if self.origin is not None:
            found["origin"] = self.origin.entry()
        return found | dict(self.unknown)


class RemovedFile(Struct, frozen=True, kw_only=True, rename="kebab"):
    """A tombstone: a wheel that was removed. Its version comes back with the bytes of one of them, or not at all."""

    filename: str
    sha256: str
    removed_at: str
    """ISO 8601, UTC."""
    removed_by: str = ""

    @property
    def version(self) -> Version:
        """The version in the file name."""
        return wheel_identity(self.filename).version

    @property
    def url(self) -> str:
        """The URL that the wheel had, relative to the page."""
        return f"{self.sha256[:16]}/{self.filename}"

    def __str__(self) -> str:
        when = f"it was removed {self.removed_at}".rstrip()
        return f"{when} by {self.removed_by}" if self.removed_by else when

    def outlives(self, modified: datetime) -> bool:
        """Return whether an object of the version, stored at `modified` (aware), was there at the removal."""
        moment = upload_moment(self.removed_at)
        # The page has whole seconds. A difference of times never overflows, whatever the page says.
        return moment is not None and modified - moment < timedelta(seconds=1)


NO_NOTES = FileNotes()
_NOTES = ("published-by", "published-with", "origin")


def read_notes(own: Node, known: Collection[str]) -> FileNotes:
    """Return the notes in `_pipper` of a file; `known` are its other keys. Raises the error of the document."""
    found = own.entries()
    if found.keys() <= set(known):
        return NO_NOTES
    return FileNotes(
        published_by=own.text_at("published-by", ""),
        published_with=own.text_at("published-with", ""),
        origin=_origin(own.at("origin")) if "origin" in own else None,
        unknown=unknown_entries(own, (*known, *_NOTES)),
    )


def unknown_entries(own: Node, known: Collection[str]) -> dict[str, object]:
    """Return the entries of a table that are not `known`, in the order of their keys."""
    return {key: value for key, value in sorted(own.entries().items()) if key not in known}


def read_removed(entry: Node, sha256: str) -> RemovedFile:
    """Return a tombstone of a page; `sha256` is its checked hash."""
    filename = entry.text_at("filename")
    wheel_identity(filename)
    return RemovedFile(
        filename=filename,
        sha256=sha256,
        removed_at=entry.text_at("removed-at", ""),
        removed_by=entry.text_at("removed-by", ""),
    )


def removed_entry(removed: RemovedFile) -> dict[str, object]:
    """Return the entry of a tombstone for the page."""
    return dict(to_builtins(removed))


def removal_of(removed: Iterable[RemovedFile], version: Version | None, url: str = "") -> RemovedFile | None:
    """Return the tombstone of the wheel `url` if it has one, else the newest of its version; None without any.

    A version that comes back with one of its wheels, and is removed again, has tombstones of both times.
    """
    gone = [each for each in removed if each.version == version]
    own = [each for each in gone if each.url == url]
    return max(own or gone, key=_time_of, default=None)


def _time_of(removal: RemovedFile) -> datetime:
    return upload_moment(removal.removed_at) or datetime.min.replace(tzinfo=UTC)


def without_returned(
    removed: tuple[RemovedFile, ...], filename: str, sha256: str, *, is_published: bool
) -> tuple[RemovedFile, ...]:
    """Return the tombstones that stay when a file is published.

    Raises ConflictError if the version was removed and these are other bytes than the removed ones. Once the version
    `is_published` again, that counts only for the wheels that were removed: it may have new ones beside them.
    """
    identity = wheel_identity(filename)
    gone = [each for each in removed if each.version == identity.version]
    back = [each for each in gone if (each.filename, each.sha256) == (filename, sha256)]
    if is_published:
        gone = [each for each in gone if wheel_identity(each.filename) == identity]
    if gone and not back:
        raise ConflictError(
            f"version {identity.version} of {filename.partition('-')[0]} was removed from the repository",
            cause=f"{gone[0]}; it can come back only with the same bytes "
            f"({gone[0].filename}, sha256 {gone[0].sha256})",
            hint="raise the version",
        )
    return tuple(each for each in removed if each not in back)


def _origin(node: Node) -> FileOrigin:
    source = node.text_at("source")
    return FileOrigin(
        source="index" if source == "index" else "repository",
        location=node.text_at("location", ""),
        copied_at=node.text_at("copied-at", ""),
        copied_by=node.text_at("copied-by", ""),
        built_from=node.text_at("built-from", ""),
    )
