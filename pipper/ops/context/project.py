"""Find and read projects: a manifest and its lock."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from pipper.core.lock.model import Lock
from pipper.core.lock.reader import parse_lock
from pipper.core.lock.selection import Selection
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.reader import parse_manifest
from pipper.errors import ConflictError, UsageError
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.interpreters import Pythons
from pipper.ops.context.project_files import LOCK_NAME, PIPPER_TOML, PYPROJECT_TOML, ProjectFiles
from pipper.system.files import read_bytes

_LOCK_HINT = "run `pipper lock`"


class Edit(Struct, frozen=True, kw_only=True):
    """A manifest that a command edits, and writes only at its end."""

    before: bytes | None
    """What was read; None if there was no file."""
    after: bytes


class Project(Struct, frozen=True, kw_only=True):
    """A folder with a manifest."""

    manifest_path: Path
    manifest: Manifest
    edits: Mapping[Path, Edit] = field(default_factory=dict)
    """The manifests, its own and of members, that are not on the disk as `manifest` says."""
    touched: tuple["Project", ...] = ()
    """Other projects whose files a command reads or builds for it, wherever they are: their private names count."""

    @property
    def root(self) -> Path:
        """The folder."""
        return self.manifest_path.parent

    @property
    def lock_path(self) -> Path:
        """The path of its lock, which may be missing."""
        return self.root / LOCK_NAME

    @property
    def pythons(self) -> Pythons:
        """The Pythons that the manifest is for."""
        return Pythons(requires=self.manifest.requires_python, declared=self.manifest.environments)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders with a manifest that a command may write: its own, and those of members and the workspace."""
        from pipper.ops.context.workspace_folders import workspace_folders  # noqa: PLC0415 - most projects have no members

        members = (self.root / member.path for member in self.manifest.members)
        return (self.root, *members, *workspace_folders(self.manifest.workspace, self.root))

    def edited_in(self, folder: Path) -> Mapping[str, bytes]:
        """Return the edited files in a folder by their names."""
        place = folder.resolve()
        return {path.name: edit.after for path, edit in self.edits.items() if path.parent.resolve() == place}

    def refuse_edited(self) -> None:
        """Raise ConflictError if the user or another command changed a manifest since it was read."""
        for path, edit in self.edits.items():
            if read_bytes(path) not in (edit.before, edit.after):
                raise ConflictError(
                    f"`{path}` was edited during the command",
                    cause="what was found and built is for the manifest as it was before",
                    hint="run the command again; nothing was changed",
                )


class Goal(Struct, frozen=True, kw_only=True):
    """A lock, and the selection of its packages to install."""

    lock: Lock
    selection: Selection
    project: Project | None = None
    files: ProjectFiles | None = None
    """The files that project and lock were read from, if the lock is the project's own."""


def find_project(directory: Path) -> Project | None:
    """Return the project that `directory` is in, None if there is none; raise what `load_project` raises."""
    path = find_manifest(directory)
    return _existing(path, read_bytes(path)) if path else None


def load_project(directory: Path) -> Project:
    """Return the project that `directory` is in; raise UsageError if there is none or it is invalid."""
    project = find_project(directory)
    if project is None:
        raise no_project(directory)
    return project


def project_of(files: ProjectFiles) -> Project:
    """Return the project with these files; raise UsageError if the manifest is invalid."""
    return _existing(Path(files.manifest.path), files.manifest.data)


def read_project(path: Path, data: bytes, *, edited: Mapping[Path, bytes] | None = None) -> Project:
    """Return the project whose manifest at `path` has these bytes, with its members.

    `edited` are manifests, this one or those of members, that are not written yet. Raises UsageError if the manifest or
    one of a member is invalid, and what `with_members` raises.
    """
    manifest = parse_manifest(data, label=path.name)
    if manifest.paths or manifest.workspace or manifest.is_package:
        from pipper.ops.context.members import with_members  # noqa: PLC0415 - most projects have no members

        manifest = with_members(manifest, path.parent, edited={**(edited or {}), path: data})
    edits = {place: Edit(before=read_bytes(place), after=after) for place, after in (edited or {}).items()}
    edits = {place: edit for place, edit in edits.items() if edit.before != edit.after}
    return Project(manifest_path=path, manifest=manifest, edits=edits)


def _existing(path: Path, data: bytes | None) -> Project:
    if data is None:
        raise UsageError(
            f"{path} was removed during the command", hint="restore it, then run the command again"
        )
    project = read_project(path, data)
    refuse_setup_files(path, project.manifest)
    return project


def refuse_setup_files(path: Path, manifest: Manifest) -> None:
    """Raise UsageError if the requirements of a project are in the files of setuptools beside `path` alone."""
    if (
        path.name != PYPROJECT_TOML
        or manifest.name
        or manifest.groups
        or manifest.members
        or manifest.workspace
    ):
        return
    folder = path.parent
    cfg, script = folder / "setup.cfg", folder / "setup.py"
    if b"install_requires" in (read_bytes(cfg) or b""):
        name, hint = cfg, "remove the table [tool.pipper], then run `pipper init --from setup.cfg`"
    elif script.is_file():
        name, hint = script, "write them under [project] in pyproject.toml: name, version, dependencies"
    else:
        return
    raise UsageError(
        f"{path}: it has no [project], and the requirements are in {name.name}",
        cause="pipper reads [project] and [dependency-groups]",
        hint=hint,
    )


def no_project(directory: Path, *, instead: str = "") -> UsageError:
    """Return the error for a missing project; `instead` is another command that would do."""
    hint = f"run `pipper init` to create one{', or ' if instead else ''}{instead}"
    if (directory / PYPROJECT_TOML).is_file():
        hint = f"add an empty table [tool.pipper] to {PYPROJECT_TOML} to use its dependencies"
    return UsageError(
        f"no project at {directory} or above it",
        cause=f"there is no {PIPPER_TOML}, and no {PYPROJECT_TOML} with [tool.pipper]",
        hint=hint,
    )


def load_lock(path: Path) -> Lock | None:
    """Return the lock at `path`, None if there is none; raise what `parse_lock` raises."""
    data = read_bytes(path)
    return None if data is None else parse_lock(data, label=path.name)


def require_fresh(project: Project) -> Lock:
    """Return the project's lock; raise UsageError if it is missing or does not match the manifest."""
    return fresh_lock(project, read_bytes(project.lock_path))


def fresh_lock(project: Project, data: bytes | None) -> Lock:
    """Return the lock in `data`, the bytes of the project's lock file; raise as `require_fresh`."""
    if data is None:
        raise UsageError(f"there is no {LOCK_NAME} in {project.root}", hint=_LOCK_HINT)
    lock = parse_lock(data, label=project.lock_path.name)
    if difference := lock.inputs.difference(project.manifest.inputs()):
        raise UsageError(f"{LOCK_NAME} is out of date", cause=difference, hint=_LOCK_HINT)
    return lock
