"""The sources of a command. This is the only place that makes a router: no command asks an index without its rules."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from pipper.core.lock.model import Lock
from pipper.core.manifest.inputs import INDEX, PATH
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.rules import served_by
from pipper.core.ports import Source
from pipper.core.reads import ReadLog
from pipper.ops.context.declared_repositories import declared_repositories
from pipper.ops.context.guarded_index import GuardedIndex, held
from pipper.ops.context.member_source import MemberSource
from pipper.ops.context.open_repositories import given_alias, open_repositories
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Settings
from pipper.ops.context.surroundings import private_names, surroundings_of, with_rules_around
from pipper.repository.source import Repository
from pipper.solve.router import SourceRouter
from pipper.system.parallel import spread

if TYPE_CHECKING:
    from pipper.index.source import IndexSource


class Sources(Struct, frozen=True, kw_only=True):
    """The repositories and the index of a command, and the router that chooses among them."""

    router: SourceRouter
    repositories: tuple[Repository, ...]
    """In order of trust."""
    indexes: "Mapping[str, IndexSource]"
    """The index, unless the rules exclude it, and the further ones of the manifest, by alias."""
    members: MemberSource


def open_sources(
    settings: Settings,
    project: Project,
    *,
    old: Lock | None,
    use_index: bool = True,
    offline: bool = False,
    may_be_empty: bool = False,
    log: ReadLog | None = None,
) -> Sources:
    """Return the sources for the requirements of a project; send no request.

    The rules are those of its manifest and of all projects that the command touches: the index is asked only if all
    of them allow it, and never for a name that a repository holds, that `[sources]` gives to one, or that a lock of
    theirs took from one. The name of a member is asked of nobody.
    `old` is the project's lock if the caller has it; else it is read. The reads of the sources are noted in `log`.
    Raises what `find_project`, `load_lock` and `open_repositories` raise.
    """
    near = surroundings_of(settings, project)
    manifest = with_rules_around(settings, project, near).manifest
    declared = declared_repositories(manifest, old)
    repositories = open_repositories(
        settings, declared, base=project.root, may_be_empty=may_be_empty, offline=offline, log=log
    )
    aliases = [*manifest.indexes, *([INDEX] if manifest.index else [])] if use_index else []
    indexes = _open_indexes(settings, replace(project, manifest=manifest), aliases, offline=offline, log=log)

    def url() -> str:
        from pipper.ops.context.index_client import url_of_index  # noqa: PLC0415 - few manifests need it

        found = url_of_index(settings, manifest, project.root)
        if log:
            log.note_place(INDEX, found)
        return found

    @cache
    def public() -> str:
        from pipper.ops.context.index_client import url_of_public_index  # noqa: PLC0415 - few manifests need it

        return url_of_public_index(settings, project.root)

    guarded = [
        GuardedIndex(index, manifest, url, public) if alias == INDEX else index
        for alias, index in indexes.items()
    ]
    members = MemberSource(manifest.members, manifest.reserved)
    sources: list[Source] = [*repositories, *guarded, *([members] if members.names else [])]
    known = {source.alias for source in sources} | set(manifest.indexes)
    pinned = served_by(manifest.sources, known, given_alias(settings))
    left_out = {INDEX, *manifest.indexes} - indexes.keys()
    router = SourceRouter(
        sources,
        pinned={
            **{pattern: alias for pattern, alias in pinned.items() if alias not in left_out},
            **dict.fromkeys(members.names, PATH),
        },
        pinned_only=frozenset((PATH, *manifest.indexes)),
        private=_private(manifest, url, public),
        locked_private=private_names(project, old, near),
        spread=spread,
    )
    return Sources(router=router, repositories=repositories, indexes=indexes, members=members)


def _open_indexes(
    settings: Settings, project: Project, aliases: Iterable[str], *, offline: bool, log: ReadLog | None
) -> "Mapping[str, IndexSource]":
    if not aliases:
        return {}
    from pipper.ops.context.open_index import open_index  # noqa: PLC0415 - a project may have repositories alone

    return {
        alias: open_index(
            settings, project.manifest, root=project.root, alias=alias, offline=offline, log=log
        )
        for alias in aliases
    }


def _private(manifest: Manifest, url: Callable[[], str], public: Callable[[], str]) -> tuple[str, ...]:
    """Return `private` without what `GuardedIndex` refuses: it says in words why."""
    refused = {each.pattern for each in held(manifest, url, public)} if manifest.private else set()
    return tuple(each for each in manifest.private if each not in refused)
