"""The plan: what lies between a lock and an environment, one value for `--dry-run`, `--check` and sync."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.lock.model import LockedFile

INSTALLER = "pipper"
"""What `dist-info/INSTALLER` holds for a distribution that pipper wrote (PEP 376, PEP 627)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A locked package with the wheel of it that fits the environment at hand."""

    name: NormalizedName
    version: str
    source: str
    """Alias of a repository, or `index`."""
    file: LockedFile

    @property
    def filename(self) -> str:
        """The wheel's own file name (PEP 427)."""
        return self.file.filename


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A distribution that stands in an environment."""

    name: NormalizedName
    version: str
    dist_info: Path
    """Its `.dist-info` (or `.egg-info`) directory."""
    installer: str = ""
    """First line of INSTALLER; empty where there is none."""
    source: str = ""
    """From `dist-info/pipper.json`; empty where there is none."""
    sha256: str = ""
    """The wheel it came from, from `dist-info/pipper.json`; empty where there is none."""
    python: str = ""
    """The interpreter that its scripts name, from `dist-info/pipper.json`; empty where none was written for it."""

    @property
    def ours(self) -> bool:
        """Whether it bears both of pipper's marks."""
        return self.installer == INSTALLER and bool(self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Install:
    """Put in what is not there."""

    wanted: Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Put in another version or other bytes of what is there (more than once, where a tool left litter)."""

    installed: tuple[Installed, ...]
    wanted: Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """Take out what the lock does not hold."""

    installed: Installed


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Leave what is as locked."""

    installed: Installed
    wanted: Wanted


Action = Install | Replace | Remove | Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Actions in the order of names."""

    actions: tuple[Action, ...]

    @property
    def changes(self) -> tuple[Install | Replace | Remove, ...]:
        """Every action but Keep."""
        return tuple(action for action in self.actions if not isinstance(action, Keep))

    @property
    def incoming(self) -> tuple[Wanted, ...]:
        """What has to be fetched."""
        return tuple(action.wanted for action in self.actions if isinstance(action, Install | Replace))

    @property
    def kept(self) -> tuple[Installed, ...]:
        """What stays as it is, by its marks."""
        return tuple(action.installed for action in self.actions if isinstance(action, Keep))

    def replacing(self, damaged: Collection[NormalizedName]) -> "Plan":
        """Return the plan that replaces, of what this one keeps, the distributions that are damaged."""
        return Plan(
            actions=tuple(
                Replace(installed=(action.installed,), wanted=action.wanted)
                if isinstance(action, Keep) and action.installed.name in damaged
                else action
                for action in self.actions
            )
        )


def make_plan(wanted: Iterable[Wanted], installed: Iterable[Installed], *, exact: bool = False) -> Plan:
    """Hold what is wanted against what is installed.

    Kept is only what bears pipper's marks and came from the very wheel that is locked. Removed is what is not
    wanted and bears the marks; with `exact`, whatever is not wanted.
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
    same = len(found) == 1 and found[0].ours and found[0].sha256 == want.file.sha256
    # The same wheel under another version is a lock that lies; whoever unpacks the wheel tells.
    if same and (found[0].version == want.version or Version(found[0].version) == Version(want.version)):
        return Keep(installed=found[0], wanted=want)
    return Replace(installed=tuple(found), wanted=want)
