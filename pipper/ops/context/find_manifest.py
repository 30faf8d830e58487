"""Find a project: the nearest folder upward with a manifest. Every command imports this, so it imports little."""

from pathlib import Path

from pipper.errors import UsageError
from pipper.ops.context.project_files import (
    PIPPER_TOML,
    PYPROJECT_TOML,
    ProjectFiles,
    ReadFile,
    lock_beside,
    read_above,
)
from pipper.system.files import read_bytes
from pipper.system.os_errors import os_errors
from pipper.system.trust import refuse_foreign, refuse_link_out


def find_manifest(directory: Path, *, named: Path | None = None) -> Path | None:
    """Return the manifest of the nearest project from `directory` upward, None if there is no project.

    A folder that the `[workspace]` of a manifest above lists belongs to that one, unless that belongs to another user.
    Raises UsageError if a folder has two manifests, MachineError if one cannot be read or if manifest or lock belong
    to another user, unless it is the manifest that the user `named`.
    """
    nearest = _nearest(directory, named)
    if nearest is not None:
        above = nearest.parent.parent
        while above != above.parent:
            if _lists(above, nearest.parent):
                return _nearest(above, named)
            above = above.parent
    return nearest


def _lists(folder: Path, member: Path) -> bool:
    """Return whether a manifest of this user in `folder` has a workspace that lists the folder `member`."""
    for name in (PIPPER_TOML, PYPROJECT_TOML):
        with os_errors("look into", folder):
            data = read_above(str(folder / name))
        if b"workspace" not in data:
            continue
        # Most folders above a project need no reader of TOML.
        from pipper.core.document import MANIFEST_LIMIT, read_toml  # noqa: PLC0415 - see above
        from pipper.core.manifest.members import read_workspace  # noqa: PLC0415 - see above

        try:
            top = read_toml(data, label=name, limit=MANIFEST_LIMIT)
            own = top if name == PIPPER_TOML else top.at("tool", {}).at("pipper", {})
            workspace = read_workspace(own.at("workspace", {}))
        except UsageError:
            continue  # it may be the manifest of another tool; as a project of its own it raises the error
        if workspace.lists(member.relative_to(folder).as_posix()):
            return True
    return False


def two_manifests(folder: Path) -> UsageError:
    """Return the error for a folder with two manifests: nobody can tell which one counts."""
    return UsageError(
        f"{folder} has two manifests: {PIPPER_TOML} and {PYPROJECT_TOML} with [tool.pipper]",
        hint=f"remove {PIPPER_TOML}, or the table [tool.pipper] with its subtables",
    )


def _nearest(directory: Path, named: Path | None) -> Path | None:
    for folder in (directory, *directory.parents):
        own, standard = folder / PIPPER_TOML, folder / PYPROJECT_TOML
        with os_errors("look into", folder):
            found = [path for path in (own, standard) if path.is_file()]
        if standard in found and not _has_table(read_bytes(standard) or b""):
            found.remove(standard)
        if len(found) > 1:
            raise two_manifests(folder)
        if found and found[0] != named:
            refuse_foreign(found[0])
            refuse_foreign(lock_beside(str(found[0])))
        if found:
            return found[0]
    return None


def refuse_leading_out(path: Path, directory: Path) -> None:
    """Raise MachineError if a link leads `path` out of the project of `directory`, or out of that folder without one.

    Raises what `find_manifest` raises.
    """
    manifest = find_manifest(directory)
    refuse_link_out(path, manifest.parent if manifest else directory)


def find_project_files(directory: Path, likely: ProjectFiles | None) -> ProjectFiles | None:
    """Return manifest and lock of the project that `directory` is in, None if there is no project.

    `likely` is what `likely_project` returned: if that is the project, nothing is read. Raises what
    `find_manifest` raises.
    """
    if likely is not None:
        is_own = likely.manifest.path.endswith(PIPPER_TOML)
        if is_own or _has_table(likely.manifest.data or b""):
            return likely  # it does not return a project with a workspace above
    manifest = find_manifest(directory)
    return read_project_files(str(manifest)) if manifest else None


def read_project_files(manifest_path: str) -> ProjectFiles:
    """Return the manifest at `manifest_path` and its lock; raise MachineError if one cannot be read."""
    return ProjectFiles(_read(manifest_path), _read(lock_beside(manifest_path)))


def _read(path: str) -> ReadFile:
    with os_errors("read", path):
        return ReadFile(path)


def _has_table(data: bytes) -> bool:
    if b"pipper" not in data:
        return False
    # Most projects need no reader of TOML to be found.
    from pipper.core.document import MANIFEST_LIMIT, read_toml  # noqa: PLC0415 - see above

    try:
        return "pipper" in read_toml(data, label=PYPROJECT_TOML, limit=MANIFEST_LIMIT).at("tool", {})
    except UsageError:
        return True  # reading it as a manifest raises the error with its place
