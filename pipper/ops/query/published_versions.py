"""Published versions of projects in the sources of a command, checked against one environment."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.lock.model import Lock
from pipper.core.manifest.model import Manifest
from pipper.core.ports import CandidateFile, Release, ReleaseMetadata
from pipper.core.target import Target
from pipper.ops.context.open_repositories import require_repository
from pipper.ops.context.open_sources import open_sources
from pipper.ops.context.project import Project
from pipper.ops.context.project_files import PIPPER_TOML
from pipper.ops.context.settings import Settings
from pipper.solve.candidates import Fitter
from pipper.solve.request import SolveRequest
from pipper.solve.router import SourceRouter


class PublishedVersion(Struct, frozen=True, kw_only=True):
    """One version of a project."""

    release: Release
    file: CandidateFile | None
    """The wheel that fits best, or the first if none fits, or the source distribution; None without any file."""
    yanked: str | None = None
    """None, or the reason (PEP 592), which may be empty."""
    unfit: str = ""
    """Why it does not fit the environment; empty if it fits."""

    @property
    def version(self) -> Version:
        """The version of the release."""
        return self.release.version

    @property
    def size(self) -> int:
        """Bytes of the wheel, or of the bundle that contains it; 0 if the source does not state it."""
        return self.file.locked.fetched.size if self.file else 0

    @property
    def upload_time(self) -> datetime | None:
        """When the wheel was uploaded, if the source states it."""
        return self.file.upload_time if self.file else None


class Publications:
    """The sources of a command; each project is read once."""

    def __init__(
        self,
        router: SourceRouter,
        target: Target,
        *,
        prereleases: bool | frozenset[str],
        builds: bool | frozenset[NormalizedName],
        locations: Mapping[str, str],
    ) -> None:
        """`prereleases` is True to admit all pre-releases, or the names of projects whose pre-releases are admitted.

        `builds` is the same for releases that have to be built from their source distributions.
        `locations` are the URLs of the repositories by alias.
        """
        self.locations = locations
        self._router = router
        self._request = SolveRequest(target=target, roots={}, builds=builds)
        self._fitters: dict[datetime | None, Fitter] = {}
        self._prereleases = prereleases

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Read the pages for `versions` in parallel."""
        self._router.prefetch(names)

    def versions(
        self, name: NormalizedName, *, as_of: datetime | None = None
    ) -> tuple[PublishedVersion, ...]:
        """Return the versions in the first source that has the project, newest first; empty if none has it.

        What was uploaded after `as_of` (aware) does not fit.
        """
        source = self._router.route(name)
        releases = list(source.releases(name)) if source else []
        if as_of not in self._fitters:
            self._fitters[as_of] = Fitter(replace(self._request, as_of=as_of))
        shelf = self._fitters[as_of].shelve(name, releases, oldest_first=False)
        fitting = [
            PublishedVersion(release=one.release, file=one.best, yanked=one.yanked)
            for one in shelf.candidates
        ]
        by_version = {release.version: release for release in releases}
        others = [_unfit(by_version[refusal.version], refusal.why) for refusal in shelf.refusals]
        return tuple(sorted((*fitting, *others), key=lambda one: one.version, reverse=True))

    def newest(
        self, name: NormalizedName, versions: Iterable[PublishedVersion], within: SpecifierSet | None = None
    ) -> PublishedVersion | None:
        """Return the newest of a project's versions that is not yanked and that PEP 440's pre-release rule admits.

        A version that fits the environment is preferred; `within` limits the choice.
        """
        usable = [one for one in versions if one.yanked is None]
        admits = True if self._prereleases is True or name in (self._prereleases or ()) else None
        for among in ([one for one in usable if not one.unfit], usable):
            admitted = set((within or SpecifierSet()).filter((one.version for one in among), admits))
            if admitted:
                return next(one for one in among if one.version in admitted)
        return None

    def metadata(self, one: PublishedVersion) -> ReleaseMetadata:
        """Return the metadata of a version."""
        if one.file is None:
            return ReleaseMetadata(unusable="it has no wheel")
        if one.file.is_sdist:
            return ReleaseMetadata(unusable="it has no wheel, only a source distribution")
        return self._router.source(one.release).metadata(one.release, one.file)

    def searched(self, name: NormalizedName) -> str:
        """Return a sentence that lists the searched sources."""
        text = self._router.searched(name)
        for alias, location in self.locations.items():
            text = text.replace(f"`{alias}`", f"`{alias}` ({location})", 1)
        return text


def _unfit(release: Release, why: str) -> PublishedVersion:
    files = (*release.files, *release.sdists)
    yanked = [file.yanked for file in files]
    return PublishedVersion(
        release=release,
        file=files[0] if files else None,
        yanked=None if None in yanked or not yanked else yanked[0],
        unfit=why,
    )


def open_publications(
    settings: Settings, project: Project | None, lock: Lock | None, target: Target
) -> Publications:
    """Return the publications in the sources of options, else of the manifest, else of the lock; send no request.

    In a project they include the index, unless the manifest disables it or an option names a repository. Raises
    UsageError if there is no source.
    """
    options = settings.repositories
    use_index = project is not None and not (options.bucket or options.repository)
    project = project or Project(manifest_path=settings.directory / PIPPER_TOML, manifest=Manifest())
    sources = open_sources(settings, project, old=lock, use_index=use_index)
    if not sources.indexes:
        require_repository(sources.repositories)
    admitted, allowed = project.manifest.prereleases, project.manifest.build_allow
    return Publications(
        sources.router,
        target,
        prereleases=frozenset(admitted) if isinstance(admitted, tuple) else admitted,
        builds=frozenset(allowed) if isinstance(allowed, tuple) else allowed,
        locations={repository.alias: repository.store.location for repository in sources.repositories},
    )
