"""Finding a project: the nearest folder upward that has a manifest. Light, since every command begins here."""

from pathlib import Path

from pipper.core.document import MANIFEST_LIMIT, read_toml
from pipper.errors import UsageError
from pipper.ops.context.file_names import PIPPER_TOML, PYPROJECT_TOML
from pipper.system.files import read_bytes
from pipper.system.os_errors import os_errors


def find_manifest(directory: Path) -> Path | None:
    """Return the manifest of the nearest project from `directory` upward, None where there is no project.

    Raises UsageError where one folder holds two, MachineError where one cannot be read.
    """
    for folder in (directory, *directory.parents):
        own, standard = folder / PIPPER_TOML, folder / PYPROJECT_TOML
        with os_errors("look into", folder):
            found = [path for path in (own, standard) if path.is_file()]
        if standard in found and not _has_table(standard):
            found.remove(standard)
        if len(found) > 1:
            raise UsageError(
                f"{folder} has two manifests: {PIPPER_TOML} and {PYPROJECT_TOML} with [tool.pipper]",
                hint="keep one of them",
            )
        if found:
            return found[0]
    return None


def _has_table(standard: Path) -> bool:
    data = read_bytes(standard) or b""
    if b"pipper" not in data:
        return False
    try:
        return "pipper" in read_toml(data, label=standard.name, limit=MANIFEST_LIMIT).at("tool", {})
    except UsageError:
        return True  # whoever reads it as a manifest tells what is wrong with it, and where
