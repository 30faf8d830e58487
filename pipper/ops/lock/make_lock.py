"""From a manifest and an old lock to a new lock, in memory: what `lock`, `install` and their like share."""

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.lock.model import Lock
from pipper.core.manifest.model import INDEX, Manifest
from pipper.core.ports import Reporter
from pipper.core.target import Target
from pipper.ops.context.environments import open_cache
from pipper.ops.context.open_index import complete_files, open_index
from pipper.ops.context.open_repositories import by_alias, declared_repositories, open_repositories
from pipper.ops.context.settings import Settings
from pipper.ops.lock.assemble import assemble
from pipper.ops.lock.bundles import with_hashes
from pipper.ops.lock.resolve import Solutions, Wishes, resolve
from pipper.ops.lock.targets import goals
from pipper.solve.request import Resolution
from pipper.solve.router import SourceRouter
from pipper.system.parallel import spread


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTask:
    """Everything a new lock follows from, but what the repositories hold."""

    manifest: Manifest
    root: Path
    """The folder that relative `file:` repositories count from."""
    at_hand: Target
    """The environment to lock for where the old lock has none that serves it."""
    old: Lock | None = None
    upgrade: bool = False
    """Prefer nothing that is locked or installed."""
    upgrade_packages: frozenset[NormalizedName] = frozenset()
    installed: Mapping[NormalizedName, Version] = field(default_factory=dict)
    """Preferred after what is locked."""
    foreign: Mapping[str, tuple[Requirement, ...]] = field(default_factory=dict)
    """What stands in the environment, is not ours and limits the solve: what it requires, by `NAME VERSION`."""
    elsewhere: bool = False
    """Lock for the usual platforms too, where they have a solution."""
    as_of: datetime | None = None
    """Aware; in place of what the manifest says."""
    lowest_direct: bool = False
    """Choose the oldest fitting versions of what the manifest asks for itself."""
    offline: bool = False
    """Ask the index for nothing: what is remembered of it is all there is."""


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Look for garbage seldom: a lock makes a million objects that all live to its end (a quarter of its time)."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@_rare_collections()
def make_lock(settings: Settings, task: LockTask) -> Lock:
    """Solve for every environment the lock is for; writes nothing but the cache.

    Raises NoSolutionError, UsageError and what repositories and the index raise.
    """
    manifest = task.manifest
    declared = declared_repositories(manifest, task.old)
    repositories = open_repositories(settings, declared, base=task.root)
    wanted = goals(manifest, task.old, task.at_hand, elsewhere=task.elsewhere)
    index = open_index(settings, manifest, root=task.root, offline=task.offline) if manifest.index else None
    router = SourceRouter(
        [*repositories, index] if index else repositories,
        pinned=manifest.sources,
        locked_private=_private_names(task.old),
        spread=spread,
    )
    solutions = resolve(_wishes(task), wanted, router, settings.reporter)
    _tell(solutions, settings.reporter)
    urls = {repository.alias: repository.url for repository in repositories}
    lock = assemble(manifest.inputs(), urls, solutions)
    cache = open_cache(settings)
    lock = complete_files(lock, index, cache, settings.reporter) if index else lock
    lock = with_hashes(lock, by_alias(repositories), cache, settings.reporter)
    lock.check()
    return lock


def _wishes(task: LockTask) -> Wishes:
    return Wishes(
        manifest=task.manifest,
        old=task.old,
        upgrade=task.upgrade,
        upgrade_packages=task.upgrade_packages,
        installed=task.installed,
        foreign=task.foreign,
        as_of=task.as_of or _as_of(task.manifest),
        lowest_direct=task.lowest_direct,
    )


def _as_of(manifest: Manifest) -> datetime | None:
    """The time that is taken for now: what is younger than the cool-down is not there yet."""
    if not manifest.cool_down:
        return manifest.as_of
    cooled = datetime.now(UTC) - manifest.cool_down
    return min(cooled, manifest.as_of) if manifest.as_of else cooled


def _tell(solutions: Solutions, reporter: Reporter) -> None:
    for target, reason in solutions.failures.items():
        reporter.warning(f"no solution for {target.name}: {reason.splitlines()[0]}")
    _tell_of_yanked(solutions.resolutions.values(), reporter)


def _tell_of_yanked(resolutions: Iterable[Resolution], reporter: Reporter) -> None:
    told = set()
    for resolution in resolutions:
        for pin in resolution.pins:
            reasons = [file.yanked for file in pin.files if file.yanked is not None]
            if len(reasons) == len(pin.files):
                told.add(f"{pin.name} {pin.version} is yanked" + (f": {reasons[0]}" if reasons[0] else ""))
    for text in sorted(told):
        reporter.warning(text)


def _private_names(old: Lock | None) -> frozenset[NormalizedName]:
    if old is None:
        return frozenset()
    return frozenset(package.name for package in old.packages if package.source != INDEX)
