"""`init --from`: make a `pipper.toml` from the requirements of another tool's project."""

from collections.abc import Iterable
from pathlib import Path

from pipper.core.manifest.imports.imported import ImportedManifest, manifest_text
from pipper.core.manifest.imports.projects import from_pyproject, from_requirements
from pipper.core.manifest.model import RepositoryEntry, parse_manifest
from pipper.core.manifest.requirement import parse_requirement
from pipper.errors import UsageError
from pipper.ops.context.input_kind import InputKind, input_kind, not_needed
from pipper.ops.context.project import refuse_project
from pipper.ops.context.project_files import PIPPER_TOML, PYPROJECT_TOML
from pipper.system.files import read_bytes, write_bytes
from pipper.wheels.old_manifest import FILE_NAMES, OldManifest, read_pipper_manifest

_REQUIREMENTS = "requirements.txt"
_KNOWN = (*FILE_NAMES, PYPROJECT_TOML, _REQUIREMENTS)
_HINT = "name a manifest or a requirements file, as in `pipper init --from requirements.txt`"


def adopt_project(
    directory: Path, source: Path, *, python: str, repositories: Iterable[RepositoryEntry]
) -> tuple[str, ...]:
    """Write `pipper.toml` into `directory` from `source`: a file, or a folder with a file of a known name.

    Returns a note for each entry of the source that has no counterpart in the manifest.
    Raises UsageError if `directory` has a manifest, or `source` is missing or invalid.
    """
    refuse_project(directory)
    file = _found(source)
    adopted = _read(file)
    urls = {each.alias: each.url for each in repositories}
    text = manifest_text(adopted, source=file.name, python=python, repositories=urls)
    path = directory / PIPPER_TOML
    parse_manifest(text.encode(), label=f"{file.name} as {path.name}")
    write_bytes(path, text.encode())
    return adopted.notes


def _found(source: Path) -> Path:
    if not source.is_dir():
        if not source.is_file():
            raise UsageError(f"{source} does not exist", hint=_HINT)
        return source
    for name in _KNOWN:
        if (source / name).is_file():
            return source / name
    raise UsageError(f"{source} has no file to convert", cause=f"looked for {', '.join(_KNOWN)}", hint=_HINT)


def _read(file: Path) -> ImportedManifest:
    data = read_bytes(file) or b""
    kind = input_kind(data, file.name)
    if kind is InputKind.OLD_MANIFEST:
        return _from_old(read_pipper_manifest(file))
    if kind is InputKind.MANIFEST:
        return from_pyproject(data, label=file.name)
    if kind in (InputKind.LOCK, InputKind.PYLOCK, InputKind.PACKAGE):
        raise not_needed(file, kind, "a manifest or a requirements file")
    folder = file.parent

    def read(name: str) -> str:
        data = read_bytes(folder / name)
        if data is None:
            raise UsageError(
                f"{folder / name} does not exist",
                hint=f"create it, or edit the -r and -c lines of {file.name}",
            )
        return data.decode("utf-8-sig", "replace")

    return from_requirements(file.name, read)


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
