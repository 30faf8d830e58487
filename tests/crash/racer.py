"""Syncs an environment to one of two sets of wheels, as one of several processes that do so at once."""

import sys
from pathlib import Path

from pipper.errors import ConflictError
from tests.workshop import Workshop


def main(root: Path, version: str) -> int:
    """Bring the environment to this version; 7 where another process came between."""
    workshop = Workshop(root)
    wheels = [workshop.take(path) for path in sorted((root / "wheelhouse").glob(f"*-{version}-*"))]
    try:
        workshop.sync(*wheels, documents={root / "pipper.lock": version.encode()})
    except ConflictError:
        return 7
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
