"""`init`: make a `pipper.toml`, also from the requirements of another tool's project."""

import json
import os
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.build.member_state import BUILD_FILES
from pipper.core.document import MANIFEST_LIMIT, read_toml
from pipper.core.manifest.folder_pattern import Workspace
from pipper.core.manifest.imports.carried import carried
from pipper.core.manifest.imports.imported import ImportedManifest, manifest_text
from pipper.core.manifest.imports.projects import from_pyproject
from pipper.core.manifest.imports.requirements_txt import ProjectFolder, from_requirements
from pipper.core.manifest.imports.setup_cfg import from_setup_cfg
from pipper.core.manifest.members import PathSource
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.manifest.requirement import parse_requirement
from pipper.errors import PipperError, UsageError
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.input_kind import InputKind, input_kind, not_needed
from pipper.ops.context.member_files import StatedProject, read_stated
from pipper.ops.context.project_files import PIPPER_TOML, PYPROJECT_TOML
from pipper.ops.context.workspace_folders import workspace_folders
from pipper.system.files import read_bytes, write_document
from pipper.wheels.old_manifest import FILE_NAMES, OldManifest, read_pipper_manifest

SETUP_CFG = "setup.cfg"
_REQUIREMENTS = "requirements.txt"
_KNOWN = (*FILE_NAMES, PYPROJECT_TOML, SETUP_CFG, _REQUIREMENTS)
_HINT = "name a manifest or a requirements file, as in `pipper init --from requirements.txt`"

_TEMPLATE = """\
# Requirements of this project. `pipper lock` writes pipper.lock, `pipper sync` makes the environment match it.
requires-python = ">={python}"
dependencies = []

[dependency-groups]
dev = []

[repositories]
# In order of trust: the first that has a name wins.
# acme = "s3://BUCKET/PREFIX"
{repositories}"""


def init_project(directory: Path, *, python: str, repositories: Iterable[RepositoryEntry]) -> str:
    """Write a new `pipper.toml` for this minor version of Python.

    Returns the name of a file in the folder whose requirements it does not have; empty without one. Raises UsageError
    if the folder has a manifest or a `pyproject.toml` with requirements, or an alias or a URL is not valid in one.
    """
    _refuse_project(directory)
    _refuse_requirements(directory / PYPROJECT_TOML)
    lines = "".join(f"{_key(each.alias)} = {_string(each.url)}\n" for each in repositories)
    _write(directory, _TEMPLATE.format(python=python, repositories=lines), label=PIPPER_TOML)
    others = (name for name in _KNOWN if name != PYPROJECT_TOML and (directory / name).is_file())
    return next(others, "")


def adopt_project(
    directory: Path, source: Path, *, python: str, repositories: Iterable[RepositoryEntry]
) -> tuple[str, ...]:
    """Write `pipper.toml` into `directory` from `source`: a file, or a folder with a file of a known name.

    Returns a note for each entry of the source that has no counterpart in the manifest.
    Raises UsageError if `directory` has a manifest, or `source` is missing or invalid.
    """
    _refuse_project(directory)
    file = _found(source)
    adopted = _with_usable_members(_read(file, directory), file, directory)
    urls = {each.alias: each.url for each in repositories}
    text = manifest_text(adopted, source=file.name, python=python, repositories=urls)
    _write(directory, text, label=f"{file.name} as {PIPPER_TOML}")
    return adopted.notes


def _refuse_project(directory: Path) -> None:
    own = (directory / PIPPER_TOML, directory / PYPROJECT_TOML)
    found = find_manifest(directory)
    if found in own or own[0].is_file():
        raise UsageError(f"{directory} already has a manifest", hint="edit it, then run `pipper lock`")
    if found is not None:
        workspace = parse_manifest(read_bytes(found) or b"", label=found.name).workspace
        if directory in workspace_folders(workspace, found.parent) and any(
            (directory / name).is_file() for name in BUILD_FILES
        ):
            raise UsageError(
                f"{directory} is in the workspace of {found}, and is a project already",
                cause=f"with its own {PIPPER_TOML} it would no longer be installed",
                hint="run `pipper add` in it, or edit its requirements, then run `pipper lock`",
            )


def _refuse_requirements(standard: Path) -> None:
    """Raise UsageError if `pyproject.toml` has requirements: pipper.toml beside it would be used instead."""
    if not standard.is_file():
        return
    top = read_toml(read_bytes(standard) or b"", label=PYPROJECT_TOML, limit=MANIFEST_LIMIT)
    tool, project = top.at("tool", {}), top.at("project", {})
    others = [tool.at(name) for name in ("poetry", "uv", "pdm") if name in tool]
    keys = ("dependencies", "optional-dependencies", "dependency-groups", "dev-dependencies", "group")
    if any(key in table and table.at(key).value for table in (top, project, *others) for key in keys):
        convert = f"run `pipper init --from {PYPROJECT_TOML}` to convert it"
        standing = f"add an empty table [tool.pipper] to it to use them where they are, or {convert}"
        raise UsageError(
            f"{standard} has requirements, and a new {PIPPER_TOML} would not have them",
            hint=standing if "project" in top or "dependency-groups" in top else convert,
        )


