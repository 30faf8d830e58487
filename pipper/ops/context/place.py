"""The options that name an environment; apart from `environments`, which a sync with nothing to do does not import."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The options that name an environment."""

    python: Path | None = None
    target: Path | None = None
    active: bool = False
    user: bool = False
    """Whether it is the user site of an interpreter."""
    alone: bool = False
    """Whether the environment is its own project, so that the `.venv` of a project is ignored."""
