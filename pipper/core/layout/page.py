"""The page of a project: what a repository has published of it (PEP 691 and 700 JSON, with `_pipper` additions)."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from packaging.tags import Tag
from packaging.utils import (
    BuildTag,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import Version

from pipper.errors import ConflictError, IntegrityError

PAGE_TYPE = "application/vnd.pypi.simple.v1+json"
T = TypeVar("T")
_MAJOR = "1"
_HINT = "`pipper repository check` looks at every page, `pipper repository repair` rebuilds them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a wheel asks for: core metadata, and the dependencies a 0.x `package.meta` adds."""

    requires_python: str = ""
    requires_dist: tuple[str, ...] = ()
    provides_extra: tuple[str, ...] = ()
    dependencies: tuple[str, ...] = ()
    """As pipper 0.x writes them: `bar`, `bar:>=2.0.0`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFile:
    """A wheel on a project's page."""

    filename: str
    sha256: str
    size: int
    """Bytes."""
    upload_time: str
    """ISO 8601, UTC."""
    metadata_sha256: str
    yanked: bool | str = False
    """True or the reason where the file is yanked (PEP 592)."""
    needs: Needs

    @property
    def url(self) -> str:
        """Relative to the page, as it stands there."""
        return f"{self.sha256[:16]}/{self.filename}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageBundle:
    """A 0.x bundle on a project's page: what was read from the object with this etag."""

    key: str
    """Relative to the repository's root."""
    etag: str
    size: int
    """Bytes of the bundle."""
    version: str
    wheel: str
    """The file name of the wheel inside."""
    upload_time: str = ""
    needs: Needs


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPage:
    """Everything a repository has published of one project."""

    name: NormalizedName
    files: tuple[PageFile, ...] = ()
    bundles: tuple[PageBundle, ...] = ()
    replaced: tuple[str, ...] = ()
    """URLs of wheels that `publish --force` took off the page: locks hold them, so they stay where they are."""

    def with_file(self, file: PageFile, *, force: bool = False) -> "ProjectPage":
        """Return the page with `file` on it; the page itself where these bytes stand there already.

        Raises ConflictError where the same file is published with other bytes and `force` is not given.
        """
        identity = wheel_identity(file.filename)
        same = [other for other in self.files if wheel_identity(other.filename) == identity]
        if any(other.sha256 == file.sha256 for other in same):
            return self
        if same and not force:
            raise ConflictError(
                f"{same[0].filename} is published with other bytes",
                cause=f"published: sha256 {same[0].sha256}; yours: {file.sha256}",
                hint="raise the version, or publish with --force",
            )
        kept = tuple(other for other in self.files if other not in same)
        gone = {*self.replaced, *(other.url for other in same)} - {file.url}
        return replace(
            self, files=tuple(sorted((*kept, file), key=_file_order)), replaced=tuple(sorted(gone))
        )


@lru_cache(maxsize=65536)
def wheel_identity(filename: str) -> tuple[Version, BuildTag, frozenset[Tag]]:
    """What makes two wheels of a project the same file: equal versions, build and tags (PEP 427, PEP 440)."""
    try:
        _, version, build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise IntegrityError(f"{filename}: not a wheel's file name", cause=str(error)) from error
    return version, build, tags


def _file_order(file: PageFile) -> tuple[Version, str]:
    return wheel_identity(file.filename)[0], file.filename


def dump_page(page: ProjectPage) -> bytes:
    """Return the bytes of a project's page (PEP 691, PEP 700); equal pages give equal bytes."""
    versions = {wheel_identity(file.filename)[0] for file in page.files}
    versions |= {Version(bundle.version) for bundle in page.bundles}
    own: dict[str, object] = {"bundles": [_bundle_entry(bundle) for bundle in page.bundles]}
    if page.replaced:
        own["replaced"] = list(page.replaced)
    document = {
        "meta": {"api-version": "1.1"},
        "name": page.name,
        "versions": [str(version) for version in sorted(versions)],
        "files": [_file_entry(file) for file in page.files],
        "_pipper": own,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _file_entry(file: PageFile) -> dict[str, object]:
    entry: dict[str, object] = {
        "filename": file.filename,
        "url": file.url,
        "hashes": {"sha256": file.sha256},
        "size": file.size,
        "upload-time": file.upload_time,
        "core-metadata": {"sha256": file.metadata_sha256},
        "yanked": file.yanked,
        "_pipper": _needs_entry(file.needs),
    }
    if file.needs.requires_python:
        entry["requires-python"] = file.needs.requires_python
    return entry


def _bundle_entry(bundle: PageBundle) -> dict[str, object]:
    return {
        "key": bundle.key,
        "etag": bundle.etag,
        "size": bundle.size,
        "version": bundle.version,
        "wheel": bundle.wheel,
        "upload-time": bundle.upload_time,
        "requires-python": bundle.needs.requires_python,
        **_needs_entry(bundle.needs),
    }


def _needs_entry(needs: Needs) -> dict[str, object]:
    return {
        "requires-dist": list(needs.requires_dist),
        "dependencies": list(needs.dependencies),
        "provides-extra": list(needs.provides_extra),
    }


def parse_page(body: bytes, *, name: NormalizedName, label: str) -> ProjectPage:
    """Return the page that `body` holds; `label` names it in messages. Raises IntegrityError where it lies."""
    try:
        return _page(json.loads(body), name)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, IntegrityError) as error:
        cause = (
            error.cause or error.message
            if isinstance(error, IntegrityError)
            else f"{type(error).__name__}: {error}"
        )
        raise IntegrityError(f"{label} is damaged", cause=cause, hint=_HINT) from error


