"""`repository packages`: what a repository holds, from one listing and the pages, which are read in parallel."""

from fnmatch import fnmatchcase

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.layout.published import PublishedPackage, versions_of
from pipper.errors import PipperError, gravest
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import single_repository
from pipper.repository.source import Repository
from pipper.system.parallel import attempt_each


class PackagesOutcome(Struct, frozen=True, kw_only=True):
    """The packages of a repository."""

    location: str
    layout_format: int
    packages: tuple[PublishedPackage, ...]
    """By name."""
    errors: tuple[PipperError, ...] = ()
    """Why pages could not be read."""

    @property
    def exit_code(self) -> int:
        """The exit code of the gravest error, else 0."""
        return gravest(error.exit_code for error in self.errors)


def packages(settings: Settings, pattern: str) -> PackagesOutcome:
    """Return the packages whose names fit a pattern (`acme-*`; empty for all), in any spelling of the names.

    Raises UsageError if the repository does not exist, and what the store raises for the listing.
    """
    repository = single_repository(settings, "repository packages")
    repository.require()
    wanted = canonicalize_name(pattern or "*")  # a pattern in any spelling, such as `Acme_*`
    names = sorted(name for name in repository.folders() if fnmatchcase(name, wanted))
    found = attempt_each(lambda name: _package(repository, name), names, settings.reporter, "Reading pages")
    return PackagesOutcome(
        location=repository.store.location,
        layout_format=repository.layout_format,
        packages=tuple(each for each in found if isinstance(each, PublishedPackage)),
        errors=tuple(each for each in found if isinstance(each, PipperError)),
    )


def _package(repository: Repository, name: NormalizedName) -> PublishedPackage:
    page = repository.read_page(name).page
    if repository.layout_format == 1:
        page = repository.with_bundles(page, repository.list_bundles(name))
    return PublishedPackage(name=name, versions=versions_of(page))
