"""Edit the manifest, lock, then sync; an error leaves manifest, lock and environment unchanged."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from pipper.core.lock.diff import VersionChange, other_difference, version_changes
from pipper.core.lock.model import Lock
from pipper.core.lock.selection import Selection
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.edit import (
    add_requirements,
    allow_builds,
    drop_paths,
    drop_sources,
    remove_everywhere,
    remove_requirements,
    required_still,
    set_repository,
)
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.requirement import name_of
from pipper.core.manifest.root_label import BY_ENVIRONMENT, BY_PROJECT
from pipper.core.manifest.rules import FILES_ALIAS
from pipper.errors import UsageError
from pipper.ops.build.environments import project_builder
from pipper.ops.context.declared_repositories import warn_of_unnamed
from pipper.ops.context.environments import choose_environment
from pipper.ops.context.find_manifest import find_manifest
from pipper.ops.context.project import (
    Goal,
    Project,
    load_lock,
    no_project,
    read_project,
    refuse_setup_files,
)
from pipper.ops.context.project_files import PIPPER_TOML
from pipper.ops.context.settings import Place, Settings
from pipper.ops.edit.direct_files import Imports
from pipper.ops.edit.documents import write_all
from pipper.ops.edit.folders import (
    MemberFolder,
    gone_folders,
    member_is_told,
    member_manifest,
    refuse_itself,
    with_folder,
)
from pipper.ops.edit.given_repository import with_given_repository
from pipper.ops.edit.source_rules import with_rules_of_command, with_rules_of_origin
from pipper.ops.lock.make_lock import make_lock
from pipper.ops.lock.options import LockOptions
from pipper.ops.sync.outcome import SyncOutcome
from pipper.ops.sync.request import SyncRequest
from pipper.ops.sync.steps import sync_to
from pipper.python.environment import Environment, installed
from pipper.system.files import read_bytes

_FRESH = b"""\
# What pipper installed into this environment; `pipper install` and `pipper uninstall` edit it.
dependencies = []
"""


class EditRequest(Struct, frozen=True, kw_only=True):
    """Arguments of `add`, `install`, `remove` and `uninstall`."""

    add: tuple[Requirement | str, ...] = ()
    """Requirements; strings are bundles and wheels by path or https URL."""
    folders: tuple[MemberFolder, ...] = ()
    """Members to require, with their folders."""
    origin: Project | None = None
    """The project whose requirements are added: where they may come from is added too."""
    remove: tuple[NormalizedName, ...] = ()
    group: NormalizedName | None = None
    build: tuple[NormalizedName, ...] = ()
    """Projects whose source distributions the manifest is to allow."""
    upgrade: bool = False
    """Choose the newest versions that fit of the added projects, or of all if none is added."""
    place: Place = field(default_factory=Place)
    anywhere: bool = True
    """Whether an environment may be its own project if there is no project."""
    sync: bool = True
    dry_run: bool = False

    @property
    def named(self) -> frozenset[NormalizedName]:
        """The projects that are added by name."""
        return frozenset(name_of(each) for each in self.add if isinstance(each, Requirement))


class EditOutcome(Struct, frozen=True, kw_only=True):
    """The changes that were made, or in a dry run would be."""

    manifest_path: Path
    changes: tuple[VersionChange, ...]
    """Changes of the lock."""
    sync: SyncOutcome | None
    """None if the request has no sync."""
    documents: tuple[Path, ...] = ()
    """The manifest and the lock, if they change."""
    reason: str = ""
    """What else of the lock changes, if no version does."""


def edit(
    settings: Settings, request: EditRequest, *, now: datetime, workplace: "Workplace | None" = None
) -> EditOutcome:
    """Edit the manifest, lock and sync; an error leaves manifest, lock and environment unchanged.

    `workplace` is what `workplace_of` returned, if the caller has called it. Raises UsageError, and what
    `make_lock` and `sync_to` raise.
    """
    _refuse_twice(request)
    workplace = workplace or workplace_of(settings, request)
    imports = Imports(settings, workplace.manifest_path.parent, now, workplace.environment)
    documents: dict[Path, bytes] = {}
    try:
        outcome = _edit(settings, request, workplace, imports, documents)
    except BaseException:
        # A manifest or a lock that is written already names the imported files.
        if not any(read_bytes(path) == content for path, content in documents.items()):
            imports.take_back()
        raise
    if request.dry_run:
        imports.take_back()
    return outcome


def _edit(
    settings: Settings,
    request: EditRequest,
    workplace: "Workplace",
    imports: Imports,
    documents: dict[Path, bytes],
) -> EditOutcome:
    """Do the edit; `documents` gets manifest and lock before they are written."""
    data, replaced = _edited(settings, request, workplace, imports)
    edited, path = {workplace.edited: data}, workplace.manifest_path
    text = edited[path] if path in edited else read_bytes(path) or b""
    note = ""
    if workplace.environment is not None:
        settings = replace(settings, repositories=replace(settings.repositories, access_only=True))
    elif not request.remove:
        # A lock that named a place which the manifest does not would hold for this command only.
        settings, text, note = with_given_repository(settings, text, path, request.named)
        edited[path] = text
    touched = (request.origin,) if request.origin else ()
    project = replace(read_project(path, text, edited=edited), touched=touched)
    old = load_lock(project.lock_path)
    environment = workplace.environment or choose_environment(
        settings, project.root, request.place, project.pythons, looks=request.dry_run
    )
    alone = workplace.environment is not None
    lock = _lock(settings, request, environment, project, old, alone=alone, replaced=replaced)
    if request.remove and not alone:
        warn_of_unnamed(settings, project.manifest, lock)
    wanted = {**edited, project.lock_path: dump_lock(lock).encode()}
    documents |= {path: content for path, content in wanted.items() if read_bytes(path) != content}
    groups = _group_of(request, project)
    goal = Goal(lock=lock, selection=Selection(groups=groups), project=project)
    changes = version_changes(old, lock)
    synced = _carry_out(settings, request, environment, goal, documents)
    if note:  # only now, because an edit that failed names nothing
        verb = "would name" if request.dry_run else "names"
        settings.reporter.info(f"{path.name} {verb} {note}")
    return EditOutcome(
        manifest_path=workplace.edited,
        changes=changes,
        reason="" if changes else other_difference(old, lock),
        sync=synced,
        documents=tuple(documents),
    )


def _group_of(request: EditRequest, project: Project) -> frozenset[NormalizedName]:
    """Return the group of the edit, unless its last requirement was removed and it is gone."""
    group = request.group
    return frozenset({group}) if group and group in project.manifest.groups else frozenset()


def _refuse_twice(request: EditRequest) -> None:
    seen: dict[tuple[NormalizedName, str], Requirement] = {}
    for each in request.add:
        if isinstance(each, Requirement):
            first = seen.setdefault((name_of(each), str(each.marker or "")), each)
            if str(first) != str(each):
                raise UsageError(
                    f"`{first}` and `{each}` are requirements on the same project",
                    hint="combine them, as in `foo>=1,<2`",
                )


class Workplace(Struct, frozen=True, kw_only=True):
    """The manifest to edit; also the environment, if that is its own project."""

    manifest_path: Path
    """The one with the lock beside it."""
    environment: Environment | None = None
    member: Path | None = None
    """The manifest of the member in whose folder the command was given."""

    @property
    def edited(self) -> Path:
        """The manifest to edit."""
        return self.member or self.manifest_path


def workplace_of(settings: Settings, request: EditRequest) -> Workplace:
    """Return the manifest to edit: the project's, or that of an environment that is its own project."""
    manifest = find_manifest(settings.directory)
    if manifest is not None and request.place.target is None and not request.place.user:
        # What is allowed, and where files and repositories are, is the whole project's.
        is_whole = bool(request.build or request.origin or any(isinstance(each, str) for each in request.add))
        member = None if is_whole else member_manifest(settings.directory, manifest)
        return Workplace(manifest_path=manifest, member=member)
    if not request.anywhere:
        raise no_project(settings.directory, instead="`pipper install` to change the environment without one")
    environment = choose_environment(settings, None, request.place)
    return Workplace(manifest_path=environment.state_dir / PIPPER_TOML, environment=environment)


