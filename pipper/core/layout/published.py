"""What a project's page has published, by version: for listings, prune and the site."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.objects import wheel_version
from pipper.core.layout.page import PageFile, ProjectPage
from pipper.core.layout.provenance import NO_NOTES, FileNotes
from pipper.core.standards import read_version
from pipper.core.wheel_identity import wheel_identity
from pipper.core.wheel_kinds import upload_moment


class PackageVersion(Struct, frozen=True, kw_only=True):
    """One version of a project in a repository."""

    version: Version
    files: int
    """Wheels; a bundle that only 0.x can name counts as one."""
    size: int
    """Bytes of all wheels."""
    uploaded: datetime | None = None
    """The first upload; None if the page does not state it."""
    yanked: str | None = None
    """None unless all files are yanked; else the reason, which may be empty."""
    notes: FileNotes = NO_NOTES
    """Of the first file."""


class PublishedPackage(Struct, frozen=True, kw_only=True):
    """A project of a repository."""

    name: NormalizedName
    versions: tuple[PackageVersion, ...] = ()
    """Newest first; none if its versions were removed, or if a publish has not finished."""

    @property
    def newest(self) -> PackageVersion | None:
        """The newest that is not yanked, and not a pre-release if there is a final one; None without any."""
        usable = [each for each in self.versions if each.yanked is None]
        final = [each for each in usable if not each.version.is_prerelease]
        return next(iter(final or usable), None)

    @property
    def uploaded(self) -> datetime | None:
        """When the last version was uploaded first."""
        return max((each.uploaded for each in self.versions if each.uploaded), default=None)

    @property
    def yanked(self) -> int:
        """How many versions are yanked."""
        return sum(each.yanked is not None for each in self.versions)

    @property
    def size(self) -> int:
        """Bytes of all wheels."""
        return sum(each.size for each in self.versions)


def versions_of(page: ProjectPage) -> tuple[PackageVersion, ...]:
    """Return the versions of a page, newest first."""
    files: dict[Version, list[PageFile]] = {}
    for file in page.files:
        files.setdefault(wheel_identity(file.filename).version, []).append(file)
    found = {version: _of_files(version, listed) for version, listed in files.items()}
    for bundle in page.bundles:
        version = read_version(bundle.version)
        uploaded = upload_moment(bundle.upload_time)
        found.setdefault(
            version, PackageVersion(version=version, files=1, size=bundle.size, uploaded=uploaded)
        )
    return tuple(found[version] for version in sorted(found, reverse=True))


def replaced_alone(page: ProjectPage) -> tuple[PackageVersion, ...]:
    """Return the versions of which a page only keeps wheels for older locks; their sizes are not on it."""
    known = {each.version for each in versions_of(page)}
    found = Counter(map(wheel_version, page.replaced))
    return tuple(
        PackageVersion(version=version, files=files, size=0)
        for version, files in found.items()
        if version is not None and version not in known
    )


def _of_files(version: Version, files: Sequence[PageFile]) -> PackageVersion:
    marks = [file.yanked for file in files]
    moments = [moment for file in files if (moment := upload_moment(file.upload_time))]
    return PackageVersion(
        version=version,
        files=len(files),
        size=sum(file.size for file in files),
        uploaded=min(moments, default=None),
        yanked=next((mark for mark in marks if isinstance(mark, str)), "") if all(marks) else None,
        notes=files[0].notes,
    )
