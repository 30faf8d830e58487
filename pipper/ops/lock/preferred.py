"""The versions that a new lock prefers: locked ones, then installed ones, without packages to upgrade."""

from collections.abc import Mapping

from msgspec import Struct, field
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.lock.model import Lock
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requirement import name_of
from pipper.core.manifest.root_label import RootLabel, labelled
from pipper.core.standards import read_version
from pipper.core.target import Target
from pipper.ops.lock.options import LockOptions

Versions = Mapping[NormalizedName, Version]


class Preferred(Struct, frozen=True, kw_only=True):
    """Versions to keep if they still match."""

    by_target: Mapping[Target, Versions] = field(default_factory=dict)
    """The versions locked for each environment."""
    newest: Versions = field(default_factory=dict)
    """The newest version locked for any environment."""
    installed: Versions = field(default_factory=dict)
    apart: Mapping[RootLabel, Versions] = field(default_factory=dict)
    """The newest versions locked for each group and extra."""

    def locked_for(self, target: Target) -> Versions:
        """Return the versions locked for `target`; a lock leaves out the variables that no condition uses."""
        same = (found for locked, found in self.by_target.items() if locked.completed(target) == target)
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
    return Preferred(
        by_target={
            each.target: {
                pin.name: read_version(pin.version)
                for pin in each.pins
                if pin.version and pin.name not in free
            }
            for each in (old.environments if old else ())
        },
        newest={  # packages of a lock are sorted by version: the last one wins
            package.name: read_version(package.version)
            for package in (old.packages if old else ())
            if package.name not in free and not package.path
        },
        installed={name: version for name, version in installed.items() if name not in free},
        apart={
            label: {
                pin.name: read_version(pin.version) for pin in pins if pin.version and pin.name not in free
            }
            for each in (old.environments if old else ())
            for label, pins in labelled(each.packages, each.groups, each.extras).items()
        },
    )
