"""Require a project by its folder: an entry of `[sources]`, and a requirement by name."""

import os
from pathlib import Path

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.core.manifest.edit import add_requirements, set_path
from pipper.core.manifest.members import PathSource
from pipper.core.standards import read_requirement
from pipper.errors import UsageError
from pipper.ops.context.member_files import read_stated


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
    place = Path(os.path.normpath(directory / folder.path))
    if not place.is_dir():
        raise UsageError(f"there is no folder `{folder.path}`", hint="name the folder of a Python project")
    path = Path(os.path.relpath(place, manifest.parent)).as_posix()
    stated = read_stated(place, label=path)
    if stated is None or not (stated.is_package or stated.name):
        raise UsageError(
            f"`{folder.path}` is not a Python project that can be installed",
            cause="it has neither a pyproject.toml with [build-system] nor a setup.py",
            hint="name the folder of one, or add [build-system] to its pyproject.toml",
        )
    if not stated.name:
        raise UsageError(
            f"the project in `{folder.path}` does not say its name: setup.py computes it",
            hint=f'write `NAME = {{ path = "{path}" }}` into [sources] of {manifest.name}, then run `pipper add NAME`',
        )
    source = PathSource(path=path, editable=folder.editable)
    data = set_path(data, stated.name, source, label=manifest.name)
    return add_requirements(data, [read_requirement(stated.name)], label=manifest.name, group=group)
