"""The manifest as a value: what a project requires, and where its packages come from."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from pipper.core.duration import format_duration
from pipper.core.manifest.conflicts import Conflicts
from pipper.core.manifest.declared import DeclaredEnvironment
from pipper.core.manifest.folder_pattern import Workspace
from pipper.core.manifest.inputs import Inputs
from pipper.core.manifest.members import Member, PathSource
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.manifest.requirement import (
    requirement_texts,
    specifiers_text,
)
from pipper.core.manifest.root_label import RootLabel, labelled
from pipper.core.manifest.unread_sources import UnreadSource


class Manifest(Struct, frozen=True, kw_only=True):
    """The requirements of a project, and the sources of its packages."""

    name: NormalizedName = NormalizedName("")
    """The project's own name, which no source is asked for; empty if it has none, as in `pipper.toml`."""
    requires_python: SpecifierSet = field(default_factory=SpecifierSet)
    dependencies: tuple[Requirement, ...] = ()
    groups: Mapping[NormalizedName, tuple[Requirement, ...]] = field(default_factory=dict)
    """Dependency groups with their includes resolved (PEP 735)."""
    extras: Mapping[NormalizedName, tuple[Requirement, ...]] = field(default_factory=dict)
    repositories: tuple[RepositoryEntry, ...] = ()
    """In order of trust: the first one that has a project is its source."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Project name or pattern -> alias of its only source."""
    paths: Mapping[NormalizedName, PathSource] = field(default_factory=dict)
    """The entries of `[sources]` that name the folder of a member."""
    workspace: Workspace = Workspace()
    """Patterns of folders: all projects in them are members, and their requirements are the project's."""
    is_package: bool = False
    """Whether the project itself is installed: a `pyproject.toml` with `[build-system]` and `[project]`."""
    members: tuple[Member, ...] = ()
    """What is found at these places; empty until it is read from the disk."""
    reserved: Mapping[NormalizedName, str] = field(default_factory=dict)
    """The members of projects around this one, each with its folder: no source may be asked for them."""
    elsewhere: tuple[UnreadSource, ...] = ()
    """What tables of other tools take from a path, git, an own index or the like: not to be asked of the index."""
    index: bool = True
    index_url: str = ""
    """Empty if pip's own configuration names the index."""
    indexes: Mapping[str, str] = field(default_factory=dict)
    """Further indexes, alias to URL: each serves only the names that `sources` gives to it."""
    private: tuple[str, ...] = ()
    """Names and patterns that no index is asked for, unless an entry of `sources` as exact says so."""
    prereleases: bool | tuple[NormalizedName, ...] = False
    constraints: tuple[Requirement, ...] = ()
    """Limits on versions, which require nothing by themselves."""
    overrides: tuple[Requirement, ...] = ()
    """Versions that replace those of every requirement on the same project."""
    exclude: tuple[NormalizedName, ...] = ()
    """Projects that count as not required, whoever requires them."""
    as_of: datetime | None = None
    """Timezone-aware; files published later are ignored."""
    cool_down: timedelta = timedelta()
    """The least time since the publication of a file; zero for no limit."""
    build_allow: bool | tuple[NormalizedName, ...] = False
    """The projects whose source distributions may be built where no wheel fits; True for all."""
    conflicts: Conflicts = ()
    """Extras and groups that are never installed together: each of a set is solved apart."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path or pattern -> the package that wins it where several bring other bytes, or `first`."""
    environments: tuple[DeclaredEnvironment, ...] = ()
    """The environments that must have a solution, in order; empty for the current one."""

    @property
    def roots(self) -> Mapping[RootLabel, tuple[Requirement, ...]]:
        """The sets of requirements by label."""
        return labelled(self.dependencies, self.groups, self.extras)

    def inputs(self) -> Inputs:
        """Return the keys that can change a solution, as in a lock."""
        return Inputs(
            name=self.name,
            requires_python=specifiers_text(self.requires_python),
            requirements=requirement_texts(self.dependencies),
            groups={name: requirement_texts(self.groups[name]) for name in sorted(self.groups)},
            extras={name: requirement_texts(self.extras[name]) for name in sorted(self.extras)},
            sources={name: self.sources[name] for name in sorted(self.sources)},
            repositories=tuple(entry.alias for entry in self.repositories),
            index=self.index,
            indexes={alias: self.indexes[alias] for alias in sorted(self.indexes)},
            private=self.private,
            prereleases=self.prereleases,
            constraints=requirement_texts(self.constraints),
            overrides=requirement_texts(self.overrides),
            exclude=self.exclude,
            as_of=self.as_of.isoformat() if self.as_of else "",
            cool_down=format_duration(self.cool_down // timedelta(seconds=1)) if self.cool_down else "",
            environments=tuple(sorted(map(str, self.environments))),
            build_allow=self.build_allow,
            members={member.name: member.inputs() for member in sorted(self.members, key=_name)},
            conflicts=self.conflicts,
            files={pattern: self.files[pattern] for pattern in sorted(self.files)},
        )


def _name(member: Member) -> str:
    return member.name