def salvage_page(body: bytes, *, name: NormalizedName, label: str) -> ProjectPage:
    """Return the entries of a damaged page that can still be read; none where it is no JSON at all.

    Raises IntegrityError where a newer pipper wrote it: what is not understood must not be lost.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ProjectPage(name=name)
    meta = document.get("meta") if isinstance(document, dict) else None
    version = str(meta.get("api-version", _MAJOR)) if isinstance(meta, dict) else _MAJOR
    if version.partition(".")[0] != _MAJOR:
        raise IntegrityError(
            f"{label} has api-version {version[:20]!r}", hint="a newer pipper wrote it: upgrade pipper"
        )
    own = document.get("_pipper") if isinstance(document, dict) else None
    return ProjectPage(
        name=name,
        files=tuple(_readable(document, "files", lambda entry: _file(entry, name))),
        bundles=tuple(_readable(own, "bundles", _bundle)),
        replaced=tuple(url for url in _listed(own, "replaced") if isinstance(url, str)),
    )


def _readable(holder: object, key: str, read: Callable[[Mapping[str, object]], T]) -> Iterator[T]:
    for entry in _listed(holder, key):
        with suppress(ValueError, TypeError, KeyError, AttributeError, IntegrityError):
            yield read(entry)


def _listed(holder: object, key: str) -> list[Any]:
    entries = holder.get(key) if isinstance(holder, dict) else None
    return entries if isinstance(entries, list) else []


def _page(document: Mapping[str, object], name: NormalizedName) -> ProjectPage:
    meta = _table(document, "meta")
    if str(meta.get("api-version", "")).partition(".")[0] != _MAJOR:
        raise IntegrityError(f"api-version {meta.get('api-version')!r} is not known")
    if canonicalize_name(_text(document, "name")) != name:
        raise IntegrityError(f"it is the page of `{document['name']}`")
    files = tuple(_file(entry, name) for entry in _entries(document, "files"))
    own = _table(document, "_pipper") if "_pipper" in document else {}
    bundles = tuple(_bundle(entry) for entry in (_entries(own, "bundles") if "bundles" in own else ()))
    return ProjectPage(name=name, files=files, bundles=bundles, replaced=_texts(own, "replaced"))


def _file(entry: Mapping[str, object], name: NormalizedName) -> PageFile:
    filename = _text(entry, "filename")
    wheel_identity(filename)
    if canonicalize_name(filename.partition("-")[0]) != name:
        raise IntegrityError(f"{filename} is no wheel of {name}")
    yanked = entry.get("yanked", False)
    if not isinstance(yanked, bool | str):
        raise TypeError("`yanked` is neither true, false nor a reason")
    file = PageFile(
        filename=filename,
        sha256=_sha256(_table(entry, "hashes")),
        size=_size(entry),
        upload_time=_text(entry, "upload-time"),
        metadata_sha256=_sha256(_table(entry, "core-metadata")),
        yanked=yanked,
        needs=_needs(_table(entry, "_pipper"), entry),
    )
    if _text(entry, "url") != file.url:
        raise IntegrityError(f"{filename} points elsewhere: `{entry['url']}`")
    return file


def _bundle(entry: Mapping[str, object]) -> PageBundle:
    version = _text(entry, "version")
    try:
        Version(version)
    except ValueError as error:  # InvalidVersion, or a number of more digits than int() takes
        raise IntegrityError(str(error)[:200]) from error
    wheel_identity(_text(entry, "wheel"))
    return PageBundle(
        key=_text(entry, "key"),
        etag=_text(entry, "etag"),
        size=_size(entry),
        version=version,
        wheel=_text(entry, "wheel"),
        upload_time=_text(entry, "upload-time") if "upload-time" in entry else "",
        needs=_needs(entry, entry),
    )


def _needs(own: Mapping[str, object], entry: Mapping[str, object]) -> Needs:
    return Needs(
        requires_python=_text(entry, "requires-python") if entry.get("requires-python") else "",
        requires_dist=_texts(own, "requires-dist"),
        provides_extra=_texts(own, "provides-extra"),
        dependencies=_texts(own, "dependencies"),
    )


def _table(entry: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = entry[key]
    if not isinstance(value, dict):
        raise TypeError(f"`{key}` is no object")
    return value


def _entries(entry: Mapping[str, object], key: str) -> Iterable[Mapping[str, object]]:
    value = entry[key]
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise TypeError(f"`{key}` is no list of objects")
    return value


def _text(entry: Mapping[str, object], key: str) -> str:
    value = entry[key]
    if not isinstance(value, str):
        raise TypeError(f"`{key}` is no string")
    return value


def _texts(entry: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError(f"`{key}` is no list of strings")
    return tuple(value)


def _size(entry: Mapping[str, object]) -> int:
    value = entry["size"]
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("`size` is no number of bytes")
    return value


def _sha256(hashes: Mapping[str, object]) -> str:
    value = _text(hashes, "sha256").lower()
    if len(value) != 64 or value.strip("0123456789abcdef"):
        raise ValueError("`sha256` is not 64 hex digits")
    return value
