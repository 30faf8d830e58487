"""What surrounds a command: where it runs, what the environment and the command line say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipper.core.access import RepositoryOptions
from pipper.core.archive_limits import Limits
from pipper.core.reporter import Reporter


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Given to every operation that reads repositories or environments; never changed."""

    directory: Path
    """Where the command runs: `--project`, else the working directory."""
    home: Path
    environ: Mapping[str, str] = field(repr=False)
    """Environment variables: they may hold secrets."""
    repositories: RepositoryOptions = field(default_factory=RepositoryOptions)
    reporter: Reporter = field(default_factory=Reporter)
    limits: Limits = field(default_factory=Limits)
    """How big a wheel may be."""
