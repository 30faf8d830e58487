"""The page of a project: its published files (JSON of PEP 691 and 700, with additions under `_pipper`)."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from msgspec import Struct, field, to_builtins
from msgspec.structs import replace
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pipper.core.document import DOCUMENT_LIMIT, Node, Origin, read_json
from pipper.core.layout.provenance import (
    NO_NOTES,
    FileNotes,
    RemovedFile,
    read_notes,
    read_removed,
    removal_of,
    removed_entry,
    unknown_entries,
    without_returned,
)
from pipper.core.plain_json import load_json
from pipper.core.redaction import redacted
from pipper.core.standards import read_version, version_of
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import ConflictError, IntegrityError

PAGE_TYPE = "application/vnd.pypi.simple.v1+json"
T = TypeVar("T")
_MAJOR = "1"
_OF_NEEDS = ("requires-dist", "dependencies", "provides-extra")
_OF_PAGE = ("bundles", "replaced", "removed", "mirror-of")
_OF_BUNDLE = ("key", "etag", "size", "version", "wheel", "upload-time", "requires-python", *_OF_NEEDS)
"""The known keys of `_pipper`, of a file and of a page, and of a bundle."""
_SHOWN = 200
"""Characters of dependencies in a message."""
_HINT = "rebuild it with `pipper repository repair`; `pipper repository check` shows all damage"


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


def dump_page(page: ProjectPage) -> bytes:
    """Return the bytes of a project's page (PEP 691, PEP 700); equal pages have equal bytes."""
    versions = {wheel_identity(file.filename).version for file in page.files}
    versions |= {read_version(bundle.version) for bundle in page.bundles}
    own: dict[str, object] = {"bundles": [_bundle_entry(bundle) for bundle in page.bundles]}
    if page.replaced:
        own["replaced"] = list(page.replaced)
    if page.removed:
        own["removed"] = [removed_entry(each) for each in page.removed]
    if page.mirror_of:
        own["mirror-of"] = page.mirror_of
    document = {
        "meta": {"api-version": "1.1"},
        "name": page.name,
        "versions": [str(version) for version in sorted(versions)],
        "files": [_file_entry(file) for file in page.files],
        "_pipper": own | dict(page.unknown),
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _file_entry(file: PageFile) -> dict[str, object]:
    needs = to_builtins(file.needs)
    python = needs.pop("requires-python")
    entry: dict[str, object] = {
        "filename": file.filename,
        "url": file.url,
        "hashes": {"sha256": file.sha256},
        "size": file.size,
        "upload-time": file.upload_time,
        "core-metadata": {"sha256": file.metadata_sha256},
        "yanked": file.yanked,
        "_pipper": needs | file.notes.entries(),
    }
    if python:
        entry["requires-python"] = python
    return entry


def _bundle_entry(bundle: PageBundle) -> dict[str, object]:
    entry = to_builtins(bundle)
    needs, unknown = entry.pop("needs"), entry.pop("unknown")
    return {**entry, **needs, **unknown}


def parse_page(body: bytes, *, name: NormalizedName, label: str) -> ProjectPage:
    """Return the page in `body`; `label` names it in messages. Raises IntegrityError for a damaged page."""
    try:
        return _page(read_json(body, label=label, limit=DOCUMENT_LIMIT, error=IntegrityError), name)
    except IntegrityError as error:
        cause = f"{error.message}: {error.cause}" if error.cause else error.message
        raise IntegrityError(f"{label} is damaged", cause=cause, hint=_HINT) from error


def salvage_page(body: bytes, *, name: NormalizedName, label: str) -> ProjectPage:
    """Return the readable entries of a damaged page; no entries if it is not JSON.

    Raises IntegrityError if a newer pipper wrote it: its unknown entries must not be lost.
    """
    try:
        # Not `read_json`: it refuses documents that still have readable entries.
        document = Node(load_json(body), Origin(label, IntegrityError))
    except ValueError:
        return ProjectPage(name=name)
    version = str(_part(_part(document, "meta"), "api-version").value or _MAJOR)
    if version.partition(".")[0] != _MAJOR:
        raise IntegrityError(
            f"{label} has api-version {version[:20]!r}", hint="a newer pipper wrote it: upgrade pipper"
        )
    own = _part(document, "_pipper")
    return ProjectPage(
        name=name,
        files=tuple(_readable(_part(document, "files"), lambda entry: _file(entry, name))),
        bundles=tuple(_readable(_part(own, "bundles"), _bundle)),
        replaced=tuple(_readable(_part(own, "replaced"), Node.text)),
        removed=tuple(_readable(_part(own, "removed"), _removed)),
        unknown=unknown_entries(own, _OF_PAGE) if isinstance(own.value, dict) else {},
    )


def _part(node: Node, key: str) -> Node:
    """Return an entry of a node that may not be a table; null without one."""
    return node.at(key, None) if isinstance(node.value, dict) else node.replaced(None)


def _readable(entries: Node, read: Callable[[Node], T]) -> Iterator[T]:
    for entry in entries.items() if isinstance(entries.value, list) else ():
        with suppress(IntegrityError):
            yield read(entry)


def _page(document: Node, name: NormalizedName) -> ProjectPage:
    version = document.at("meta").at("api-version", "")
    if str(version.value).partition(".")[0] != _MAJOR:
        raise version.fail(f"unknown version {version.value!r:.40}")
    if canonicalize_name(document.text_at("name")) != name:
        raise document.fail(f"the page is of another project, `{document.text_at('name')}`")
    own = document.at("_pipper", {})
    return ProjectPage(
        name=name,
        files=tuple(_file(entry, name) for entry in document.at("files").items()),
        bundles=tuple(map(_bundle, own.at("bundles", []).items())),
        replaced=own.at("replaced", []).texts(),
        removed=tuple(map(_removed, own.at("removed", []).items())),
        mirror_of=own.text_at("mirror-of", ""),
        unknown=unknown_entries(own, _OF_PAGE),
    )


def _file(entry: Node, name: NormalizedName) -> PageFile:
    filename = entry.text_at("filename")
    wheel_identity(filename)
    if canonicalize_name(filename.partition("-")[0]) != name:
        raise entry.fail(f"{filename} is not a wheel of {name}")
    yanked = entry.at("yanked", False)
    file = PageFile(
        filename=filename,
        sha256=_sha256(entry.at("hashes")),
        size=entry.at("size").integer(),
        upload_time=entry.text_at("upload-time"),
        metadata_sha256=_sha256(entry.at("core-metadata")),
        yanked=yanked.value if isinstance(yanked.value, str) else yanked.flag(),
        needs=_needs(entry.at("_pipper"), entry),
        notes=read_notes(entry.at("_pipper"), _OF_NEEDS),
    )
    if entry.text_at("url") != file.url:
        raise entry.fail(f"{filename} has the URL of another file: `{entry.at('url').text()}`")
    return file


def _bundle(entry: Node) -> PageBundle:
    version = entry.text_at("version")
    if version_of(version) is None:
        raise entry.at("version").fail(f"`{version[:80]}` is not a version (PEP 440)")
    wheel = entry.text_at("wheel")
    wheel_identity(wheel)
    return PageBundle(
        key=entry.text_at("key"),
        etag=entry.text_at("etag"),
        size=entry.at("size").integer(),
        version=version,
        wheel=wheel,
        upload_time=entry.text_at("upload-time", ""),
        needs=_needs(entry, entry),
        unknown=unknown_entries(entry, _OF_BUNDLE),
    )


def _removed(entry: Node) -> RemovedFile:
    return read_removed(entry, _sha256(entry))


def _needs(own: Node, entry: Node) -> Needs:
    return Needs(
        requires_python=entry.text_at("requires-python", ""),
        requires_dist=own.at("requires-dist", []).texts(),
        provides_extra=own.at("provides-extra", []).texts(),
        dependencies=own.at("dependencies", []).texts(),
    )


def _sha256(hashes: Node) -> str:
    value = hashes.at("sha256").text().lower()
    if len(value) != 64 or value.strip("0123456789abcdef"):
        raise hashes.at("sha256").fail("not a sha256 of 64 hex digits")
    return value
