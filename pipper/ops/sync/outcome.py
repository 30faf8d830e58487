"""What came of a sync."""

from typing import TYPE_CHECKING

from msgspec import Struct

from pipper.apply.verify import Drift
from pipper.core.plan import Plan
from pipper.errors import PipperError
from pipper.python.environment import Environment

if TYPE_CHECKING:
    from pipper.apply.recorder import Recorded


class SyncOutcome(Struct, frozen=True, kw_only=True):
    """The plan that was carried out, or in a dry run would be."""

    environment: Environment
    plan: Plan
    drift: tuple[Drift, ...] = ()
    """Files that a check found changed by hand or by another tool."""
    unproven: PipperError | None = None
    """Why some packages were compared with their RECORD only, and not with the lock."""
    recipe: "Recorded | None" = None
    """How a new environment came out, for the next one, if the request asks for it."""
