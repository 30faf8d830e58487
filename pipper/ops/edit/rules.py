"""The rules on sources that an edit writes into a manifest, so that they hold where no other project is in sight."""

from pathlib import Path

from msgspec.structs import replace

from pipper.core.manifest.edit import set_repository, set_rules
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.rules import served_by, with_rules
from pipper.errors import UsageError
from pipper.ops.context.guarded_index import held
from pipper.ops.context.index_client import url_of_index
from pipper.ops.context.open_repositories import default_repositories, given_repositories
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Settings
from pipper.ops.context.surroundings import (
    is_of_environment,
    locked_sources,
    portable_rules,
    projects_around,
    with_rules_around,
)


def with_rules_of_command(settings: Settings, data: bytes, path: Path) -> bytes:
    """Return the manifest of an environment with the repositories and rules that hold for this command.

    Nobody edits such a manifest by hand: what holds now must still hold where no project is around.
    """
    given = given_repositories(settings)
    for entry in given:
        data = set_repository(data, entry, label=path.name)
    own = Project(manifest_path=path, manifest=parse_manifest(data, label=path.name))
    around = projects_around(settings, path)
    ruled = with_rules_around(settings, own, around).manifest
    if not ruled.repositories:
        ruled = replace(ruled, repositories=default_repositories(settings))
    known = {entry.alias for entry in ruled.repositories}
    alias = given[0].alias if given else ""
    locked = served_by(locked_sources(ruled, around), known, alias)
    sources = served_by(ruled.sources, known, alias)
    sources |= {name: source for name, source in locked.items() if source in known}
    places = held(ruled, lambda: url_of_index(settings, ruled, own.root))
    names = (each.manifest.name for each in around if each.manifest.name)
    private = {*ruled.private, *ruled.reserved, *(each.pattern for each in places), *names}
    return set_rules(data, replace(ruled, sources=sources, private=tuple(sorted(private))), label=path.name)


def with_rules_of_origin(settings: Settings, data: bytes, path: Path, origin: Project) -> bytes:
    """Return the manifest with the rules on sources of the project whose requirements it gets.

    Raises UsageError if only that project excludes the index: then its requirements may be private.
    """
    own = parse_manifest(data, label=path.name)
    if own.index and not origin.manifest.index and not is_of_environment(path):
        raise UsageError(
            f"{origin.manifest_path} excludes the index, {path} does not",
            cause="the index must not receive names that may be private",
            hint=f"write `index = false` into {path.name}, or add the requirements by name",
        )
    ruled = with_rules(own, portable_rules(settings, origin), follows=False)
    for each in origin.manifest.elsewhere:
        if ruled.index and each.pattern not in ruled.sources and not each.is_one_of([ruled.index_url]):
            raise UsageError(
                f"{origin.manifest_path} takes `{each.pattern}` from {each.where} ({each.table}), unknown to {path}",
                cause="the index must not receive names that may be private",
                hint=f'write `"{each.pattern}" = "ALIAS"` into [sources] of one of the two, or add names instead',
            )
    return set_rules(data, ruled, label=path.name)
