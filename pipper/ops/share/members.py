"""Members in what other hosts get: their folders cannot travel, but wheels that are built from them can."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from pipper.cache.cache import Cache
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.lock.model import Lock, LockedFile, LockedPackage, Pin
from pipper.core.lock.selection import Selection, select_members
from pipper.core.manifest.members import ITSELF
from pipper.core.wording import quoted
from pipper.errors import UsageError
from pipper.ops.context.environments import interpreter_at_hand, open_cache
from pipper.ops.context.project import Goal, Project
from pipper.ops.context.settings import Place, Settings
from pipper.ops.lock.bundles import require_cached
from pipper.python.environment import environment_of
from pipper.system.files import replacing
from pipper.system.os_errors import os_errors


class MemberChoice(Struct, frozen=True, kw_only=True):
    """What a command does with members."""

    build: bool = False
    """Build them, and carry the wheels."""
    no_project: bool = False
    """Leave out the project itself."""
    has_place: bool = True
    """Whether they have a folder, and a file in it that names them: else nothing is built."""


class Portable(Struct, frozen=True, kw_only=True):
    """A lock without members."""

    lock: Lock
    wheels: tuple[LockedFile, ...] = ()
    """The wheels that were built, which are in the cache; the lock has them with the URL of their place there."""


def without_members(
    settings: Settings, lock: Lock, project: Project | None, selection: Selection | None, choice: MemberChoice
) -> Portable:
    """Return the lock with the wheels of the selected members in their place, or of all without a selection.

    The caller is within `Cache.in_use`. Raises UsageError, naming them, if they are not to be built, and what
    `MemberBuilds.wheels` raises.
    """
    lock = _without_project(lock) if choice.no_project else lock
    parts = [part for part in lock.environments if not part.failure]
    chosen = (
        lock.members
        if selection is None
        else (each for part in parts for each in select_members(lock, part, selection))
    )
    members = {each.name: each for each in chosen}
    if not members:
        return Portable(lock=lock)
    if not choice.build or project is None:
        itself = any(each.path == ITSELF for each in members.values())
        raise UsageError(
            f"{quoted(f'{each.name} ({each.path})' for each in members.values())} cannot be exported",
            cause="members are installed from their directories, which another host does not have",
            hint=f"--build-members {'' if choice.has_place else 'with -o pylock.toml '}"
            "builds them and includes the wheels; or publish them"
            + (", or leave out the project itself with --no-project" if itself else ""),
        )
    if not choice.has_place:
        raise _no_place()
    built = _built(settings, lock, project, members.values())
    return Portable(
        lock=_with_wheels(lock, built),
        wheels=tuple(wheel for each in built.values() for wheel in each.wheels),
    )


def _built(
    settings: Settings, lock: Lock, project: Project, members: Iterable[LockedPackage]
) -> Mapping[str, LockedPackage]:
    """Return the packages of these members by name, with their wheels for the interpreter at hand."""
    # Imported here: only members that are carried are built.
    from pipper.ops.build.environments import member_builds  # noqa: PLC0415 - see above
    from pipper.ops.sync.members import MemberOptions, member_wants  # noqa: PLC0415 - see above

    cache = open_cache(settings)
    interpreter = interpreter_at_hand(settings, project.root, Place(), project.pythons)
    environment = environment_of(interpreter)
    members = tuple(members)
    wanted = member_wants(
        members, project, environment, MemberOptions(no_editable=True), label=project.lock_path.name
    )
    goal = Goal(lock=lock, selection=Selection(), project=project)
    builds = member_builds(settings, goal, interpreter=interpreter, cache=cache, allowed=True, offline=False)
    wheels = builds.wheels(wanted)
    found: dict[str, LockedPackage] = {}
    for member, want in zip(members, wanted, strict=True):
        wheel = wheels[want.file.sha256]
        found[member.name] = replace(
            member, version=wheel.version, path="", editable=False, wheels=(file_of(wheel, cache),)
        )
    return found


def file_of(wheel: UnpackedWheel, cache: Cache) -> LockedFile:
    """Return a wheel that was built as a file of a lock, with the URL of its place in the cache."""
    path = require_cached(wheel.sha256, wheel.filename, cache)
    with os_errors("read", path):
        size = path.stat().st_size
    return LockedFile(sha256=wheel.sha256, size=size, url=path.absolute().as_uri(), wheel=wheel.filename)


def _without_project(lock: Lock) -> Lock:
    return _changed(lock, {each.pin: None for each in lock.members if each.path == ITSELF})


def _with_wheels(lock: Lock, built: Mapping[str, LockedPackage]) -> Lock:
    return _changed(lock, {each.pin: built.get(each.name, each) for each in lock.members})


def _changed(lock: Lock, packages: Mapping[Pin, LockedPackage | None]) -> Lock:
    """Return the lock with other packages in the place of these, or with none."""

    def pins(listed: Iterable[Pin]) -> tuple[Pin, ...]:
        found = (packages[pin] if pin in packages else lock.by_pin[pin] for pin in listed)
        return tuple(package.pin for package in found if package is not None)

    return replace(
        lock,
        environments=tuple(
            replace(
                each,
                packages=pins(each.packages),
                groups={name: pins(listed) for name, listed in each.groups.items()},
                extras={name: pins(listed) for name, listed in each.extras.items()},
            )
            for each in lock.environments
        ),
        packages=tuple(
            package for each in lock.packages if (package := packages.get(each.pin, each)) is not None
        ),
    )


def save_wheels(wheels: Iterable[LockedFile], folder: Path, cache: Cache) -> None:
    """Copy these wheels from the cache into a folder; raises MachineError."""
    for wheel in wheels:
        source = require_cached(wheel.sha256, wheel.filename, cache)
        target = folder / wheel.filename
        with os_errors("write", target), source.open("rb") as reading, replacing(target) as writing:
            shutil.copyfileobj(reading, writing)


def _no_place() -> UsageError:
    return UsageError(
        "--build-members needs -o FILE, which the wheels of members lie beside",
        cause="that file names them by their paths, as pylock.toml does; a lock in pipper's own format cannot",
        hint="give -o pylock.toml, or publish the members",
    )
