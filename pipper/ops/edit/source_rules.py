"""The rules on sources that an edit writes into a manifest, so that they hold where no other project is in sight."""

from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.core.manifest.edit import set_repository, set_rules
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.rules import served_by, with_rules
from pipper.core.manifest.unread_sources import ANY
from pipper.errors import UsageError
from pipper.ops.context.guarded_index import held
from pipper.ops.context.index_client import url_of_index, url_of_public_index
from pipper.ops.context.open_repositories import default_repositories, given_repositories
from pipper.ops.context.other_tools import with_other_tools
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Settings
from pipper.ops.context.surroundings import (
    Surroundings,
    locked_sources,
    portable_rules,
    surroundings_of,
    with_rules_around,
)


def with_rules_of_command(
    settings: Settings, data: bytes, path: Path, origin: Project | None, added: Collection[NormalizedName]
) -> bytes:
    """Return the manifest of an environment with the repositories and rules that hold for this command.

    Nobody edits such a manifest by hand: what holds now must still hold where no project is around. `origin` is the
    project whose requirements, `added`, it gets. Raises UsageError as `with_rules_of_origin` does for places.
    """
    given = given_repositories(settings)
    for entry in given:
        data = set_repository(data, entry, label=path.name)
    own = parse_manifest(data, label=path.name)
    project = Project(manifest_path=path, manifest=own, touched=(origin,) if origin else ())
    near = surroundings_of(settings, project)
    ruled = with_rules_around(settings, project, near).manifest
    _refuse_unread(settings, ruled, near, added, path)
    if not ruled.repositories:
        ruled = replace(ruled, repositories=default_repositories(settings))
    known = {entry.alias for entry in ruled.repositories}
    alias = given[0].alias if given else ""
    locked = served_by(locked_sources(ruled, near), known, alias)
    sources = served_by(ruled.sources, known, alias)
    sources |= {name: source for name, source in locked.items() if source in known}
    ruled = replace(ruled, sources=sources)
    return set_rules(data, _with_private(settings, ruled, near, path.parent), label=path.name)


def with_rules_of_origin(
    settings: Settings, data: bytes, path: Path, origin: Project, added: Collection[NormalizedName]
) -> bytes:
    """Return the manifest of a project with the rules on sources of the one whose requirements, `added`, it gets.

    Raises UsageError if only that one excludes the index, or takes one of them from a place that pipper does not read:
    then its requirements may be private.
    """
    own = parse_manifest(data, label=path.name)
    project = Project(manifest_path=path, manifest=own, touched=(origin,))
    near = replace(surroundings_of(settings, project), around=())
    ruled = replace(own, elsewhere=())  # its own places hold where they are
    for each in near.touched:
        rules = portable_rules(settings, each)
        if own.index and not rules.index:
            raise UsageError(
                f"{each.manifest_path} excludes the index, {path} does not",
                cause="the index must not receive names that may be private",
                hint=f"write `index = false` into {path.name}, or add the requirements by name",
            )
        ruled = with_rules(ruled, rules, follows=False)
    _refuse_unread(settings, ruled, near, added, path)
    return set_rules(data, _with_private(settings, ruled, near, path.parent), label=path.name)


def _refuse_unread(
    settings: Settings, ruled: Manifest, near: Surroundings, added: Collection[NormalizedName], path: Path
) -> None:
    """Raise UsageError if a project whose requirements are `added` takes one from a place that pipper does not read."""
    for each in near.touched if ruled.index else ():
        told = replace(ruled, elsewhere=with_other_tools(each).elsewhere)
        for place in held(told, lambda: ruled.index_url, lambda: url_of_public_index(settings, path.parent)):
            is_added = place.pattern == ANY or any(fnmatchcase(name, place.pattern) for name in added)
            if is_added and place.pattern not in ruled.sources:
                raise UsageError(
                    f"{each.manifest_path} takes `{place.pattern}` from {place.where} ({place.table}),"
                    f" unknown to {path}",
                    cause="the index must not receive names that may be private",
                    hint=f'write `"{place.pattern}" = "ALIAS"` into [sources] of one of the two, or add names instead',
                )


def _with_private(settings: Settings, ruled: Manifest, near: Surroundings, root: Path) -> Manifest:
    """Return the manifest whose `private` also has the names that no source may be asked for in this command."""
    found = held(
        ruled, lambda: url_of_index(settings, ruled, root), lambda: url_of_public_index(settings, root)
    )
    places = (each.pattern for each in found)
    locked = locked_sources(ruled, near)
    private = {*ruled.private, *ruled.reserved, *places, *locked}
    return replace(ruled, private=tuple(sorted(private)))