def _edited(
    settings: Settings, request: EditRequest, workplace: Workplace, imports: Imports
) -> tuple[bytes, frozenset[NormalizedName]]:
    """Return the manifest after the edit, and the projects whose files were imported."""
    replaced = set()
    path = workplace.edited
    found = read_bytes(path)
    data = _FRESH if found is None else found
    if request.group is None:
        refuse_setup_files(path, parse_manifest(data, label=path.name))
    if request.add:
        refuse_itself(request.add, data, path)
    if workplace.environment is not None:
        data = with_rules_of_command(settings, data, path, request.origin, request.named)
    elif request.origin is not None:
        data = with_rules_of_origin(settings, data, path, request.origin, request.named)
    for each in request.add:
        if isinstance(each, Requirement):
            # In a manifest that nobody edits by hand, -u replaces what an earlier command pinned.
            bare = request.upgrade and workplace.environment is not None
            data = add_requirements(data, [each], label=path.name, group=request.group, bare_replaces=bare)
            continue
        imported = imports.add(each)
        settings.reporter.info(
            f"{imported.requirement} is copied to {imported.repository.url.removeprefix('file:')},"
            f" the source of {imported.requirement.name} from now on"
        )
        replaced.add(name_of(imported.requirement))
        data = set_repository(
            data, imported.repository, label=path.name, only=[name_of(imported.requirement)]
        )
        data = add_requirements(data, [imported.requirement], label=path.name, group=request.group)
    for folder in request.folders:
        data = with_folder(data, folder, path, settings.directory, group=request.group)
    if request.build:
        data = allow_builds(data, request.build, label=path.name)
    if request.remove:
        data = _without(settings, request, workplace, data)
    return data, frozenset(replaced)


