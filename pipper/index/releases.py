"""Conversion of page entries and METADATA of an index into releases and metadata for the solver."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import overload

from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pipper.core.lock.model import LockedFile
from pipper.core.manifest.inputs import INDEX
from pipper.core.ports import CandidateFile, Release, ReleaseMetadata
from pipper.core.standards import MOST_DIGITS, is_excessive, read_requirement, version_of
from pipper.core.urls import is_allowed_file_url, plain, split_url
from pipper.core.wheel_kinds import Assorter, ListedWheel, specifiers, upload_moment
from pipper.core.wording import counted
from pipper.errors import IntegrityError
from pipper.index.project_page import IndexFile, ProjectFiles
from pipper.wheels.metadata import MAX_REQUIREMENTS, parse_metadata, requirement_fault

_URL_FAULT = "the URL is malformed"
_VERSION_FAULT = f"the version has a number of more than {MOST_DIGITS:,} digits"


def releases_of(
    page: ProjectFiles,
    name: NormalizedName,
    index_url: str,
    warn: Callable[[str], object] = str,
    *,
    alias: str = INDEX,
) -> tuple[Release, ...]:
    """Return a release for every version on a page, without files on servers that `is_allowed_file_url` excludes.

    `alias` is that of the index. Files with a malformed URL or a version of too many digits are left out, and `warn`
    gets one text for each cause. Other versions that PEP 440 does not know are left out silently, as in pip: old
    projects have some.
    """
    left_out: Counter[str] = Counter()
    by_version: dict[Version, dict[str, IndexFile]] = {}
    by_text: dict[str, dict[str, IndexFile] | None] = {}
    is_allowed = _server_check(index_url)
    for file in page.files:
        if not is_allowed(file):
            left_out[_URL_FAULT] += not split_url(file.url).scheme
            continue
        if file.version not in by_text:
            version = _version(file.version)
            by_text[file.version] = None if version is None else by_version.setdefault(version, {})
        files = by_text[file.version]
        left_out[_VERSION_FAULT] += files is None and is_excessive(file.version)
        if files is not None:
            # A page may list a file name twice, but a lock cannot: the first entry counts.
            files.setdefault(file.filename, file)
    sdists: dict[Version, IndexFile] = {}
    for file in page.sdists:
        version = _version(file.version)
        if version is not None:
            by_version.setdefault(version, {})
            if is_allowed(file):
                sdists.setdefault(version, file)
    for cause, count in left_out.items():
        if count:
            warn(f"ignored {counted(count, 'file')} of {name} in the index: {cause}")
    return tuple(_grouped(name, by_version, sdists, alias))


def _grouped(
    name: NormalizedName,
    by_version: Mapping[Version, Mapping[str, IndexFile]],
    sdists: Mapping[Version, IndexFile],
    alias: str,
) -> Iterator[Release]:
    assorter = Assorter()
    for version, found in by_version.items():
        listed = tuple(found.values())
        wheels = (ListedWheel(file.filename, file.requires_python, file.yanked) for file in listed)
        made, assortment = _Files(listed) if listed else (), assorter.assort(wheels)
        sdist = sdists.get(version)
        yield Release(
            name=name,
            version=version,
            source=alias,
            files=made,
            sdists=_Files((sdist,)) if sdist else (),
            assortment=assortment,
        )


def _server_check(index_url: str) -> Callable[[IndexFile], bool]:
    """Return whether a file's server is allowed, as a function that looks at each server once."""
    allowed: dict[str, bool] = {}

    def is_allowed(file: IndexFile) -> bool:
        server = file.url[: file.url.find("/", len("https://"))]
        if server not in allowed:
            allowed[server] = is_allowed_file_url(file.url, index_url)
        return allowed[server]

    return is_allowed


class _Files(Sequence[CandidateFile]):
    """The files of a release, each created on first access: of a page's thousands only a few are needed."""

    __slots__ = ("_listed", "_made")

    def __init__(self, listed: tuple[IndexFile, ...]) -> None:
        self._listed = listed
        self._made: dict[int, CandidateFile] = {}

    def __len__(self) -> int:
        return len(self._listed)

    @overload
    def __getitem__(self, place: int) -> CandidateFile: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[CandidateFile, ...]: ...
    def __getitem__(self, place: int | slice) -> CandidateFile | tuple[CandidateFile, ...]:
        if isinstance(place, slice):
            return tuple(self)[place]
        made = self._made.get(place)
        if made is None:
            made = self._made[place] = _candidate_file(self._listed[place])
        return made


def metadata_from(
    headers: bytes, release: Release, *, subject: str, note: Callable[[str], object] = str
) -> ReleaseMetadata:
    """Return the requirements in a release's METADATA, or why it cannot be used.

    A malformed Requires-Python is told to `note`, and counts as none, as for pip.
    """
    try:
        core = parse_metadata(headers, subject=subject)
    except IntegrityError as error:
        return ReleaseMetadata(unusable=error.message)
    if (core.normalized_name, core.version) != (release.name, release.version):
        return ReleaseMetadata(unusable=f"its metadata is for {core.normalized_name} {core.version}")
    if len(core.requires_dist) > MAX_REQUIREMENTS:
        return ReleaseMetadata(unusable=f"it has {counted(len(core.requires_dist), 'requirement')}")
    requires = []
    for text in core.requires_dist:
        requirement = _requirement(text)
        if isinstance(requirement, str):
            return ReleaseMetadata(unusable=requirement)
        requires.append(requirement)
    if is_excessive(core.requires_python):
        return ReleaseMetadata(unusable="its Requires-Python is too long, or has a number of too many digits")
    python = specifiers(core.requires_python)
    if core.requires_python and python is None:
        note(f"{subject}: its Requires-Python `{core.requires_python[:60]}` is malformed, and is ignored")
    return ReleaseMetadata(
        requires_dist=tuple(requires),
        provides_extra=frozenset(canonicalize_name(extra) for extra in core.provides_extra),
        requires_python=python,
    )


def _candidate_file(file: IndexFile) -> CandidateFile:
    url = file.url
    if "?" in url or "@" in url:
        url = plain(url)
    written = LockedFile(url=url, sha256=file.sha256, size=file.size)
    if not url.endswith(file.filename) and written.filename != file.filename:
        written = replace(written, wheel=file.filename)
    return CandidateFile(
        filename=file.filename,
        locked=written,
        requires_python=specifiers(file.requires_python),
        upload_time=upload_moment(file.upload_time),
        yanked=file.yanked,
    )


_version = cache(version_of)


@cache
def _requirement(text: str) -> Requirement | str:
    """Parse a line of Requires-Dist, or return why it is invalid. The solver rejects URLs only if it needs the line."""
    fault = requirement_fault(text)
    return read_requirement(text) if not fault or fault.startswith("it requires ") else fault
