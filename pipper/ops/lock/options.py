"""How a lock is made: the options that commands pass on."""

from dataclasses import dataclass
from datetime import datetime

from packaging.utils import NormalizedName


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOptions:
    """What a command says about a new lock, beyond the manifest and the old lock."""

    upgrade: bool = False
    """Prefer no locked or installed versions."""
    upgrade_packages: frozenset[NormalizedName] = frozenset()
    """Projects whose locked and installed versions are not preferred."""
    usual_platforms: bool = False
    """Also lock for the usual platforms, where they have a solution."""
    as_of: datetime | None = None
    """Aware; leave out what was uploaded later. Replaces `as-of` and `cool-down` of the manifest."""
    lowest_direct: bool = False
    """Choose the oldest matching versions of the manifest's own requirements."""
    offline: bool = False
    """Read only cached pages of the index."""
