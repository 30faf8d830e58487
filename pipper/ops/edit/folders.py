"""Require a project by its folder: an entry of `[sources]`, and a requirement by name."""

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from pipper.core.document import MANIFEST_LIMIT, read_toml
from pipper.core.manifest.edit import add_requirements, set_path
from pipper.core.manifest.members import ITSELF, PathSource
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.requirement import name_of
from pipper.core.standards import read_requirement
from pipper.errors import UsageError
from pipper.ops.context.member_files import read_stated
from pipper.ops.context.project import read_project
from pipper.ops.context.project_files import PIPPER_TOML, PYPROJECT_TOML
from pipper.ops.context.workspace_folders import workspace_folders
from pipper.system.files import read_bytes


class MemberFolder(Struct, frozen=True, kw_only=True):
    """A folder on the command line."""

    path: Path
    editable: bool


def with_folder(
    data: bytes, folder: MemberFolder, manifest: Path, directory: Path, *, group: NormalizedName | None
) -> bytes:
    """Return the text of a manifest that requires the project in a folder, which is relative to `directory`.

    Raises UsageError if there is no project that can be built, or if its files do not state its name.
    """
    given = folder.path
    base = os.path.realpath(given.parent if given.is_absolute() else directory)
    place = Path(os.path.normpath(Path(base, given.name if given.is_absolute() else given)))
    if not place.is_dir():
        raise UsageError(
            f"there is no directory `{folder.path}`", hint="name the directory of a Python project"
        )
    path = Path(os.path.relpath(place, os.path.realpath(manifest.parent))).as_posix()
    stated = read_stated(place, label=path)
    if stated is None or not (stated.is_package or stated.name):
        raise UsageError(
            f"`{folder.path}` is not a Python project that can be installed",
            cause="it has neither a pyproject.toml with [build-system] nor a setup.py",
            hint="name the directory of one, or add [build-system] to its pyproject.toml",
        )
    if not stated.name:
        raise UsageError(
            f"the project in `{folder.path}` does not say its name: setup.py computes it",
            hint=f'write `NAME = {{ path = "{path}" }}` into [sources] of {manifest.name}, then run `pipper add NAME`',
        )
    if path == ITSELF:
        raise _itself(stated.name)
    source = PathSource(path=path, editable=folder.editable)
    data = set_path(data, stated.name, source, label=manifest.name)
    return add_requirements(data, [read_requirement(stated.name)], label=manifest.name, group=group)


def refuse_itself(asked: Iterable[object], data: bytes, manifest: Path) -> None:
    """Raise UsageError if a requirement is on the project of the manifest itself, and not on one of its extras."""
    own = parse_manifest(data, label=manifest.name).name
    for each in asked:
        if own and isinstance(each, Requirement) and name_of(each) == own and not each.extras:
            raise _itself(own)


def _itself(name: str) -> UsageError:
    return UsageError(
        f"`{name}` is this project itself, which cannot require itself",
        hint=f"leave it out; `{name}[EXTRA]` requires what an extra of it lists",
    )


def member_manifest(directory: Path, manifest: Path) -> Path | None:
    """Return the manifest of the folder in the project's workspace that has `directory` in it, None if there is none.

    Raises UsageError if the project in that folder does not state its requirements in a manifest.
    """
    root = manifest.parent
    workspace = parse_manifest(read_bytes(manifest) or b"", label=manifest.name).workspace
    folders = set(workspace_folders(workspace, root)) if workspace else set()
    inside = next((each for each in (directory, *directory.parents) if each in folders), None)
    if inside is None:
        return None
    own, standard = inside / PIPPER_TOML, inside / PYPROJECT_TOML
    if own.is_file():
        return own
    data = read_bytes(standard)
    if data is None or "project" not in read_toml(data, label=standard.name, limit=MANIFEST_LIMIT):
        raise UsageError(
            f"`{inside.relative_to(root).as_posix()}` has no manifest that pipper can edit",
            cause="its pyproject.toml has no [project], or it has none",
            hint=f"edit the requirements where its build backend reads them, or run the command in {root}",
        )
    return standard


def gone_folders(data: bytes, names: Iterable[NormalizedName], manifest: Path) -> frozenset[NormalizedName]:
    """Return those of these projects whose folder in `[sources]` does not exist any more."""
    paths = parse_manifest(data, label=manifest.name).paths
    return frozenset(
        name for name in names if name in paths and not (manifest.parent / paths[name].path).is_dir()
    )


@contextmanager
def member_is_told(manifest: Path, names: Collection[NormalizedName]) -> Iterator[None]:
    """Say in the error for a name that is not required where it stands, if that is a folder of the workspace."""
    try:
        yield
    except UsageError as error:
        data = read_bytes(manifest)
        try:
            members = read_project(manifest, data).manifest.members if data is not None else ()
        except UsageError:
            raise error from None  # a member that cannot be read is not what the command was about
        for member in members:
            if member.name in names and f"`{member.name}`" in error.message:
                if member.path == ITSELF:
                    cause, hint = "it is the project itself", "write `package = false` under [tool.pipper]"
                else:
                    cause = f"it is a member of the project, in `{member.path}`"
                    hint = f'add `"{member.path}"` to `exclude` of [workspace], or move the directory away'
                raise UsageError(error.message, cause=cause, hint=hint) from error
        raise
