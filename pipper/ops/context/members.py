"""The members of a project: the folders that its manifest and theirs name, and what they state of themselves."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.member_rules import MemberRules
from pipper.core.manifest.members import ITSELF, Member, PathSource
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requirement import name_of, normalised
from pipper.core.manifest.unread_sources import UnreadSource
from pipper.core.standards import read_requirement
from pipper.errors import UsageError
from pipper.ops.context.declared_repositories import absolute_entry
from pipper.ops.context.member_files import StatedProject, read_stated
from pipper.ops.context.project_files import PYPROJECT_TOML
from pipper.ops.context.workspace_folders import workspace_folders
from pipper.system.letter_case import is_one_place
from pipper.system.os_errors import os_errors
from pipper.system.trust import refuse_link_out


class _Found(Struct, frozen=True, kw_only=True):
    """A member, and what it says besides."""

    member: Member
    folder: str
    """Its real path."""
    stated: StatedProject
    is_required: bool
    """Whether the project requires it without saying so: itself, and what is in the workspace."""


def with_members(manifest: Manifest, root: Path, *, edited: Mapping[Path, bytes]) -> Manifest:
    """Return the manifest of the project at `root` with its members, and with what those in its workspace require.

    `edited` are manifests that are not written yet, by their paths. Raises UsageError, with the place, for a
    folder that is missing, has no project or two manifests, and for a name that two members have; MachineError if
    a folder belongs to another user or a link leads it out of the project.
    """
    # As the system sees `..`: in a project that was reached by a link, it is not beside the link.
    root = Path(os.path.realpath(root))
    reading = _Reading(
        manifest, root, {Path(os.path.realpath(path.parent), path.name): edited[path] for path in edited}
    )
    if manifest.is_package:
        reading.add(
            root,
            editable=True,
            stated=read_stated(root, label=ITSELF, edited=reading.edited),
            is_required=True,
        )
    for folder in workspace_folders(manifest.workspace, root):
        reading.add_of_workspace(folder)
    reading.add_paths(manifest.paths, root)
    return reading.merged()


class _Reading:
    def __init__(self, manifest: Manifest, root: Path, edited: Mapping[Path, bytes]) -> None:
        self.edited = edited
        self._manifest = manifest
        self._root = root
        self._found: dict[NormalizedName, _Found] = {}
        self._plain: list[Manifest] = []
        """The manifests of folders in the workspace that are not packages."""
        self._rules = MemberRules(_with_absolute(manifest, root))

    def add_of_workspace(self, folder: Path) -> None:
        refuse_link_out(folder, self._root)
        label = self._label(folder)
        if not _is_folder(folder):
            raise UsageError(
                f"workspace.members: there is no directory `{label}`",
                hint="restore the directory, or remove it from [workspace] in the manifest",
            )
        stated = read_stated(folder, label=label, edited=self.edited)
        if stated is None:
            return
        if stated.is_package:
            self.add(folder, editable=True, stated=stated, is_required=True)
            return
        self._plain.append(stated.manifest)
        self._take_rules(replace(stated, manifest=_with_own_name(stated, label)), folder)

    def add_paths(self, paths: Mapping[NormalizedName, PathSource], base: Path) -> None:
        """Add the members that `[sources]` of the manifest in `base` name, and theirs."""
        base = Path(os.path.realpath(base))
        for name, source in paths.items():
            folder = Path(os.path.normpath(base / source.path))
            for outer in (self._root, base):
                refuse_link_out(folder, outer)
            if not _is_folder(folder):
                raise UsageError(
                    f"{source.place}: there is no directory `{source.path}`",
                    cause=f"that is `{folder}`",
                    hint=f"restore the directory, or remove `{name}` from [sources]",
                )
            known = self._found.get(name)
            if known is not None and is_one_place(known.folder, folder):
                if base == self._root:  # what the manifest itself says of a member of its workspace
                    changed = replace(known.member, editable=source.editable)
                    self._found[name] = replace(known, member=changed)
                continue
            stated = read_stated(folder, label=self._label(folder), edited=self.edited)
            self._require_package(stated, name, source)
            self.add(folder, editable=source.editable, stated=stated, is_required=False, name=name)

    def _require_package(
        self, stated: StatedProject | None, name: NormalizedName, source: PathSource
    ) -> None:
        if stated is None or (not stated.is_package and not stated.name):
            raise UsageError(
                f"{source.place}: `{source.path}` is not a Python project that can be installed",
                cause="it has neither a pyproject.toml with [build-system] nor a setup.py",
                hint="correct the path, or add [build-system] to its pyproject.toml",
            )
        if stated.name and stated.name != name:
            raise UsageError(
                f"{source.place}: the project in `{source.path}` is `{stated.name}`",
                hint=f"write `{stated.name}` instead of `{name}` in [sources], or correct the path",
            )

    def add(
        self,
        folder: Path,
        *,
        editable: bool,
        stated: StatedProject | None,
        is_required: bool,
        name: NormalizedName = NormalizedName(""),  # noqa: B008 - a NewType of str
    ) -> None:
        """Add a member and what its own manifest leads to."""
        if stated is None:
            return
        path, name = self._label(folder), name or stated.name
        if not name:
            raise _nameless(path)
        known = self._found.get(name)
        if known is not None:
            if known.folder != os.path.realpath(folder):
                raise _twice(name, known.member.path, path)
            return
        self._found[name] = _Found(
            member=_member(stated, name, path, editable=editable),
            folder=os.path.realpath(folder),
            stated=stated,
            is_required=is_required,
        )
        if path != ITSELF:
            self._take_rules(stated, folder)

    def _take_rules(self, stated: StatedProject, folder: Path) -> None:
        self.add_paths(stated.manifest.paths, folder)
        manifest = self._manifest
        known = {entry.alias for entry in manifest.repositories} | {*manifest.indexes, INDEX}
        for pattern, alias in stated.manifest.sources.items():
            if alias not in known:
                raise UsageError(
                    f"`{self._label(folder)}` takes `{pattern}` from `{alias}`, which the project does not have",
                    cause="repositories and indexes are those of the project that has the lock",
                    hint=f"add `{alias}` to its [repositories] or [indexes], or remove the entry from [sources]",
                )
        self._rules.take(self._label(folder), _with_absolute(stated.manifest, folder))

    def _label(self, folder: Path) -> str:
        return Path(os.path.relpath(folder, self._root)).as_posix()

    def merged(self) -> Manifest:
        """Return the manifest with its members, and with what those in its workspace require."""
        manifest, members = self._manifest, {name: found.member for name, found in self._found.items()}
        required = [found for found in self._found.values() if found.is_required]
        inside = [found for found in required if found.member.path != ITSELF]
        groups, extras = {**manifest.groups}, {**manifest.extras}
        for each in (*(found.stated.manifest for found in inside), *self._plain):
            for group, asked in each.groups.items():
                groups[group] = _joined(groups.get(group, ()), asked)
        for found in inside:
            for extra in found.member.extras:
                asked_extra = read_requirement(f"{found.member.name}[{extra}]")
                extras[extra] = _joined(extras.get(extra, ()), (asked_extra,))
        for each in self._plain:
            for extra, asked in each.extras.items():
                extras[extra] = _joined(extras.get(extra, ()), asked)
        plain = [requirement for each in self._plain for requirement in each.dependencies]
        named = {name_of(each) for each in manifest.dependencies if each.marker is None}
        asked_for = (
            read_requirement(found.member.name) for found in required if found.member.name not in named
        )
        return replace(
            manifest,
            dependencies=_joined(manifest.dependencies, (*plain, *asked_for)),
            groups=groups,
            extras=extras,
            sources=self._rules.sources(),
            private=self._rules.private(),
            elsewhere=tuple(each for each in self._rules.elsewhere() if each.pattern not in members),
            members=tuple(members[name] for name in sorted(members)),
        )


def _is_folder(path: Path) -> bool:
    with os_errors("look into", path):
        return path.is_dir()


def _with_own_name(stated: StatedProject, label: str) -> Manifest:
    """Return the manifest of a folder that is not a package; the index is not asked for its name either."""
    if not stated.name:
        return stated.manifest
    place = UnreadSource(
        pattern=stated.name,
        where="a directory without [build-system]",
        table=f"the workspace (`{label}`)",
        hint=f"add [build-system] to {label}/{PYPROJECT_TOML}, or publish it to a repository",
    )
    return replace(stated.manifest, elsewhere=(*stated.manifest.elsewhere, place))


def _with_absolute(manifest: Manifest, folder: Path) -> Manifest:
    return replace(manifest, repositories=tuple(absolute_entry(e, folder) for e in manifest.repositories))


def _member(stated: StatedProject, name: NormalizedName, path: str, *, editable: bool) -> Member:
    own = stated.manifest if not stated.build_files else Manifest()
    return Member(
        name=name,
        path=path,
        editable=editable,
        version=stated.version,
        requires_python=own.requires_python,
        dependencies=own.dependencies,
        extras=own.extras,
        build_files=stated.build_files,
    )


def _nameless(path: str) -> UsageError:
    return UsageError(
        f"`{path}` does not say its name: setup.py computes it",
        hint=f'write it into [sources] of the manifest: NAME = {{ path = "{path}" }}',
    )


def _twice(name: str, one: str, other: str) -> UsageError:
    return UsageError(
        f"two members have the name `{name}`: `{one}` and `{other}`",
        hint="rename one of the two projects, or leave one out of the manifest",
    )


def _joined(one: Iterable[Requirement], other: Iterable[Requirement]) -> tuple[Requirement, ...]:
    return tuple({normalised(each): each for each in (*one, *other)}.values())
