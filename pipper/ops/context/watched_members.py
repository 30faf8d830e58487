"""The files and folders that decide what the members of a project are. Stamps cover them."""

from collections.abc import Mapping
from pathlib import Path

from packaging.utils import NormalizedName

from pipper.build.member_state import BUILD_FILES, Watched, watched_of
from pipper.ops.context.member_files import files_of_requirements
from pipper.ops.context.project import Project
from pipper.ops.context.project_files import PIPPER_TOML
from pipper.ops.context.workspace_folders import looked_at, workspace_folders

_EDITABLE: Mapping[NormalizedName, bool] = {}


def watched_members(project: Project, editable: Mapping[NormalizedName, bool] = _EDITABLE) -> Watched:
    """Return the paths that say what the members are, and on which their installation depends.

    `editable` says of members whether edits of their modules count at once, which is so of those that it does not
    name. Raises MachineError if a folder cannot be read.
    """
    manifest, root = project.manifest, project.root
    files: list[str] = []
    folders: list[str] = []
    for member in manifest.members:
        folder = root / member.path
        found = watched_of(folder, editable=editable.get(member.name, True))
        files += (*found.files, *_of_manifest(folder))
        folders += found.folders
        if member.build_files:
            files += map(str, files_of_requirements(folder))
            folders.append(str(folder))  # another such file may appear
    looked_into, links = looked_at(manifest.workspace, root)
    folders += looked_into
    for folder in workspace_folders(manifest.workspace, root):
        files += _of_manifest(folder)
    return Watched(files=tuple(dict.fromkeys(files)), folders=tuple(dict.fromkeys(folders)), links=links)


def _of_manifest(folder: Path) -> list[str]:
    return [str(folder / name) for name in (*BUILD_FILES, PIPPER_TOML)]
