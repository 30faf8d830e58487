"""The options that name an environment; apart from `environments`, which a sync with nothing to do does not import."""

from pathlib import Path

from msgspec import Struct


class Place(Struct, frozen=True, kw_only=True):
    """The options that name an environment."""

    python: Path | None = None
    target: Path | None = None
    active: bool = False
    user: bool = False
    """Whether it is the user site of an interpreter."""
    alone: bool = False
    """Whether the environment is its own project, so that the `.venv` of a project is ignored."""
