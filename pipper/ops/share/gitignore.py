"""Whether git would take a file into its history."""

from pathlib import Path

from pipper.system.process import ProcessError, run

_PATIENCE = 5
"""Seconds."""


def is_exposed(path: Path) -> bool:
    """Tell whether a file lies in a work tree of git that does not ignore it; also where nobody can say."""
    folder = path.parent.absolute()
    if not any((each / ".git").exists() for each in (folder, *folder.parents)):
        return False
    try:
        run(["git", "-C", str(folder), "check-ignore", "-q", "--", path.name], seconds=_PATIENCE)
    except (ProcessError, OSError):
        return True
    return False
