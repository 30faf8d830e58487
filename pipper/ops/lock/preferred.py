"""The versions that a new lock prefers: locked ones, then installed ones, without packages to upgrade."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from msgspec import Struct, field
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.lock.model import Lock, Pin, sort_key
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requirement import name_of
from pipper.core.manifest.root_label import RootLabel, labelled
from pipper.core.standards import read_version
from pipper.core.target import Target
from pipper.ops.lock.options import LockOptions

Key = TypeVar("Key")
V = TypeVar("V")
Versions = Mapping[NormalizedName, Version]


class Preferred(Struct, frozen=True, kw_only=True):
    """Versions to keep if they still match."""

    by_target: Mapping[Target, Versions] = field(default_factory=dict)
    """The versions locked for each environment, each the newest of those that its groups and extras have."""
    newest: Versions = field(default_factory=dict)
    """The newest version locked for any environment."""
    installed: Versions = field(default_factory=dict)
    parts: Mapping[Target, Mapping[RootLabel, Versions]] = field(default_factory=dict)
    """The versions locked for each group and extra of each environment."""

    def locked_for(self, target: Target) -> Versions:
        """Return the versions locked for `target`; a lock leaves out the variables that no condition uses."""
        return self._of(target, self.by_target)

    def locked_apart(self, target: Target) -> Mapping[RootLabel, Versions]:
        """Return the versions locked for each group and extra for `target`; empty if the lock does not have it."""
        return self._of(target, self.parts)

    @property
    def newest_apart(self) -> Mapping[RootLabel, Versions]:
        """The newest versions locked for each group and extra in any environment."""
        found: dict[RootLabel, dict[NormalizedName, Version]] = {}
        for parts in self.parts.values():
            for label, versions in parts.items():
                known = found.setdefault(label, {})
                known |= {name: max(version, known.get(name, version)) for name, version in versions.items()}
        return found

    @staticmethod
    def _of(target: Target, locked: Mapping[Target, Mapping[Key, V]]) -> Mapping[Key, V]:
        same = (found for each, found in locked.items() if each.completed(target) == target)
        return next(same, {})


def preferred_versions(
    manifest: Manifest, old: Lock | None, installed: Versions, options: LockOptions
) -> Preferred:
    """Return the versions of an old lock and an environment, without those that `options` upgrade."""
    if options.upgrade:
        return Preferred()
    free = options.upgrade_packages
    if options.lowest_direct:
        free = free.union(name_of(each) for requirements in manifest.roots.values() for each in requirements)
    environments = old.environments if old else ()

    def newest(pins: Iterable[Pin]) -> Versions:
        kept = (pin for pin in pins if pin.version and pin.name not in free)
        return {
            pin.name: read_version(pin.version) for pin in sorted(kept, key=sort_key)
        }  # the last one wins

    return Preferred(
        by_target={each.target: newest(each.pins) for each in environments},
        newest=newest(package.pin for package in (old.packages if old else ())),
        installed={name: version for name, version in installed.items() if name not in free},
        parts={
            each.target: {
                label: newest(pins)
                for label, pins in labelled(each.packages, each.groups, each.extras).items()
            }
            for each in environments
        },
    )
