"""Decide without a request whether a lock is up to date: then `lock` leaves it as it is and asks no source.

Covers all that a solve starts from: the inputs of the manifest, the options, the environments that this machine
wants, and the URLs of the repositories that locked packages came from. What sources hold is not asked.
"""

from pipper.core.lock.model import Lock, LockedEnvironment
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.model import Manifest
from pipper.core.target import Target
from pipper.ops.context.declared_repositories import declared_repositories, named_for
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Settings
from pipper.ops.lock.options import LockOptions
from pipper.ops.lock.targets import Goal, goals
from pipper.repository.access import choose_repositories


def manifest_difference(lock: Lock, manifest: Manifest) -> str:
    """Return the first difference between the inputs of a lock and a manifest, empty if there is none."""
    return lock.inputs.difference(manifest.inputs())


def is_up_to_date(
    settings: Settings, project: Project, options: LockOptions, lock: Lock, data: bytes, target: Target
) -> bool:
    """Return whether `lock`, read from `data`, already is what a solve with these arguments would begin with.

    `target` is the interpreter at hand. A file that was edited or written by an older pipper is not up to date, nor
    is a lock with bundles: `repository repair` may have unpacked them since. Raises what `goals` and `named_for`
    raise.
    """
    plain = LockOptions(usual_platforms=options.usual_platforms, offline=options.offline)
    if options != plain or manifest_difference(lock, project.manifest):
        return False
    wanted = goals(project.manifest, lock, target, usual_platforms=options.usual_platforms)
    return (
        _has_environments(lock, wanted)
        and _has_repositories(settings, project.manifest, lock)
        and lock.expires_at is None
        and not any(file.bundle for package in lock.packages for file in package.wheels)
        and dump_lock(lock).encode() == data
    )


def _has_environments(lock: Lock, wanted: list[Goal]) -> bool:
    """Return whether the lock has exactly the environments that are wanted, the required ones with a solution."""
    locked = {each.target.name: each for each in lock.environments}
    return len(wanted) == len(lock.environments) and all(
        (each := locked.get(goal.target.name)) is not None and _serves(each, goal) for goal in wanted
    )


def _serves(locked: LockedEnvironment, goal: Goal) -> bool:
    if locked.failure and goal.required:
        return False
    return goal.target.reduced_to(locked.conditions) == locked.target


def _has_repositories(settings: Settings, manifest: Manifest, lock: Lock) -> bool:
    """Return whether the repositories to read are those that the lock was made from.

    The manifest's aliases are among the inputs. All others must be in the lock, because one that it does not
    mention may hold a name that was locked from elsewhere.
    """
    options = settings.repositories
    declared = declared_repositories(manifest, lock)
    entries = choose_repositories(options, declared, named_for(settings, declared))
    urls = {entry.alias: entry.url for entry in entries}
    used = {package.source for package in lock.private}
    if options.endpoint_url or not used <= urls.keys():
        return False
    if manifest.repositories and not (options.bucket or options.repository):
        urls = {alias: url for alias, url in urls.items() if alias in used}
    return urls == lock.repositories
