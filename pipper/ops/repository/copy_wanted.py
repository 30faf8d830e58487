"""Which files a copy takes: by name and version, all, by a lock, or with all that they require."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.pylock import Package, Pylock
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.keys import wheel_key
from pipper.core.lock.model import Lock
from pipper.core.manifest.inputs import INDEX, PATH
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requested import asking
from pipper.core.manifest.requirement import releases_of
from pipper.core.manifest.root_label import BY_COMMAND
from pipper.core.ports import Source
from pipper.core.standards import read_specifiers
from pipper.core.urls import is_signed, origin, plain
from pipper.core.wording import counted
from pipper.errors import IntegrityError, NoSolutionError
from pipper.ops.context.environments import interpreter_at_hand, open_cache
from pipper.ops.context.open_sources import Sources, open_sources
from pipper.ops.context.project import Project, find_project
from pipper.ops.context.project_files import PIPPER_TOML
from pipper.ops.context.settings import Place, Settings
from pipper.ops.lock.options import LockOptions, as_of
from pipper.ops.lock.preferred import preferred_versions
from pipper.ops.lock.resolve import resolve, solve_request
from pipper.ops.lock.sdists import Sdists
from pipper.ops.lock.targets import goals
from pipper.ops.repository.copy_builds import SdistBuilds
from pipper.repository.copier import Offer
from pipper.repository.source import Repository
from pipper.solve.router import WrappedSource


class Wanted(Struct, frozen=True, kw_only=True):
    """What to copy of one project."""

    name: NormalizedName
    specifier: SpecifierSet = field(default_factory=SpecifierSet)
    every: bool = False
    """Take every version that fits, also yanked ones, and replaced wheels; else the newest."""
    hashes: frozenset[str] | None = None
    """The sha256 of the wheels to take; None for all wheels of the version."""


def wanted_by_name(texts: Iterable[str], *, every: bool) -> list[Wanted]:
    """Return what `NAME`, `NAME:VERSION` or a requirement asks for; raises UsageError for anything else."""
    found = releases_of(texts, example=">=1,<3")
    return [Wanted(name=name, specifier=specifier, every=every) for name, specifier in found.items()]


def choose(wanted: Wanted, offers: Sequence[Offer], where: str) -> list[Offer]:
    """Return the offers to copy.

    Raises NoSolutionError if no version fits, IntegrityError if a wheel of the lock is missing.
    """
    if wanted.hashes is not None:
        return _by_hash(wanted, wanted.hashes, offers, where)
    offers = [offer for offer in offers if wanted.every or not offer.is_replaced]
    versions = {offer.version for offer in offers}
    usable = {offer.version for offer in offers if offer.yanked is False}
    pinned = any(clause.operator in ("==", "===") for clause in wanted.specifier)
    among = versions if wanted.every or pinned else usable
    admits = True if wanted.every else None
    fitting = sorted(wanted.specifier.filter(among, prereleases=admits))
    if not fitting:
        there = ", ".join(map(str, sorted(versions, reverse=True)[:5]))
        raise NoSolutionError(
            f"{where} has no wheel of {wanted.name}{wanted.specifier or ''}",
            cause=f"the newest versions there: {there}" if there else "it has no version of it",
            hint="check the spelling and the version; --build NAME builds a source distribution of the index",
        )
    taken = set(fitting if wanted.every or _is_exact(wanted.specifier) else fitting[-1:])
    return [offer for offer in offers if offer.version in taken]


def _is_exact(specifier: SpecifierSet) -> bool:
    return any(clause.operator == "==" and not clause.version.endswith(".*") for clause in specifier)


def _by_hash(wanted: Wanted, hashes: frozenset[str], offers: Sequence[Offer], where: str) -> list[Offer]:
    named = [offer for offer in offers if any(map(offer.may_have, hashes))]
    unread = [offer for offer in offers if not offer.sha256 and not offer.is_replaced]
    unread = [offer for offer in unread if wanted.specifier.contains(offer.version, True)]
    missing = [each for each in hashes if not any(offer.may_have(each) for offer in named)]
    if missing and not unread:
        raise IntegrityError(
            f"{where} lacks {counted(len(missing), 'wheel')} of {wanted.name}{wanted.specifier} that the lock holds",
            cause=f"sha256 {min(missing)}",
            hint=f"make the lock again with `pipper lock -P {wanted.name}`, or copy from another source",
        )
    return named + unread


def wanted_by_pylock(lock: Pylock, index: str) -> tuple[list[Wanted], list[NormalizedName]]:
    """Return the wheels of a PEP 751 lock that a copy takes, and the packages that it leaves out.

    Such a lock hardly tells where packages come from. Of one with wheels all are taken, unless they are copied from an
    index, of the URL `index`: what lies in a folder, a repository or another index has a private name.
    """
    packages = [each for each in lock.packages if each.version is not None and each.wheels]
    taken = [each for each in packages if not index or _may_be_of(index, each)]
    wanted = [
        Wanted(
            name=package.name,
            specifier=read_specifiers(f"=={package.version}"),
            hashes=frozenset(wheel.hashes["sha256"] for wheel in package.wheels or () if wheel.hashes),
        )
        for package in taken
    ]
    return wanted, sorted({each.name for each in packages} - {each.name for each in taken})


def _may_be_of(index: str, package: Package) -> bool:
    named = package.index or index
    return plain(named).rstrip("/") == index.rstrip("/") and all(
        _may_hold(index, wheel.url or "", wheel_key(package.name, wheel.hashes["sha256"], wheel.filename))
        for wheel in package.wheels or ()
    )


def _may_hold(index: str, url: str, key: str) -> bool:
    """Return whether an index may have a wheel at this URL; `key` is that of the wheel in a repository."""
    if not url:
        return index.startswith("file:")
    is_of_repository = plain(url).endswith(f"/{key}") and origin(url) != origin(index)
    return not is_of_repository and not is_signed(url)


def wanted_by_lock(lock: Lock, source: str, alias: str) -> list[Wanted]:
    """Return the wheels of a lock that come from the source of a copy.

    `source` is what the user gave, `alias` the alias of the opened repository.
    """
    return [
        Wanted(
            name=package.name,
            specifier=read_specifiers(f"=={package.version}"),
            hashes=frozenset(file.sha256 for file in package.wheels),
        )
        for package in lock.packages
        if not package.path and _is_of(package.source, lock, source, alias)
    ]


def _is_of(named: str, lock: Lock, source: str, alias: str) -> bool:
    if lock.inputs.has_index(source) or lock.inputs.has_index(named):
        return source == named
    return named in (source, alias) or len(lock.repositories) == 1


class _Unmirrored(WrappedSource):
    """A repository without the projects that are copies of the index's: their names are public."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._repository = source if isinstance(source, Repository) else None

    def holds(self, name: NormalizedName) -> bool:
        held = super().holds(name)
        return held and not (self._repository and self._repository.page(name).is_mirror)


