"""The working directory, environment variables and options that commands share."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from pipper.core.access import RepositoryOptions
from pipper.core.archive_limits import Limits
from pipper.core.reporter import Reporter


class Settings(Struct, frozen=True, kw_only=True):
    """An argument of every operation that reads repositories or environments."""

    directory: Path
    """`--project`, else the working directory."""
    home: Path
    environ: Mapping[str, str]
    """Environment variables; they may contain secrets."""
    repositories: RepositoryOptions = field(default_factory=RepositoryOptions)
    reporter: Reporter = field(default_factory=Reporter)
    limits: Limits = field(default_factory=Limits)
    """Limits on the size of a wheel."""

    def __repr__(self) -> str:
        return f"Settings(directory={self.directory!r})"  # variables may hold secrets


class Place(Struct, frozen=True, kw_only=True):
    """The options that name an environment."""

    python: Path | None = None
    target: Path | None = None
    active: bool = False
    user: bool = False
    """Whether it is the user site of an interpreter."""
    system: bool = False
    """Whether the packages of a base interpreter may be changed."""
    reads: bool = False
    """Whether nothing is changed, so that any interpreter may be named."""
    alone: bool = False
    """Whether the environment is its own project, so that the `.venv` of a project is ignored."""
