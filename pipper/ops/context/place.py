"""How a command line names an environment. Apart from what finds one, so that a sync with nothing to do stays light."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How the command line names an environment."""

    python: Path | None = None
    target: Path | None = None
    active: bool = False
    user: bool = False
    """The user's own packages of an interpreter."""
    alone: bool = False
    """Whether the environment is its own project, so that no project's `.venv` counts."""
