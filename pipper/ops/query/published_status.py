"""`info`, `outdated`: compare installed or locked packages with published ones, without a change."""

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from pipper.core.lock.graph import graph_of, reached
from pipper.core.lock.model import Pin
from pipper.core.plan import Installed
from pipper.core.ports import ReleaseMetadata
from pipper.core.standards import read_version
from pipper.errors import NoSolutionError, UsageError
from pipper.ops.context.project import Project, load_lock
from pipper.ops.context.settings import Place, Settings
from pipper.ops.lock.options import as_of
from pipper.ops.query.installed import find_environment
from pipper.ops.query.limits import limits_of
from pipper.ops.query.locked import project_name
from pipper.ops.query.published_versions import Publications, PublishedVersion, open_publications
from pipper.ops.query.scope import find_lock, find_scope
from pipper.python.environment import Environment, installed
from pipper.system.parallel import in_parallel

Status = Literal["missing", "installed", "behind", "ahead", "current"]
"""`installed` with `--local`, which does not read what is published."""


class PackageInfo(Struct, frozen=True, kw_only=True):
    """The installed and the published versions of a package."""

    name: NormalizedName
    environment: Environment
    installed: Installed | None
    status: Status
    versions: tuple[PublishedVersion, ...] = ()
    """Published versions, newest first; empty with `--local`."""
    newest: PublishedVersion | None = None
    needs: ReleaseMetadata | None = None
    """The metadata of the newest version."""
    location: str = ""
    """The URL of the source; empty for the index, and with `--local`."""


class Outdated(Struct, frozen=True, kw_only=True):
    """A locked package with a newer published version."""

    name: NormalizedName
    locked: str
    newest: Version
    allowed: Version | None
    """The newest that the manifest, with its limits, and the packages that require it allow; None if none is."""
    source: str


def package_info(settings: Settings, text: str, place: Place, *, local: bool) -> PackageInfo:
    """Return the installed and, unless `local`, the published versions of a package.

    Raises NoSolutionError if no source has the name, UsageError unless `local` for a member of the project.
    """
    name = project_name(text)
    if local:
        environment = find_environment(settings, place)
        here = _find(environment, name)
        status: Status = "installed" if here else "missing"
        return PackageInfo(name=name, environment=environment, installed=here, status=status)
    scope = find_scope(settings, place)
    here = _find(scope.environment, name)
    _refuse_member(name, scope.project)
    lock = load_lock(scope.project.lock_path) if scope.project else None
    sources = open_publications(settings, scope.project, lock, scope.environment.interpreter.target)
    versions = sources.versions(name)
    if not versions:
        raise NoSolutionError(
            f"no source has a package `{name}`",
            cause=sources.searched(name),
            hint=f"run `pipper info --local {name}` for the installed {here.version}"
            if here
            else "check the spelling, or name another repository with -b",
        )
    newest = sources.newest(name, versions)
    return PackageInfo(
        name=name,
        environment=scope.environment,
        installed=here,
        status=_status(here, newest),
        versions=versions,
        newest=newest,
        needs=sources.metadata(newest) if newest else None,
        location=sources.locations.get(versions[0].release.source, ""),
    )


def _refuse_member(name: NormalizedName, project: Project | None) -> None:
    """Raise UsageError for a member: no source is asked what is published under its name."""
    for member in project.manifest.members if project else ():
        if member.name == name:
            raise UsageError(
                f"`{name}` is a member: it is installed from its directory, `{member.path}`",
                cause="no source is asked what is published under the name of a member",
                hint=f"run `pipper info --local {name}` for the installed version",
            )


def outdated(settings: Settings, place: Place) -> tuple[Outdated, ...]:
    """Return the locked packages with newer published versions that fit the environment, by name.

    Warns of packages that no source has any more.
    """
    scope = find_lock(settings, place)
    part, graph = scope.part, graph_of(scope.lock, scope.part)
    sources = open_publications(settings, scope.project, scope.lock, part.target)
    pins = sorted(pin for pin in part.pins if not pin.path)  # members are not published
    sources.prefetch(pin.name for pin in pins)
    published = {pin: sources.versions(pin.name) for pin in pins}
    newer: dict[Pin, PublishedVersion] = {}
    for pin in pins:
        newest = sources.newest(pin.name, _fitting(published[pin]))
        if newest is None:
            settings.reporter.warning(f"{pin.name} is not published any more: {sources.searched(pin.name)}")
        elif newest.version > read_version(pin.version):
            newer[pin] = newest
    above = {each: published[each] for each in reached(graph.parents, newer) if each in published}
    limits = limits_of(scope.lock.inputs, graph, _needs(sources, above), part.target)
    moment = as_of(scope.project.manifest)
    return tuple(
        Outdated(
            name=pin.name,
            locked=pin.version,
            newest=newest.version,
            allowed=allowed.version if allowed else None,
            source=newest.release.source,
        )
        for pin, newest in newer.items()
        for choice in [published[pin] if moment is None else sources.versions(pin.name, as_of=moment)]
        for allowed in [sources.newest(pin.name, _fitting(choice), limits.get(pin.name))]
    )


def _fitting(versions: Iterable[PublishedVersion]) -> list[PublishedVersion]:
    return [one for one in versions if not one.unfit]


def _needs(
    sources: Publications, published: Mapping[Pin, tuple[PublishedVersion, ...]]
) -> Mapping[Pin, tuple[Requirement, ...]]:
    """Return the requirements of these locked packages, read in parallel; none if one is not published any more."""
    here = [
        (pin, one)
        for pin, versions in published.items()
        for one in versions
        if str(one.version) == pin.version
    ]
    read = in_parallel(lambda each: sources.metadata(each[1]), here)
    return {pin: needs.requires_dist for (pin, _), needs in zip(here, read, strict=True)}


def _find(environment: Environment, name: NormalizedName) -> Installed | None:
    return next((each for each in installed(environment) if each.name == name), None)


def _status(here: Installed | None, newest: PublishedVersion | None) -> Status:
    if here is None:
        return "missing"
    if newest is None:
        return "ahead"
    try:
        version = read_version(here.version)
    except InvalidVersion:
        return "behind"  # a version from before PEP 440
    if version == newest.version:
        return "current"
    return "behind" if version < newest.version else "ahead"
