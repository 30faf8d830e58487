"""What the command line says of where files may come from."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """Given to everything that fetches."""

    folder: Path | None = None
    """Looked into before anything is fetched."""
    offline: bool = False
    """Whether nothing may be fetched at all."""
