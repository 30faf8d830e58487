"""The input and the result of a solve."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.lock.model import Pin
from pipper.core.manifest.conflicts import Conflicts
from pipper.core.manifest.root_label import BY_PROJECT, RootLabel
from pipper.core.ports import CandidateFile, Release
from pipper.core.target import Target


class SolveRequest(Struct, frozen=True, kw_only=True):
    """The input of one solve. All root sets are solved together; each gets its own closure."""

    target: Target
    beside: tuple[Target, ...] = ()
    """The targets of all environments of the lock: a sync tells their wheels apart by tags alone."""
    roots: Mapping[RootLabel, tuple[Requirement, ...]]
    asks: str = BY_PROJECT
    """Who asks for the roots that are no group or extra, in explanations."""
    requires_python: SpecifierSet | None = None
    """The project's own `requires-python`, which the target has to satisfy."""
    prereleases: bool | frozenset[NormalizedName] = False
    """Admit pre-releases of every project, or of these, in addition to the rule of PEP 440."""
    preferred: Mapping[NormalizedName, Version] = field(default_factory=dict)
    """Locked or installed versions to keep if they still fit; without the projects to upgrade."""
    likely: frozenset[NormalizedName] = frozenset()
    """Projects of the old lock, which are read ahead. Not installed ones: a source would receive their names."""
    constraints: tuple[Requirement, ...] = ()
    """Limits on versions that require nothing by themselves."""
    wanted_now: tuple[Requirement, ...] = ()
    """Limits like constraints, from an option of the command."""
    rest: tuple[Requirement, ...] = ()
    """Limits like constraints: the versions that the rest of the project has. Without markers."""
    unmanaged: Mapping[Pin, tuple[Requirement, ...]] = field(default_factory=dict)
    """Requirements of unmanaged distributions in the environment, which limit versions too."""
    apart: Mapping[RootLabel, Mapping[NormalizedName, Version]] = field(default_factory=dict)
    """Root sets that conflict, with their own preferred versions: the caller solves each apart."""
    conflicts: Conflicts = ()
    """Which of these must not be installed together."""
    overrides: tuple[Requirement, ...] = ()
    """Specifiers that replace those of every requirement on the same name; constraints still apply.

    One with a marker applies only where the marker holds."""
    exclude: frozenset[NormalizedName] = frozenset()
    """Projects that count as not required."""
    as_of: datetime | None = None
    """Ignore files uploaded later or at an unknown time. Must be aware."""
    builds: bool | frozenset[NormalizedName] | None = None
    """Choose source distributions where no wheel fits: of all projects, or of these. None: nothing can be built."""
    lowest_direct: bool = False
    """Choose the oldest fitting versions of the roots, to test lower bounds."""

    def __post_init__(self) -> None:
        if self.as_of is not None and self.as_of.tzinfo is None:
            raise ValueError("as_of must be an aware time")


class Solved(Struct, frozen=True, kw_only=True):
    """One project of a solution."""

    name: NormalizedName
    version: Version
    source: str
    """Alias of a repository, or `index`."""
    release: Release
    files: tuple[CandidateFile, ...]
    """The wheels of the release that fit the target, best first; its source distribution if none fits; never empty."""
    dependencies: tuple[NormalizedName, ...]
    """The projects it requires on the target with the extras below; sorted."""
    extras: tuple[NormalizedName, ...]
    """Its required extras; sorted."""


class Resolution(Struct, frozen=True, kw_only=True):
    """A solution: one version of each project that the roots reach, and no other project."""

    pins: tuple[Solved, ...]
    """Sorted by name."""
    closures: Mapping[RootLabel, frozenset[NormalizedName]]
    """The projects that each root set reaches by itself, by label."""
    conditions: frozenset[str]
    """The markers it depends on whose variables differ between machines of one target, without `extra`."""
    apart: "Mapping[RootLabel, Resolution]" = field(default_factory=dict)
    """The solutions of extras and groups that conflict: each has the pins of this one, and those of its part."""

    @property
    def parts(self) -> "tuple[Resolution, ...]":
        """This solution and those apart from it."""
        return (self, *self.apart.values())
