"""The text of a project's page: JSON of PEP 691 and PEP 700, with additions under `_pipper`."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

from msgspec import to_builtins
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.document import DOCUMENT_LIMIT, Node, Origin, read_json
from pipper.core.layout.page import Needs, PageBundle, PageFile, ProjectPage
from pipper.core.layout.provenance import (
    RemovedFile,
    read_notes,
    read_removed,
    removed_entry,
    unknown_entries,
)
from pipper.core.plain_json import load_json
from pipper.core.standards import read_version, version_of
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import IntegrityError

T = TypeVar("T")
_MAJOR = "1"
_OF_NEEDS = ("requires-dist", "dependencies", "provides-extra")
_OF_PAGE = ("bundles", "replaced", "removed", "mirror-of")
_OF_BUNDLE = ("key", "etag", "size", "version", "wheel", "upload-time", "requires-python", *_OF_NEEDS)
"""The known keys of `_pipper`, of a file and of a page, and of a bundle."""
_HINT = "rebuild it with `pipper repository repair`; `pipper repository check` shows all damage"


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
