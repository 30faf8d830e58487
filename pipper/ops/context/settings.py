"""The working directory, environment variables and common options of a command."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipper.core.access import RepositoryOptions
from pipper.core.archive_limits import Limits
from pipper.core.reporter import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An argument of every operation that reads repositories or environments."""

    directory: Path
    """`--project`, else the working directory."""
    home: Path
    environ: Mapping[str, str] = field(repr=False)
    """Environment variables; they may contain secrets."""
    repositories: RepositoryOptions = field(default_factory=RepositoryOptions)
    reporter: Reporter = field(default_factory=Reporter)
    limits: Limits = field(default_factory=Limits)
    """Limits on the size of a wheel."""
