"""Options of commands that make a lock."""

from datetime import UTC, datetime

from msgspec import Struct
from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from pipper.core.manifest.model import Manifest
from pipper.core.manifest.root_label import BY_PROJECT


class LockOptions(Struct, frozen=True, kw_only=True):
    """Inputs of a new lock besides the manifest and the old lock."""

    upgrade: bool = False
    """Prefer no locked or installed versions."""
    upgrade_packages: frozenset[NormalizedName] = frozenset()
    """Projects whose locked and installed versions are not preferred."""
    limits: tuple[Requirement, ...] = ()
    """The versions that are allowed of projects to upgrade."""
    replaced: frozenset[NormalizedName] = frozenset()
    """Projects whose files this command replaces: their locked versions may get other bytes."""
    usual_platforms: bool = False
    """Also lock for the usual platforms that have a solution."""
    as_of: datetime | None = None
    """Aware; ignore later uploads. Replaces `as-of` and `cool-down` of the manifest."""
    lowest_direct: bool = False
    """Choose the oldest matching versions of the manifest's own requirements."""
    required_groups: frozenset[str] = frozenset()
    """Groups without which locking fails; for another one without a solution the lock holds the reason."""
    may_be_empty: bool = False
    """Take a place without a repository for an empty one: what is built may be the first that is published there."""
    asks: str = BY_PROJECT
    """Who asks for the manifest's requirements, in explanations."""
    offline: bool = False
    """Read only cached pages of the index."""


BARE = LockOptions(usual_platforms=True)
"""The options of `pipper lock` without any on the command line."""


def as_of(manifest: Manifest) -> datetime | None:
    """Return the time after which uploads are ignored: the earlier of `as-of` and the start of the cool-down."""
    if not manifest.cool_down:
        return manifest.as_of
    cooled = datetime.now(UTC) - manifest.cool_down
    return min(cooled, manifest.as_of) if manifest.as_of else cooled
