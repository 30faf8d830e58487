"""`install` and `uninstall`: requirements, wheels and bundles, 0.x manifests, locks, or the manifest of the project."""

import re
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipper.core.lock.selection import DEFAULT_GROUP
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.requirement import parse_requirement
from pipper.errors import UsageError
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.input_kind import InputKind, input_kind, not_input
from pipper.ops.context.project import read_project
from pipper.ops.context.project_files import PIPPER_TOML
from pipper.ops.context.settings import Settings
from pipper.ops.context.surroundings import project_beside
from pipper.ops.edit.direct_files import is_direct
from pipper.ops.edit.edit import EditOutcome, EditRequest, edit, workplace_of
from pipper.ops.sync.request import SyncRequest
from pipper.ops.sync.steps import run_sync
from pipper.python.venv import STATE
from pipper.system.files import read_bytes, refuse_url
from pipper.system.letter_case import is_one_place
from pipper.wheels.old_manifest import read_pipper_manifest

_PATH = re.compile(r"(\.{1,2}|~[^/]*)?/|\.{1,2}$")


def requested(text: str) -> Requirement | str:
    """Return a REQ of the command line as a requirement, or unchanged if it is a file or a URL."""
    if is_direct(text):
        return text
    if _PATH.match(text):
        raise UsageError(
            f"`{text}` is a path, not a requirement",
            cause="the only files to install are wheels (.whl) and bundles (.pipper)",
            hint=f"`pipper add --editable {text}` installs the project in it, and edits there count at once;"
            f" `pipper bundle {text}` builds it",
        )
    return parse_requirement(text)


def install(
    settings: Settings, request: EditRequest, source: Path | None, *, dev: bool, now: datetime
) -> EditOutcome:
    """Install the requirements of the file `source`, else those that `request` adds, else those of the manifest.

    `dev` selects the development dependencies of a file instead of the others, as in 0.x.
    """
    if source is not None:
        return _install_file(settings, request, source, dev=dev, now=now)
    if request.add or request.folders:
        return edit(settings, request, now=now)
    return _install_again(settings, request, dev=dev, now=now)


def uninstall(settings: Settings, request: EditRequest, *, now: datetime) -> EditOutcome:
    """Remove what `request` names; raise UsageError if pipper installed nothing in its plain directory."""
    if request.place.target is not None:
        path = settings.directory / request.place.target
        if not (path / STATE / PIPPER_TOML).is_file():
            raise UsageError(
                f"pipper installed nothing in {path}", hint="name the DIR of `pipper install -t DIR`"
            )
    return edit(settings, request, now=now)


def _install_file(
    settings: Settings, request: EditRequest, source: Path, *, dev: bool, now: datetime
) -> EditOutcome:
    """Install the requirements of a 0.x manifest or a `pipper.toml`, or sync to a lock of any kind."""
    refuse_url(source)
    path = settings.directory / source
    data = read_bytes(path)
    if data is None:
        raise UsageError(f"{source} does not exist", hint="name a manifest or a lock that exists with -i")
    kind, found = input_kind(data, path.name), find_manifest(settings.directory)
    if kind is InputKind.OLD_MANIFEST:
        wanted = _of_old_manifest(settings, path, dev=dev)
        # The rules of the project's own folder count anyway, those of a folder in it do not.
        is_here = found is not None and is_one_place(path.parent, found.parent)
        origin = None if is_here else project_beside(path)
        return edit(settings, replace(request, add=wanted, origin=origin), now=now)
    if kind in (InputKind.LOCK, InputKind.PYLOCK):
        return _install_lock(settings, request, source)
    if kind is not InputKind.MANIFEST:
        raise not_input(path, kind)
    manifest = parse_manifest(data, label=path.name)  # without what its members require: they are not added
    wanted = manifest.groups.get(canonicalize_name(DEFAULT_GROUP), ()) if dev else manifest.dependencies
    is_own = found is not None and is_one_place(path, found)
    origin = None if is_own else read_project(path, data)
    return edit(settings, replace(request, add=wanted, origin=origin), now=now)


def _of_old_manifest(settings: Settings, path: Path, *, dev: bool) -> tuple[Requirement | str, ...]:
    old = read_pipper_manifest(path)
    if old.conda:
        settings.reporter.warning(f"{path.name}: conda packages are not installed: {', '.join(old.conda)}")
    texts = (*old.pypi, *(old.dev_dependencies if dev else old.dependencies))
    return tuple(requested(text) for text in texts)


def _install_lock(settings: Settings, request: EditRequest, source: Path) -> EditOutcome:
    outside = find_manifest(settings.directory) is None or request.place.target is not None
    place = replace(request.place, alone=outside or request.place.user)
    sync_request = SyncRequest(place=place, lock_path=source, dry_run=request.dry_run)
    outcome = run_sync(settings, sync_request)
    return EditOutcome(manifest_path=source, changes=(), sync=outcome)


def _install_again(settings: Settings, request: EditRequest, *, dev: bool, now: datetime) -> EditOutcome:
    """Lock if needed, then sync; without a project, install from a 0.x manifest if there is one."""
    if find_manifest(settings.directory) is None and request.place.target is None:
        old = read_pipper_manifest(settings.directory).path
        if old is not None:
            return _install_file(settings, request, old, dev=dev, now=now)
    workplace = workplace_of(settings, request)
    if read_bytes(workplace.manifest_path) is None:
        raise UsageError(
            "no package to install is named",
            hint="run `pipper install REQ`, or `pipper init` for a new project",
        )
    return edit(settings, request, now=now, workplace=workplace)
