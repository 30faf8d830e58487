"""Which versions of a project `repository prune` removes. Pure: pages and rules in, versions out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.published import PackageVersion, PublishedPackage


class Rules(Struct, frozen=True, kw_only=True):
    """A version goes if every given rule says so; the newest version never goes by a rule."""

    keep: int | None = None
    """Keep so many of the newest versions; pre-releases do not count, and go if the ones around them go."""
    older_than: timedelta | None = None
    """Remove only what was uploaded so long ago."""
    prereleases: bool = False
    """Remove only pre-releases of which a final version is there, the same one or a later one."""

    @property
    def is_given(self) -> bool:
        """Whether there is any rule."""
        return self.keep is not None or self.older_than is not None or self.prereleases


class Doomed(Struct, frozen=True, kw_only=True):
    """A version that a prune removes, or keeps for a reason."""

    name: NormalizedName
    version: Version
    files: int = 0
    size: int = 0
    """Bytes of the wheels."""
    held_by: str = ""
    """The lock that holds it: then it stays."""


def ruled_out(package: PublishedPackage, rules: Rules, now: datetime) -> list[PackageVersion]:
    """Return the versions of a package that the rules remove, newest first."""
    newest = package.newest or next(iter(package.versions), None)
    finals = [each.version for each in package.versions if not each.version.is_prerelease]
    kept = _kept(package.versions, rules.keep)
    return [
        each
        for each in package.versions
        if each is not newest and each not in kept and _goes(each, rules, finals, now)
    ]


def _kept(versions: Sequence[PackageVersion], keep: int | None) -> list[PackageVersion]:
    """Return the newest final versions, and all pre-releases that are newer than the oldest of them."""
    if keep is None:
        return []
    finals = [each.version for each in versions if not each.version.is_prerelease]
    counted = finals[:keep] or [each.version for each in versions[:keep]]
    return [each for each in versions if counted and each.version >= counted[-1]]


def _goes(each: PackageVersion, rules: Rules, finals: Sequence[Version], now: datetime) -> bool:
    if rules.older_than is not None and (each.uploaded is None or now - each.uploaded < rules.older_than):
        return False
    if rules.prereleases:
        return each.version.is_prerelease and any(final > each.version for final in finals)
    return True


def named(versions: Sequence[PackageVersion], specifier: SpecifierSet) -> list[PackageVersion]:
    """Return those of the versions that the user names."""
    return [each for each in versions if specifier.contains(each.version, prereleases=True)]
