"""The source of a copy: a repository, or the index behind the rules on private names."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.core.layout.provenance import FileOrigin, SourceKind
from pipper.core.manifest.inputs import INDEX, PATH
from pipper.core.manifest.members import without_itself
from pipper.core.manifest.model import Manifest
from pipper.core.urls import plain
from pipper.errors import NoSolutionError, UsageError
from pipper.index.source import IndexSource
from pipper.ops.context.open_sources import Sources, open_sources
from pipper.ops.context.project import Project, find_project
from pipper.ops.context.project_files import PIPPER_TOML
from pipper.ops.context.settings import Settings
from pipper.ops.context.surroundings import project_beside
from pipper.ops.repository.copy_builds import sdist_builds
from pipper.ops.repository.copy_offers import Ways, index_offers, repository_offers
from pipper.ops.repository.endpoints import is_index, open_end
from pipper.repository.copier import Offer
from pipper.repository.source import Repository


class CopySource(Struct, frozen=True, kw_only=True):
    """Where files are copied from: exactly one of `repository` and `index` is given."""

    location: str
    """Its URL, for messages."""
    ways: Ways
    alias: str
    """The alias of its packages in a solution."""
    repository: Repository | None = None
    index: IndexSource | None = None
    """Or a further index of the manifest."""
    sources: Sources | None = None
    """All sources of the project, for a copy from the index."""

    def names(self) -> Iterable[NormalizedName]:
        """Return the projects of a repository."""
        return self.repository.folders() if self.repository else ()

    def offers(self, name: NormalizedName) -> list[Offer]:
        """Return all files of a project."""
        if self.repository is not None:
            return repository_offers(self.repository, name, self.ways)
        assert self.index is not None  # noqa: S101 - one of both is given
        return index_offers(self.index, name, self.ways)

    def require_public(self, names: Iterable[NormalizedName], target: Repository | None) -> None:
        """Raise NoSolutionError for a name that the index must not receive; nothing to check for a repository.

        That is a name that a repository of the project or the target holds, unless it is a copy of the index's,
        one that `[sources]` gives to a repository, one that the project's lock took from a repository, and a member.
        Raises UsageError for one that another tool's table gives to a path or to git. Then reads the index's pages.
        """
        if self.sources is None:
            return
        asked = tuple(names)
        for name in asked:
            routed = self.sources.router.route(name)
            if self.alias != INDEX:
                if routed is None or routed.alias != self.alias:
                    raise _not_given(name, self.alias)
                continue
            by_alias = {each.alias: each for each in self.sources.repositories}
            if routed is None:
                raise _private(name, self.sources.router.searched(name))
            if routed.alias == PATH:
                raise _private(name, "it is a member of the project, and comes from its directory")
            holder = by_alias.get(routed.alias)
            if holder is not None and not (holder.holds(name) and holder.page(name).is_mirror):
                raise _private(name, f"it comes from `{routed.alias}` ({holder.store.location})")
            if target is not None and name in target.folders() and not target.page(name).is_mirror:
                raise _private(name, f"{target.store.location} holds it, and not as a copy of the index's")
        self.sources.router.prefetch(asked)


def _not_given(name: NormalizedName, alias: str) -> NoSolutionError:
    return NoSolutionError(
        f"`{alias}` is not asked for `{name}`",
        cause="[sources] of the manifest does not give it to this index",
        hint=f'if it is there, write `{name} = "{alias}"` into [sources]',
    )


def _private(name: NormalizedName, why: str) -> NoSolutionError:
    return NoSolutionError(
        f"the index is not asked for `{name}`: it may be private",
        cause=why,
        hint=f'if the name is public, write `{name} = "index"` into [sources] of the manifest, or copy it elsewhere',
    )


def open_source(
    settings: Settings,
    text: str,
    *,
    now: datetime,
    by: str,
    build: tuple[NormalizedName, ...] = (),
    beside: Path | None = None,
) -> CopySource:
    """Open the source of a copy. Raises UsageError if it does not exist, or if the manifest excludes the index.

    `build` are the projects whose source distributions of an index may be built, besides those of the manifest. What
    lies `beside` a lock that names what is copied has private names too.
    """
    at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    project = find_project(settings.directory)
    if not is_index(text) and not (project and text in project.manifest.indexes):
        if build:
            raise UsageError("--build is for copies from an index", hint="leave it out")
        repository = open_end(settings, text)
        repository.require()
        location = repository.store.location
        # The directory of one machine says nothing to others.
        shown = "" if location.startswith("file:") else location
        origin = FileOrigin(source="repository", location=shown, copied_at=at, copied_by=by)
        ways = Ways(origin=origin, limits=settings.limits, now=now)
        return CopySource(location=location, ways=ways, alias=repository.alias, repository=repository)
    project = project or _nowhere(settings.directory)
    manifest = replace(project.manifest, members=without_itself(project.manifest.members))
    touched = (project_beside(beside),) if beside else ()
    sources = open_sources(settings, replace(project, manifest=manifest, touched=touched), old=None)
    index = sources.indexes.get(text)
    if index is None:
        raise UsageError(
            "the manifest excludes the index",
            cause="it has `index = false`",
            hint="run the command outside the project, or with --project",
        )
    location = plain(index.connection.url)
    shown = "" if location.startswith("file:") else location
    # What a further index has may be private: only copies of the index itself have a public name.
    kind: SourceKind = "index" if text == INDEX else "repository"
    origin = FileOrigin(source=kind, location=shown, copied_at=at, copied_by=by)
    builds = sdist_builds(settings, project, build)
    ways = Ways(origin=origin, limits=settings.limits, now=now, builds=builds)
    return CopySource(location=location, ways=ways, alias=text, index=index, sources=sources)


def _nowhere(directory: Path) -> Project:
    return Project(manifest_path=directory / PIPPER_TOML, manifest=Manifest())