def wanted_with_dependencies(
    settings: Settings, roots: Sequence[Requirement], source: str, builds: SdistBuilds | None
) -> list[Wanted]:
    """Return the newest versions that fit the environments at hand, of `roots` and all that they require.

    They are solved with the sources of the project, if there is one; packages that come from another source than
    `source` are left out. A source distribution that `builds` allows counts where no wheel fits. Raises
    NoSolutionError, and what sources and build backends raise.
    """
    project = find_project(settings.directory)
    here = project or Project(manifest_path=settings.directory / PIPPER_TOML, manifest=Manifest())
    manifest = replace(asking(here.manifest, roots), build_allow=_allowed(builds))
    asked = replace(here, manifest=manifest)
    # Without a project nobody says which names are private.
    sources = open_sources(settings, asked, old=None, use_index=project is not None or source == INDEX)
    router = sources.router.over(_Unmirrored) if source == INDEX else sources.router
    target = interpreter_at_hand(settings, project.root if project else None, Place()).target
    options = LockOptions(as_of=as_of(manifest), asks=BY_COMMAND)
    environments = goals(manifest, None, target, usual_platforms=False)
    can_build = builds is not None
    request = solve_request(manifest, environments[0].target, options, unmanaged={}, can_build=can_build)
    preferred = preferred_versions(manifest, None, {}, options)
    cache = open_cache(settings)
    with cache.in_use():
        if builds:
            router = Sdists(sources.indexes, builds.builder, cache, offline=False).over(router)
        solutions = resolve(request, preferred, environments, router, settings.reporter)
    chosen: dict[tuple[NormalizedName, Version], set[str]] = {}
    left: set[NormalizedName] = set()
    for resolution in solutions.resolutions.values():
        for pin in resolution.pins:
            if _comes_from(pin.source, source, sources):
                files = {file.locked.sha256 for file in pin.files}
                chosen.setdefault((pin.name, pin.version), set()).update(files)
            else:
                left.add(pin.name)
    tell_left_out(settings, left)
    return _of_solution(chosen)


def tell_left_out(settings: Settings, names: Iterable[NormalizedName]) -> None:
    """Say which packages are not copied."""
    if left := sorted(names):
        settings.reporter.info(f"not copied, because they come from another source: {', '.join(left)}")


def _allowed(builds: SdistBuilds | None) -> bool | tuple[NormalizedName, ...]:
    allowed = builds.allowed if builds else False
    return allowed if isinstance(allowed, bool) else tuple(sorted(allowed))


def _comes_from(alias: str, source: str, sources: Sources) -> bool:
    if {source, alias} & {INDEX, PATH, *sources.indexes}:
        return source == alias
    return alias == source or len(sources.repositories) == 1


def _of_solution(chosen: Mapping[tuple[NormalizedName, Version], set[str]]) -> list[Wanted]:
    return [
        Wanted(
            name=name,
            specifier=read_specifiers(f"=={version}"),
            hashes=None if "" in hashes else frozenset(hashes),
        )
        for (name, version), hashes in sorted(chosen.items())
    ]
