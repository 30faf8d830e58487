"""What `authorize`, `download` and `export` are about: requirements, a file of them, a lock, or the project's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.pylock import Pylock

from pipper.core.lock.model import Lock
from pipper.core.manifest.model import parse_manifest
from pipper.core.manifest.requirement import parse_requirement
from pipper.core.wording import counted
from pipper.errors import UsageError
from pipper.ops.context.environments import interpreter_at_hand
from pipper.ops.context.file_names import LOCK_NAME
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.input_kind import InputKind, input_kind, not_input
from pipper.ops.context.place import Place
from pipper.ops.context.project import Project, load_lock, load_project, project_around, require_fresh
from pipper.ops.context.settings import Settings
from pipper.ops.lock.adhoc import solve_requirements
from pipper.ops.lock.make_lock import make_lock
from pipper.ops.lock.options import LockOptions
from pipper.ops.lock.read_any import read_lock
from pipper.system.files import read_bytes, refuse_url
from pipper.wheels.old_manifest import read_pipper_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the command line names; nothing for the project's lock, or the 0.x manifest where there is no project."""

    requirements: tuple[str, ...] = ()
    """Also https URLs of wheels and bundles."""
    input_path: Path | None = None
    """A manifest of 0.x or ours, or any lock."""
    lock_path: Path | None = None
    dev: bool = False
    """Of a 0.x manifest: its `dev_dependencies` instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The same, read and solved."""

    lock: Lock | Pylock | None
    """None where nothing but URLs was named."""
    path: Path
    """The lock's, for messages and for what it names by path; a solved one would stand in the project."""
    project: Project | None = None
    urls: tuple[str, ...] = ()
    """May be signed."""


def read_ask(settings: Settings, ask: Ask) -> Asked:
    """Read what is asked for; solve it where it is requirements.

    Raises UsageError where several things are named or one cannot be read, where the project's lock is not
    fresh, and what solving raises.
    """
    if sum((bool(ask.requirements), ask.input_path is not None, ask.lock_path is not None)) > 1:
        raise UsageError("requirements, -i and --lock exclude each other", hint="give one of them")
    for path in (ask.lock_path, ask.input_path):
        if path is not None:
            refuse_url(path)
    if ask.requirements:
        return _solved(settings, ask.requirements)
    if ask.lock_path is not None:
        return _of_lock(settings, settings.directory / ask.lock_path)
    if ask.input_path is not None:
        return _of_input(settings, settings.directory / ask.input_path, dev=ask.dev)
    if find_manifest(settings.directory) is None and read_pipper_manifest(settings.directory).path:
        return _of_old_manifest(settings, settings.directory, dev=ask.dev)
    project = load_project(settings.directory)
    return Asked(lock=require_fresh(project), path=project.lock_path, project=project)


def _solved(settings: Settings, texts: Sequence[str]) -> Asked:
    urls = tuple(text for text in texts if text.startswith(("https://", "http://")))
    requirements = [parse_requirement(text) for text in texts if text not in urls]
    project = project_around(settings.directory)
    root = project.root if project else settings.directory
    lock = solve_requirements(settings, requirements) if requirements else None
    return Asked(lock=lock, path=root / LOCK_NAME, project=project, urls=urls)


def _of_lock(settings: Settings, path: Path) -> Asked:
    return Asked(lock=read_lock(path), path=path, project=project_around(settings.directory))


def _of_input(settings: Settings, path: Path, *, dev: bool) -> Asked:
    data = read_bytes(path)
    if data is None:
        raise UsageError(f"there is no file {path}")
    kind = input_kind(data, path.name)
    if kind is InputKind.OLD_MANIFEST:
        return _of_old_manifest(settings, path, dev=dev)
    if kind in (InputKind.LOCK, InputKind.PYLOCK):
        return _of_lock(settings, path)
    if kind is not InputKind.MANIFEST:
        raise not_input(path, kind)
    project = Project(manifest_path=path, manifest=parse_manifest(data, label=path.name))
    beside = load_lock(project.lock_path)
    interpreter = interpreter_at_hand(settings, project.root, Place())
    lock = make_lock(settings, project, interpreter.target, LockOptions(), old=beside)
    return Asked(lock=lock, path=project.lock_path, project=project)


def _of_old_manifest(settings: Settings, path: Path, *, dev: bool) -> Asked:
    manifest = read_pipper_manifest(path)
    label = (manifest.path or path).name
    for key, entries in (("pypi", manifest.pypi), ("conda", manifest.conda)):
        if entries:
            entries_left = counted(len(entries), "entry", "entries")
            settings.reporter.warning(f"{label}: left out {entries_left} of `{key}`")
    texts = manifest.dev_dependencies if dev else manifest.dependencies
    if not texts:
        raise UsageError(
            f"{label} names no {'dev_dependencies' if dev else 'dependencies'}",
            hint="name packages there",
        )
    return _solved(settings, texts)