def _without(settings: Settings, request: EditRequest, workplace: Workplace, data: bytes) -> bytes:
    """Return the manifest without what is removed; say where it is still required."""
    path = workplace.edited
    data = drop_sources(data, request.remove, FILES_ALIAS, label=path.name)
    gone = gone_folders(data, request.remove, path)
    for name in gone:
        data = remove_everywhere(data, name, label=path.name)  # what is left could not be locked
    with member_is_told(workplace.manifest_path, request.remove):
        left = [name for name in request.remove if name not in gone]
        data = remove_requirements(data, left, label=path.name, group=request.group)
    for name in request.remove:
        where, how = required_still(data, name, label=path.name)
        if where:
            settings.reporter.warning(f"`{name}` is still required by {where} of {path.name}: {how}")
    return drop_paths(data, request.remove, label=path.name)


def _lock(
    settings: Settings,
    request: EditRequest,
    environment: Environment,
    project: Project,
    old: Lock | None,
    *,
    alone: bool,
    replaced: frozenset[NormalizedName],
) -> Lock:
    """Return the new lock; what is installed counts if the environment is its own project (`alone`).

    Files of the projects `replaced` were given to this command, so their locked versions may get other bytes.
    """
    named = request.named
    options = LockOptions(
        upgrade=request.upgrade and not named,
        upgrade_packages=named if request.upgrade else frozenset(),
        replaced=replaced,
        usual_platforms=not alone,
        required_groups=_group_of(request, project),
        asks=BY_ENVIRONMENT if alone else BY_PROJECT,
    )
    present, interpreter = installed(environment) if alone else (), environment.interpreter
    builder = project_builder(settings, project, interpreter, options=options, old=old)
    return make_lock(
        settings, project, interpreter.target, options, old=old, installed=present, builder=builder
    )


def _carry_out(
    settings: Settings,
    request: EditRequest,
    environment: Environment,
    goal: Goal,
    documents: Mapping[Path, bytes],
) -> SyncOutcome | None:
    if request.sync or request.dry_run:
        sync_request = SyncRequest(place=request.place, dry_run=request.dry_run)
        return sync_to(settings, sync_request, goal, {} if request.dry_run else documents, environment)
    if goal.project is not None:
        goal.project.refuse_edited()
    write_all(documents)
    return None