def _write(directory: Path, text: str, *, label: str) -> None:
    parse_manifest(text.encode(), label=label)
    write_document(directory / PIPPER_TOML, text.encode())


def _found(source: Path) -> Path:
    if not source.is_dir():
        if not source.is_file():
            raise UsageError(f"{source} does not exist", hint=_HINT)
        return source
    for name in _KNOWN:
        if (source / name).is_file() and not (name == PYPROJECT_TOML and _states_nothing(source)):
            return source / name
    raise UsageError(f"{source} has no file to convert", cause=f"looked for {', '.join(_KNOWN)}", hint=_HINT)


def _with_usable_members(found: ImportedManifest, file: Path, directory: Path) -> ImportedManifest:
    """Return the requirements with paths relative to `directory`, and those whose folders have no project left out."""
    if not (found.paths or found.workspace):
        return found
    base, lost = file.parent, set()
    moved: dict[NormalizedName, PathSource] = {}
    for name, source in found.paths.items():
        stated = _stated(base / source.path)
        if stated is None or stated.name not in ("", name):
            lost.add(name)
        else:
            path = Path(os.path.relpath(base / source.path, directory)).as_posix()
            moved[name] = replace(source, path=path)
    above = Path(os.path.relpath(base, directory))
    workspace = Workspace()
    if ".." not in above.parts:
        workspace = Workspace(
            members=tuple((above / each).as_posix() for each in found.workspace.members),
            exclude=tuple((above / each).as_posix() for each in found.workspace.exclude),
        )
    folders = workspace_folders(workspace, directory)
    names = {stated.name for stated in map(_stated, folders) if stated is not None and stated.is_package}
    lost |= found.in_workspace - names
    if lost:
        again = from_pyproject(read_bytes(file) or b"", label=file.name, lost=lost)
        return _with_usable_members(again, file, directory)
    return replace(found, paths=moved, workspace=workspace)


def _stated(folder: Path) -> StatedProject | None:
    try:
        return read_stated(folder, label=folder.name) if folder.is_dir() else None
    except PipperError:
        return None  # it is named as one that was not converted


def _states_nothing(folder: Path) -> bool:
    """Return whether `pyproject.toml` leaves the requirements to the other files of the folder."""
    others = (SETUP_CFG, _REQUIREMENTS)
    if not any((folder / name).is_file() for name in others):
        return False
    top = read_toml(read_bytes(folder / PYPROJECT_TOML) or b"", label=PYPROJECT_TOML, limit=MANIFEST_LIMIT)
    tool = top.at("tool", {})
    stated = "project" in top or "dependency-groups" in top
    return not stated and not any(name in tool for name in ("poetry", "uv", "pdm"))


def _read(file: Path, directory: Path) -> ImportedManifest:
    data = read_bytes(file) or b""
    kind = input_kind(data, file.name)
    if kind is InputKind.OLD_MANIFEST:
        return carried(_from_old(read_pipper_manifest(file)))
    if kind is InputKind.MANIFEST:
        return from_pyproject(data, label=file.name)
    if kind in (InputKind.LOCK, InputKind.PYLOCK, InputKind.PACKAGE):
        raise not_needed(file, kind, "a manifest or a requirements file")
    if file.name == SETUP_CFG:
        return from_setup_cfg(data.decode("utf-8-sig", "replace"), label=file.name)
    folder = file.parent

    def read(name: str) -> str:
        data = read_bytes(folder / name)
        if data is None:
            raise UsageError(
                f"{folder / name} does not exist",
                hint=f"create it, or edit the -r and -c lines of {file.name}",
            )
        return data.decode("utf-8-sig", "replace")

    return carried(from_requirements(file.name, read, partial(_project_folder, folder, directory)))


def _project_folder(folder: Path, directory: Path, path: str) -> ProjectFolder | None:
    """Return the project that a line names; its path is relative to `folder`, that of the file.

    pip looks from where it is started, which is the folder of the project if the file is below it.
    """
    is_below = folder.absolute().is_relative_to(directory.absolute())
    for base in (directory, folder) if is_below else (folder,):
        stated = _stated(base / path)
        if stated is not None and stated.name:
            return ProjectFolder(name=stated.name, path=Path(os.path.relpath(base / path, folder)).as_posix())
    return None


def _from_old(old: OldManifest) -> ImportedManifest:
    signed = [text for text in (*old.dependencies, *old.dev_dependencies) if "://" in text]
    place = old.path.name if old.path else ""

    def requirements(texts: tuple[str, ...]) -> tuple[str, ...]:
        kept = (text for text in texts if "://" not in text)
        return tuple(str(parse_requirement(text, where=place)) for text in kept)

    dev = requirements(old.dev_dependencies)
    return ImportedManifest(
        dependencies=requirements(old.dependencies) + requirements(old.pypi),
        groups={"dev": dev} if dev else {},
        notes=(
            *(f"the conda package `{name}`" for name in old.conda),
            *(("authorized URLs: they expire, so require the packages by name",) if signed else ()),
        ),
    )


def _key(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_-]+", text) else _string(text)


def _string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a valid TOML string
