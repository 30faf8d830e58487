"""Make a new lock in memory from a manifest and an old lock, for `lock`, `install` and similar commands."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from pipper.build.backend import Builder
from pipper.cache.cache import Cache
from pipper.core.lock.consistency import check_consistency
from pipper.core.lock.diff import replaced_files
from pipper.core.lock.model import Lock, LockedFile, LockedPackage
from pipper.core.manifest.members import ITSELF
from pipper.core.manifest.requirement import name_of, parse_requirement
from pipper.core.plan import Installed
from pipper.core.reads import ReadLog
from pipper.core.reporter import Reporter
from pipper.core.standards import read_version
from pipper.core.target import Target
from pipper.errors import IntegrityError, NoSolutionError
from pipper.ops.context.environments import open_cache
from pipper.ops.context.open_repositories import by_alias
from pipper.ops.context.open_sources import Sources, open_sources
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Settings
from pipper.ops.context.surroundings import is_of_environment
from pipper.ops.lock.assemble import assemble
from pipper.ops.lock.bundles import with_completed, with_hashes
from pipper.ops.lock.foreign_pins import foreign_pins
from pipper.ops.lock.options import LockOptions, as_of
from pipper.ops.lock.own_name import is_required, without_own_name
from pipper.ops.lock.preferred import preferred_versions
from pipper.ops.lock.resolve import Solutions, resolve, solve_request
from pipper.ops.lock.targets import Goal, failed_parts, goals, no_solution
from pipper.ops.lock.unmanaged import unmanaged_requirements

if TYPE_CHECKING:
    from pipper.index.source import IndexSource


def make_lock(
    settings: Settings,
    project: Project,
    target: Target,
    options: LockOptions,
    *,
    old: Lock | None = None,
    installed: Sequence[Installed] = (),
    builder: Builder | None = None,
    log: ReadLog | None = None,
) -> Lock:
    """Solve for every environment of the lock; write only to the cache.

    `target` is always among them. `installed` are the distributions of an environment that is its own
    project: their versions are preferred after locked ones, and unmanaged ones limit the solve. Without a
    `builder`, only wheels count. The reads of the sources are noted in `log`. Raises NoSolutionError, UsageError,
    IntegrityError if a source has other bytes for a version in `old` that is not to be upgraded, what repositories and
    the index raise, and what builds raise.
    """
    sources = open_sources(settings, project, old=old, offline=options.offline, log=log)
    wanted = goals(project.manifest, old, target, usual_platforms=options.usual_platforms)
    basis = LockBasis(old=old, installed=tuple(installed), builder=builder)
    lock = lock_for_goals(settings, project, sources, wanted, options, basis)
    for warning in failed_parts(lock.environments):
        settings.reporter.warning(warning)
    return lock


class LockBasis(Struct, frozen=True, kw_only=True):
    """What a new lock starts from, besides the manifest."""

    old: Lock | None = None
    installed: tuple[Installed, ...] = ()
    builder: Builder | None = None
    of_build: bool = False
    """Whether the lock is of a build environment, which gets no members."""
    beside: tuple[Target, ...] = ()
    """The targets of all environments of the lock that this one becomes part of; empty for a lock of its own."""


def lock_for_goals(
    settings: Settings,
    project: Project,
    sources: Sources,
    wanted: Sequence[Goal],
    options: LockOptions,
    basis: LockBasis,
) -> Lock:
    """Solve for these environments from open sources; see `make_lock`."""
    manifest, old, cache = project.manifest, basis.old, open_cache(settings)
    if basis.builder and not basis.of_build and any(not each.version for each in manifest.members):
        from pipper.ops.lock.member_questions import MemberQuestions  # noqa: PLC0415 - few projects need it

        sources.members.complete(MemberQuestions(project.root, basis.builder, cache).answered)
    options = replace(options, as_of=options.as_of or as_of(manifest))
    sdists = None
    if sources.indexes and basis.builder:
        from pipper.ops.lock.sdists import Sdists  # noqa: PLC0415 - repositories have wheels alone

        sdists = Sdists(sources.indexes, basis.builder, cache, offline=options.offline)
    bare = sdists.over(sources.router) if sdists else sources.router
    # As a member it is a candidate like others.
    own = NormalizedName("") if any(each.path == ITSELF for each in manifest.members) else manifest.name
    router = without_own_name(bare, own)
    unmanaged = unmanaged_requirements(basis.installed)
    request = solve_request(
        manifest, wanted[0].target, options, old=old, unmanaged=unmanaged, can_build=sdists is not None
    )
    beside = basis.beside or tuple(goal.target for goal in wanted)
    request = replace(request, beside=beside)
    known = _versions(basis.installed)
    if old is None and not known and not options.upgrade:
        known = dict(foreign_pins(project.root, settings.reporter))
    preferred = preferred_versions(manifest, old, known, options)
    with settings.reporter.task("Resolving", total=None):
        solutions = resolve(request, preferred, wanted, router, settings.reporter, options.required_groups)
    _warn(solutions, settings.reporter)
    urls = {repository.alias: repository.url for repository in sources.repositories}
    names_us = is_required(own, solutions.resolutions.values(), bare)
    inputs = replace(manifest.inputs(), name=manifest.name if names_us else "")
    lock = assemble(inputs, urls, solutions)
    lock = lock.with_files(sdists.completed) if sdists else lock
    lock = _complete_files(lock, sources.indexes, cache, settings.reporter) if sources.indexes else lock
    lock = with_hashes(lock, by_alias(sources.repositories), cache, settings.reporter)
    if sdists and basis.builder:
        from pipper.ops.lock.build_tools import with_build_tools  # noqa: PLC0415 - as above

        lock = with_build_tools(lock, wanted, sdists, basis.builder.environments, beside)
        _warn_of_builds(lock, solutions, settings.reporter)
    check_consistency(lock)
    _keep_private_names(old, lock)
    _require_same_bytes(project, options, old, lock)
    return lock


def _keep_private_names(old: Lock | None, new: Lock) -> None:
    """Raise NoSolutionError if a group or extra without a solution may need packages that `old` took from a repository.

    Without them the lock would no longer know that these names are private, and the next one would ask the index.
    """
    locked = {package.name for package in new.packages}
    lost = {package.name for package in ((*old.private, *old.members) if old else ())} - locked
    for each in new.environments if lost else ():
        for kind, reasons in (("groups", each.failed_groups), ("extras", each.failed_extras)):
            for part, reason in reasons.items():
                closures = (getattr(one, kind).get(part, ()) for one in (old.environments if old else ()))
                needed = {pin.name for closure in closures for pin in closure}
                needed |= {name_of(parse_requirement(text)) for text in getattr(new.inputs, kind)[part]}
                if found := sorted(name for name in lost if name in needed or f"`{name}`" in reason):
                    raise _would_forget(f"the {kind[:-1]} `{part}`", reason, found)


def _would_forget(part: str, reason: str, lost: Sequence[str]) -> NoSolutionError:
    """Return the error for a part without a solution, whose private packages `lost` a lock without it would forget."""
    message, _, cause = reason.partition("\n")
    blamed = [name for name in lost if f"`{name}`" in reason]
    forgotten = f"a lock without `{lost[0]}` would not know that the name is private"
    hint = f"loosen what conflicts, or remove {part}: {forgotten}"
    if blamed:
        hint = f"publish `{blamed[0]}` again, or remove what requires it from the manifest"
    return NoSolutionError(f"no solution for {part}: {message}", cause=cause, hint=hint)


def _require_same_bytes(project: Project, options: LockOptions, old: Lock | None, new: Lock) -> None:
    """Raise IntegrityError if a source has other bytes for a locked version, unless its upgrade is asked for."""
    free = options.upgrade_packages | options.replaced
    found = (
        [] if options.upgrade else [each for each in replaced_files(old, new) if each.pin.name not in free]
    )
    if not found:
        return
    first, names = found[0], sorted({each.pin.name for each in found})
    more = f"; {len(found) - 1} more changed too" if len(found) > 1 else ""
    command = f"pipper lock {' '.join(f'-P {name}' for name in names)}"
    if is_of_environment(project.manifest_path):
        command = f"pipper install -u {' '.join(names)}"
    raise IntegrityError(
        f"{first.pin.name} {first.pin.version}: {first.filename} has other bytes than the lock",
        cause=f"its sha256 is {first.after}, the lock has {first.before}{more}",
        hint=f"ask its publisher why it was replaced; `{command}` takes the new bytes",
    )


def _complete_files(
    lock: Lock, indexes: "Mapping[str, IndexSource]", cache: Cache, reporter: Reporter
) -> Lock:
    """Return the lock with the sizes and sha256 that the pages of the indexes lack."""

    def lacks(package: LockedPackage, file: LockedFile) -> bool:
        return package.source in indexes and not (file.sha256 and file.size)

    def measured(package: LockedPackage, file: LockedFile) -> LockedFile:
        return _measured(package, file, indexes[package.source], cache)

    return with_completed(lock, lacks, measured, reporter, "Hashing files of the index")


def _measured(package: LockedPackage, file: LockedFile, index: "IndexSource", cache: Cache) -> LockedFile:
    """Return the file with its size; one without sha256 is fetched into the cache and hashed."""
    address, reader = index.address(package.name, file.filename), index.connection.reader
    if not file.sha256:
        from pipper.ops.lock.index_files import take_file  # noqa: PLC0415 - few indexes have no hashes

        return take_file(file, address, index.page_hash(package.name, file.filename), reader, cache)
    return replace(file, size=reader.size(address))


def _warn(solutions: Solutions, reporter: Reporter) -> None:
    for target, reason in solutions.failures.items():
        reporter.warning(no_solution(target, reason))
    warnings = set()
    for resolution in solutions.resolutions.values():
        for pin in (pin for part in resolution.parts for pin in part.pins):
            reasons = [file.yanked for file in pin.files if file.yanked is not None]
            if len(reasons) == len(pin.files):
                warnings.add(
                    f"{pin.name} {pin.version} is yanked" + (f": {reasons[0]}" if reasons[0] else "")
                )
    for text in sorted(warnings):
        reporter.warning(text)


def _warn_of_builds(lock: Lock, solutions: Solutions, reporter: Reporter) -> None:
    """Warn of each environment that has a solution, but for whose builds there is none."""
    known = {target.name for target in solutions.failures}
    for each in lock.environments:
        if each.failure and each.target.name not in known:
            reporter.warning(no_solution(each.target, each.failure))


def _versions(installed: Iterable[Installed]) -> dict[NormalizedName, Version]:
    found = {}
    for each in installed:
        try:
            found[each.name] = read_version(each.version)
        except InvalidVersion:
            continue  # an unmanaged distribution from before PEP 440; no candidate has its version
    return found
