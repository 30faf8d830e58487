"""The plan: the difference between a lock and an environment; `--dry-run`, `--check` and sync use the same one."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.core.lock.model import LockedFile
from pipper.core.standards import read_version

INSTALLER = "pipper"
"""The content of `dist-info/INSTALLER` of a distribution that pipper installed (PEP 376, PEP 627)."""


class Wanted(Struct, frozen=True, kw_only=True):
    """A locked package with its file for one environment: a wheel, or a source distribution to build."""

    name: NormalizedName
    version: str
    """Empty for a member whose build backend computes it."""
    source: str
    """Alias of a repository, `index`, or `path` for a member."""
    file: LockedFile
    """Of a member: the URL of its folder, and a digest of its state in the place of a hash."""
    build: str = ""
    """For a source distribution: a digest of all packages of its build; for a member: how it is installed; empty for a
    wheel."""
    tools: tuple["Wanted", ...] = ()
    """The packages of its build."""

    @property
    def filename(self) -> str:
        """The file's own name (PEP 427, PEP 625)."""
        return self.file.filename


class Installed(Struct, frozen=True, kw_only=True):
    """A distribution in an environment."""

    name: NormalizedName
    version: str
    dist_info: Path
    """Its `.dist-info` (or `.egg-info`) directory."""
    installer: str = ""
    """The first line of INSTALLER; empty without one."""
    source: str = ""
    """From `dist-info/pipper.json`; empty without one."""
    sha256: str = ""
    """The hash of its wheel or source distribution, from `dist-info/pipper.json`; empty without one."""
    build: str = ""
    """See `Wanted.build`; from `dist-info/pipper.json`."""
    yields: tuple[str, ...] = ()
    """The files that it was installed without because another package won them, as RECORD would name them; from
    `dist-info/pipper.json`."""
    python: str = ""
    """The interpreter of its scripts, from `dist-info/pipper.json`; empty without one."""

    @property
    def ours(self) -> bool:
        """Whether pipper installed it: INSTALLER and `pipper.json` both name pipper's work."""
        return self.installer == INSTALLER and bool(self.sha256)


class Install(Struct, frozen=True, kw_only=True):
    """Install a distribution that the environment lacks."""

    wanted: Wanted


class Replace(Struct, frozen=True, kw_only=True):
    """Install another version or other bytes of an installed distribution.

    There are several installed ones where another tool left an old `.dist-info` behind.
    """

    installed: tuple[Installed, ...]
    wanted: Wanted
    for_shared: bool = False
    """Whether it is as locked, and `[files]` gives it a path, or takes one from it."""


class Remove(Struct, frozen=True, kw_only=True):
    """Remove a distribution that is not in the lock."""

    installed: Installed


class Keep(Struct, frozen=True, kw_only=True):
    """Leave a distribution that is already as locked."""

    installed: Installed
    wanted: Wanted


Action = Install | Replace | Remove | Keep


class Plan(Struct, frozen=True, kw_only=True):
    """Actions in the order of names."""

    actions: tuple[Action, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    """`[files]` of the manifest: which package wins a path that several bring with other bytes."""

    @property
    def changes(self) -> tuple[Install | Replace | Remove, ...]:
        """Every action but Keep."""
        return tuple(action for action in self.actions if not isinstance(action, Keep))

    @property
    def incoming(self) -> tuple[Wanted, ...]:
        """The packages to fetch."""
        return tuple(action.wanted for action in self.actions if isinstance(action, Install | Replace))

    @property
    def kept(self) -> tuple[Installed, ...]:
        """The distributions that stay, judged by what their `.dist-info` states."""
        return tuple(action.installed for action in self.actions if isinstance(action, Keep))

    @property
    def without_removals(self) -> "Plan":
        """The plan that leaves distributions that are not in the lock."""
        return replace(self, actions=tuple(each for each in self.actions if not isinstance(each, Remove)))

    def replacing(self, names: Collection[NormalizedName], *, for_shared: bool = False) -> "Plan":
        """Return the plan that replaces these of the kept distributions; `for_shared` as in `Replace`."""
        return replace(
            self,
            actions=tuple(
                Replace(installed=(action.installed,), wanted=action.wanted, for_shared=for_shared)
                if isinstance(action, Keep) and action.installed.name in names
                else action
                for action in self.actions
            ),
        )


def make_plan(wanted: Iterable[Wanted], installed: Iterable[Installed], *, exact: bool = False) -> Plan:
    """Return the plan that turns the installed distributions into the wanted ones.

    A distribution is kept only if pipper installed it from exactly the locked wheel. One that is not wanted is
    removed if pipper installed it; with `exact`, in any case.
    """
    present: dict[NormalizedName, list[Installed]] = {}
    for distribution in sorted(installed, key=lambda each: str(each.dist_info)):
        present.setdefault(distribution.name, []).append(distribution)
    actions: dict[tuple[str, str], Action] = {}
    for want in wanted:
        actions[want.name, ""] = _action(want, present.pop(want.name, []))
    for name, leftovers in present.items():
        for leftover in leftovers:
            if exact or leftover.ours:
                actions[name, str(leftover.dist_info)] = Remove(installed=leftover)
    return Plan(actions=tuple(actions[key] for key in sorted(actions)))


def _action(want: Wanted, found: list[Installed]) -> Action:
    if not found:
        return Install(wanted=want)
    known = (found[0].sha256, found[0].build)
    same = len(found) == 1 and found[0].ours and known == (want.file.sha256, want.build)
    # The same wheel with another version means that the lock is wrong: the installation of the wheel reports it.
    if same and (
        not want.version
        or found[0].version == want.version
        or read_version(found[0].version) == read_version(want.version)
    ):
        return Keep(installed=found[0], wanted=want)
    return Replace(installed=tuple(found), wanted=want)
