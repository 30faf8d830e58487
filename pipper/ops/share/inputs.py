"""Inputs of `authorize`, `download` and `export`: requirements, a manifest, a lock, or the project's own lock."""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from packaging.pylock import Pylock
from packaging.requirements import Requirement

from pipper.core.lock.model import Lock
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requested import asking
from pipper.core.manifest.requirement import parse_requirement
from pipper.core.manifest.root_label import BY_COMMAND
from pipper.core.wording import counted
from pipper.errors import UsageError
from pipper.ops.build.environments import project_builder
from pipper.ops.context.environments import interpreter_at_hand
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.input_kind import InputKind, input_kind, not_input
from pipper.ops.context.open_repositories import (
    default_repositories,
    given_repositories,
    require_repository,
)
from pipper.ops.context.project import (
    Project,
    find_project,
    load_lock,
    load_project,
    read_project,
    require_fresh,
)
from pipper.ops.context.project_files import LOCK_NAME, PIPPER_TOML
from pipper.ops.context.settings import Place, Settings
from pipper.ops.context.surroundings import project_beside, with_rules_around
from pipper.ops.lock.make_lock import make_lock
from pipper.ops.lock.options import LockOptions
from pipper.ops.lock.read_any import read_lock
from pipper.system.files import read_bytes, refuse_url
from pipper.wheels.old_manifest import read_pipper_manifest


class InputOptions(Struct, frozen=True, kw_only=True):
    """The input that the command line names; empty for the project's lock, or else for its 0.x manifest."""

    requirements: tuple[str, ...] = ()
    """Or https URLs of wheels and bundles."""
    input_path: Path | None = None
    """A manifest, also one of 0.x, or any lock."""
    lock_path: Path | None = None
    dev: bool = False
    """Use the `dev_dependencies` of a 0.x manifest instead of its `dependencies`."""


class ReadInput(Struct, frozen=True, kw_only=True):
    """The input, read and solved."""

    lock: Lock | Pylock | None
    """None if the input has only URLs."""
    path: Path
    """The path of the lock, for messages and relative paths; of a solved lock, where the project would have it."""
    project: Project | None = None
    urls: tuple[str, ...] = ()
    """May be signed."""


def read_input(settings: Settings, options: InputOptions) -> ReadInput:
    """Read the input; solve requirements and manifests.

    Raises UsageError if there are several inputs, if one cannot be read or if the project's lock is out of date,
    and what `make_lock` raises.
    """
    if sum((bool(options.requirements), options.input_path is not None, options.lock_path is not None)) > 1:
        raise UsageError("requirements, -i and --lock cannot be combined", hint="give only one of them")
    for path in (options.lock_path, options.input_path):
        if path is not None:
            refuse_url(path)
    if options.requirements:
        return _solved(settings, options.requirements)
    if options.lock_path is not None:
        return _of_lock(settings, settings.directory / options.lock_path)
    if options.input_path is not None:
        return _of_input(settings, settings.directory / options.input_path, dev=options.dev)
    if find_manifest(settings.directory) is None and read_pipper_manifest(settings.directory).path:
        return _of_old_manifest(settings, settings.directory, dev=options.dev)
    project = load_project(settings.directory)
    return ReadInput(lock=require_fresh(project), path=project.lock_path, project=project)


def _solved(settings: Settings, texts: Sequence[str], touched: tuple[Project, ...] = ()) -> ReadInput:
    urls = tuple(text for text in texts if text.startswith(("https://", "http://")))
    requirements = [parse_requirement(text) for text in texts if text not in urls]
    project = find_project(settings.directory)
    root = project.root if project else settings.directory
    lock = _lock_of(settings, requirements, project, touched) if requirements else None
    return ReadInput(lock=lock, path=root / LOCK_NAME, project=project, urls=urls)


def _lock_of(
    settings: Settings,
    requirements: Sequence[Requirement],
    project: Project | None,
    touched: tuple[Project, ...],
) -> Lock:
    """Return the lock of a temporary project with `requirements`, for the interpreter at hand.

    The newest versions that fit are chosen. Repositories, sources, index and `prereleases` are those of the
    current project, unless options override them.
    """
    if project is None and not (given_repositories(settings) or default_repositories(settings)):
        require_repository(())  # the index must not receive names that may be private
    here = project or Project(manifest_path=settings.directory / PIPPER_TOML, manifest=Manifest())
    interpreter = interpreter_at_hand(settings, project.root if project else None, Place(), here.pythons)
    throwaway = Project(
        manifest_path=here.manifest_path, manifest=asking(here.manifest, requirements), touched=touched
    )
    builder = project_builder(settings, throwaway, interpreter)
    options = LockOptions(asks=BY_COMMAND)
    return make_lock(settings, throwaway, interpreter.target, options, builder=builder)


def _of_lock(settings: Settings, path: Path) -> ReadInput:
    return ReadInput(
        lock=read_lock(path, settings.reporter), path=path, project=find_project(settings.directory)
    )


def _of_input(settings: Settings, path: Path, *, dev: bool) -> ReadInput:
    data = read_bytes(path)
    if data is None:
        raise UsageError(f"{path} does not exist", hint="name a manifest or a lock that exists with -i")
    kind = input_kind(data, path.name)
    if kind is InputKind.OLD_MANIFEST:
        return _of_old_manifest(settings, path, dev=dev)
    if kind in (InputKind.LOCK, InputKind.PYLOCK):
        return _of_lock(settings, path)
    if kind is not InputKind.MANIFEST:
        raise not_input(path, kind)
    project = read_project(path, data)
    project = with_rules_around(settings, project)
    beside = load_lock(project.lock_path)
    interpreter = interpreter_at_hand(settings, project.root, Place(), project.pythons)
    builder = project_builder(settings, project, interpreter, old=beside)
    lock = make_lock(settings, project, interpreter.target, LockOptions(), old=beside, builder=builder)
    return ReadInput(lock=lock, path=project.lock_path, project=project)


def _of_old_manifest(settings: Settings, path: Path, *, dev: bool) -> ReadInput:
    manifest = read_pipper_manifest(path)
    found = manifest.path or path
    label = found.name
    for key, entries in (("pypi", manifest.pypi), ("conda", manifest.conda)):
        if entries:
            entries_left = counted(len(entries), "entry", "entries")
            settings.reporter.warning(f"{label}: ignored {entries_left} of `{key}`")
    texts = manifest.dev_dependencies if dev else manifest.dependencies
    if not texts:
        raise UsageError(
            f"{label} has no {'dev_dependencies' if dev else 'dependencies'}",
            hint="add packages there",
        )
    return _solved(settings, texts, touched=(project_beside(found),))
