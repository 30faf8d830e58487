"""From the files on a page of an index, and from METADATA, to what the solver takes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from pipper.artifacts.metadata import MAX_REQUIREMENTS, parse_metadata, requirement_fault
from pipper.core.lockfile import LockedFile
from pipper.core.manifest import INDEX
from pipper.core.origin import plain
from pipper.core.ports import CandidateFile, Release, ReleaseMetadata
from pipper.core.selection import best_wheel
from pipper.core.target import Target
from pipper.errors import IntegrityError
from pipper.sources.simpleapi import IndexFile, ProjectFiles


def releases_of(
    page: ProjectFiles, name: NormalizedName, may_be_asked: Callable[[str], bool]
) -> tuple[Release, ...]:
    """Return a release for every version on a page; what lies where nobody may be asked is left out."""
    by_version: dict[Version, dict[str, CandidateFile]] = {}
    allowed: dict[str, bool] = {}
    for file in page.files:
        server = file.url[: file.url.find("/", len("https://"))]
        if server not in allowed:
            allowed[server] = may_be_asked(file.url)
        version = _version(file.version)
        if version is not None and allowed[server]:
            # A file name that is there twice cannot be locked twice: the first one stands.
            by_version.setdefault(version, {}).setdefault(file.filename, _candidate_file(file))
    for text in page.unbuilt:
        version = _version(text)
        if version is not None:
            by_version.setdefault(version, {})
    return tuple(
        Release(name=name, version=version, source=INDEX, files=tuple(files.values()))
        for version, files in by_version.items()
    )


def newest_fitting(releases: Sequence[Release], target: Target) -> tuple[Release, CandidateFile] | None:
    """Return the newest final release with a wheel for a target, and the best of these wheels."""
    python = Version(target.python_full_version.rstrip("+"))
    for release in sorted(releases, key=lambda each: each.version, reverse=True):
        if release.version.is_prerelease:
            continue
        usable = {
            file.locked: file
            for file in release.files
            if file.yanked is None
            and (file.requires_python is None or file.requires_python.contains(python, prereleases=True))
        }
        best = best_wheel(usable, target)
        if best is not None:
            return release, usable[best]
    return None


def metadata_from(headers: bytes, release: Release, *, subject: str) -> ReleaseMetadata:
    """Return what METADATA says that a release needs, or why that cannot be used."""
    try:
        core = parse_metadata(headers, subject=subject)
    except IntegrityError as error:
        return ReleaseMetadata(unusable=error.message)
    if (core.normalized_name, core.version) != (release.name, release.version):
        return ReleaseMetadata(unusable=f"its metadata is that of {core.normalized_name} {core.version}")
    if len(core.requires_dist) > MAX_REQUIREMENTS:
        return ReleaseMetadata(unusable=f"it has {len(core.requires_dist):,} requirements")
    requires = []
    for text in core.requires_dist:
        requirement = _requirement(text)
        if isinstance(requirement, str):
            return ReleaseMetadata(unusable=requirement)
        requires.append(requirement)
    try:
        python = SpecifierSet(core.requires_python) if core.requires_python else None
    except InvalidSpecifier:
        return ReleaseMetadata(unusable=f"its Requires-Python is malformed: {core.requires_python[:60]}")
    return ReleaseMetadata(
        requires_dist=tuple(requires),
        provides_extra=frozenset(canonicalize_name(extra) for extra in core.provides_extra),
        requires_python=python,
    )


def _candidate_file(file: IndexFile) -> CandidateFile:
    url = file.url
    if "?" in url or "@" in url:
        url = plain(url)
    if url.endswith(file.filename):
        written = LockedFile(url=url, sha256=file.sha256, size=file.size)
    else:
        written = LockedFile(url=url, sha256=file.sha256, size=file.size)
        if written.filename != file.filename:
            written = replace(written, wheel=file.filename)
    return CandidateFile(
        filename=file.filename,
        locked=written,
        requires_python=_specifiers(file.requires_python),
        upload_time=_moment(file.upload_time),
        yanked=file.yanked,
    )


@cache
def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


@cache
def _specifiers(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text) if text else None
    except InvalidSpecifier:
        return None  # METADATA says the same, and is looked at before the release is taken


@cache
def _requirement(text: str) -> Requirement | str:
    """Parse a line of Requires-Dist, or tell why it cannot be used; a URL is left to whoever needs that line."""
    fault = requirement_fault(text)
    return Requirement(text) if not fault or fault.startswith("it requires ") else fault


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
