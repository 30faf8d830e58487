"""What a solve is asked, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.lock.model import Pin
from pipper.core.manifest.root_label import RootLabel
from pipper.core.ports import CandidateFile, Release
from pipper.core.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveRequest:
    """What one solve is asked. All root sets are solved together; their closures are told apart later."""

    target: Target
    roots: Mapping[RootLabel, tuple[Requirement, ...]]
    requires_python: SpecifierSet | None = None
    """What the project itself says of Python; held against the target."""
    prereleases: bool | frozenset[NormalizedName] = False
    """Admit pre-releases of every project, or of these, beyond the rule of PEP 440."""
    preferred: Mapping[NormalizedName, Version] = field(default_factory=dict)
    """Versions to keep where they still fit: locked or installed ones. What is to be upgraded is left out."""
    likely: frozenset[NormalizedName] = frozenset()
    """Projects that are probably needed, read ahead: those of the old lock. Never what merely is installed
    somewhere, since a source is asked for them."""
    constraints: tuple[Requirement, ...] = ()
    """Limits on versions that require nothing by themselves."""
    unmanaged: Mapping[Pin, tuple[Requirement, ...]] = field(default_factory=dict)
    """Limits by what unmanaged distributions in the environment require."""
    overrides: tuple[Requirement, ...] = ()
    """Specifiers that replace those of every requirement on the same name; constraints hold against them."""
    as_of: datetime | None = None
    """Aware; files uploaded later, or at a time that nobody noted, are not there."""
    lowest_direct: bool = False
    """Choose the oldest fitting versions of the roots, to test lower bounds."""

    def __post_init__(self) -> None:
        if self.as_of is not None and self.as_of.tzinfo is None:
            raise ValueError("as_of must be an aware time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """One project of a solution."""

    name: NormalizedName
    version: Version
    source: str
    """Alias of a repository, or `index`."""
    release: Release
    files: tuple[CandidateFile, ...]
    """The wheels of the release that fit the target, best first; never empty."""
    dependencies: tuple[NormalizedName, ...]
    """What it needs under the target's markers and the extras below; sorted."""
    extras: tuple[NormalizedName, ...]
    """Its extras that somebody asked for; sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """A solution: one version of everything that the roots reach, and nothing else."""

    pins: tuple[Solved, ...]
    """Sorted by name."""
    closures: Mapping[RootLabel, frozenset[NormalizedName]]
    """What each root set reaches by itself, by label."""
    conditions: frozenset[str]
    """The markers it rests on whose variables differ between machines of one kind, without `extra`."""
