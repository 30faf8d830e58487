"""`download`: save the wheels of a lock in a folder, for hosts without a network or without pipper."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.pylock import Pylock

from pipper.cache.cache import Cache
from pipper.core.lock.model import Lock, LockedEnvironment
from pipper.core.lock.pylock import every_wheel
from pipper.core.lock.selection import Selection, chosen_part, select
from pipper.core.plan import Wanted
from pipper.errors import MachineError, UsageError
from pipper.http.client import Web
from pipper.ops.build.environments import locked_builds
from pipper.ops.build.from_lock import with_tools
from pipper.ops.build.saved_wheels import SUFFIX, note_of
from pipper.ops.context.environments import interpreter_at_hand, open_cache, part_for
from pipper.ops.context.find_manifest import refuse_leading_out
from pipper.ops.context.interpreters import ANY
from pipper.ops.context.project import Goal
from pipper.ops.context.settings import Place, Settings
from pipper.ops.lock.bundles import require_cached
from pipper.ops.lock.read_any import goal_of, refuse_expired
from pipper.ops.share.inputs import InputOptions, ReadInput, read_input
from pipper.ops.share.members import MemberChoice, file_of, without_members
from pipper.ops.sync.fetch import Origins, fetch_files, origins_of
from pipper.ops.sync.fetch_url import fetch_urls
from pipper.ops.sync.wheel_checks import require_locked_needs
from pipper.python.interpreter import Interpreter
from pipper.system.files import pieces, read_bytes, replacing, scratch_folder, sha256_of_file, write_bytes
from pipper.system.os_errors import os_errors
from pipper.wheels.bundle import read_bundle, write_bundle
from pipper.wheels.name import parse_wheel_name


class DownloadRequest(Struct, frozen=True, kw_only=True):
    """Arguments of `download`."""

    directory: Path
    input: InputOptions = field(default_factory=InputOptions)
    selection: Selection = field(default_factory=Selection)
    members: MemberChoice = field(default_factory=MemberChoice)
    bundles: bool = False
    """Also save a bundle (`.pipper`) of each wheel."""
    extract: bool = False
    """Also save the `package.meta` of each as `WHEEL.meta.json`, as 0.x does."""
    all_environments: bool = False
    """Save wheels for every environment of the lock, not only for the one at hand."""
    build: bool = False
    """Build source distributions, and save the wheels in their place."""


class Saved(Struct, frozen=True, kw_only=True):
    """A file in the folder."""

    path: Path
    new: bool
    """False if the file already had the same bytes."""


class _Chosen(Struct, frozen=True, kw_only=True):
    """The files to save."""

    wanted: tuple[Wanted, ...] = ()
    notes: Mapping[str, bytes] = field(default_factory=dict)
    """By the sha256 of a wheel that was built: what is saved beside it."""


def download(settings: Settings, request: DownloadRequest) -> tuple[Saved, ...]:
    """Save every wheel, and the other requested files, in the folder; return them.

    Each file is verified and replaced atomically. Raises what `read_input`, `select`, `fetch_files` and
    `LockedBuilds.wheels` raise, UsageError if builds for all environments are requested, MachineError if the folder
    cannot be written or a link leads it out of the project.
    """
    asked = read_input(settings, request.input)
    cache = open_cache(settings)
    with cache.in_use():
        chosen = _chosen(settings, asked, request)
        wanted = {want.file.sha256: want for want in chosen.wanted}
        if isinstance(asked.lock, Lock):
            origins = origins_of(settings, asked.lock, asked.project)
        else:
            origins = Origins(web=Web(settings.environ))
        fetch_files(
            list(wanted.values()),
            origins,
            cache,
            settings.reporter,
            bundles=request.bundles or request.extract,
        )
        wanted |= {want.file.sha256: want for want in fetch_urls(asked.urls, origins.web, cache)}
        chosen = replace(chosen, wanted=tuple(wanted.values()))
        return _save_all(settings, request, chosen, cache)


def _chosen(settings: Settings, asked: ReadInput, request: DownloadRequest) -> _Chosen:
    label = asked.path.name
    if request.build and request.all_environments:
        raise UsageError(
            "--build and --all-environments cannot be combined",
            cause="a build is for the current Python",
            hint="run `pipper download --build` on each kind of machine, into the same directory",
        )
    if asked.lock is None:
        return _Chosen()
    if isinstance(asked.lock, Pylock) and request.all_environments:
        return _Chosen(wanted=every_wheel(asked.lock, base=asked.path.parent.absolute(), label=label))
    project = asked.project
    root, pythons = (project.root, project.pythons) if project else (None, ANY)
    interpreter = interpreter_at_hand(settings, root, Place(), pythons)
    goal = goal_of(asked.lock, interpreter.target, request.selection, path=asked.path, project=project)
    lock = without_members(settings, goal.lock, project, goal.selection, request.members).lock
    refuse_expired(lock, label=label, now=datetime.now(UTC))
    if request.all_environments:
        parts = tuple(part for part in lock.environments if not part.failure)
    else:
        parts = (part_for(lock, interpreter, label=label),)
    wanted = [want for part in parts for want in select(lock, part, goal.selection)]
    if not request.build or not any(want.build for want in wanted):
        return _Chosen(wanted=with_tools(wanted))
    goal = Goal(lock=lock, selection=goal.selection, project=project)
    return _with_wheels(settings, goal, parts[0], wanted, interpreter)


def _with_wheels(
    settings: Settings,
    goal: Goal,
    part: LockedEnvironment,
    wanted: Sequence[Wanted],
    interpreter: Interpreter,
) -> _Chosen:
    """Return these files with the wheels of source distributions in their place, built and in the cache."""
    cache = open_cache(settings)
    part = chosen_part(goal.lock, part, goal.selection)
    builds = locked_builds(settings, goal, part, interpreter=interpreter, cache=cache, allowed=True)
    sdists = [want for want in wanted if want.build]
    wheels = builds.wheels(sdists, lambda: origins_of(settings, goal.lock, goal.project))
    require_locked_needs(goal.lock, part, sdists, wheels)
    return _Chosen(
        wanted=tuple(
            replace(want, file=file_of(wheels[want.file.sha256], cache), build="", tools=())
            if want.build
            else want
            for want in wanted
        ),
        notes={wheel.sha256: note_of(want, wheel) for want in sdists for wheel in [wheels[want.file.sha256]]},
    )


def _save_all(
    settings: Settings, request: DownloadRequest, chosen: _Chosen, cache: Cache
) -> tuple[Saved, ...]:
    directory = settings.directory / request.directory
    refuse_leading_out(directory, settings.directory)
    with os_errors("make", directory):
        directory.mkdir(parents=True, exist_ok=True)
    saved: list[Saved] = []
    with settings.reporter.task("Saving", total=len(chosen.wanted)) as task:
        for want in sorted(chosen.wanted, key=lambda each: each.filename):
            saved += _save(want, directory, cache, request)
            if note := chosen.notes.get(want.file.sha256):
                saved.append(_written(directory / f"{want.filename}{SUFFIX}", note))
            task.advance()
    return tuple(saved)


def _save(want: Wanted, directory: Path, cache: Cache, request: DownloadRequest) -> Iterator[Saved]:
    if not want.build:
        parse_wheel_name(want.filename)  # the name is from a lock of another tool, and becomes a path
    wheel = require_cached(want.file.sha256, want.filename, cache)
    yield _place(wheel, directory / want.filename, want.file.sha256)
    if want.build or not (request.bundles or request.extract):
        return
    with _bundle(want, wheel, cache) as path:
        bundle = read_bundle(path)
        if request.bundles:
            yield _place(path, directory / f"{bundle.name}-{bundle.version}.pipper", sha256_of_file(path))
        if request.extract:
            yield _written(directory / f"{want.filename}.meta.json", bundle.raw)


def _written(path: Path, data: bytes) -> Saved:
    new = read_bytes(path) != data
    if new:
        write_bytes(path, data)
    return Saved(path=path, new=new)


@contextlib.contextmanager
def _bundle(want: Wanted, wheel: Path, cache: Cache) -> Iterator[Path]:
    """Yield the published bundle if the lock has one, else one made from the wheel."""
    if want.file.bundle is not None:
        yield require_cached(want.file.bundle.sha256, f"the bundle of {want.filename}", cache)
        return
    with scratch_folder() as directory:
        yield write_bundle(wheel, filename=want.filename, output=directory, limits=cache.limits)


def _place(source: Path, target: Path, sha256: str) -> Saved:
    """Copy and hash a cached file; with a link, an edit of the copy would change the cache."""
    with os_errors("read", source):
        needed = source.stat().st_size
    with os_errors("write", target, needed=needed):
        if target.is_file() and sha256_of_file(target) == sha256:
            return Saved(path=target, new=False)
        with source.open("rb") as reading, replacing(target) as writing:
            # Hashed again, since a file of the cache may have changed after it was added.
            digest = hashlib.sha256()
            for piece in pieces(reading, source):
                digest.update(piece)
                writing.write(piece)
            if digest.hexdigest() != sha256:
                raise MachineError(
                    f"the cached file {source} is damaged",
                    hint="run `pipper cache clean`, then the same command again",
                )
    return Saved(path=target, new=True)
