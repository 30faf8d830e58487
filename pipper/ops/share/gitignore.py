"""Find out whether git could commit a file."""

from pathlib import Path

from pipper.system.process import ProcessError, run

_TIMEOUT = 5
"""Seconds."""


def is_exposed(path: Path) -> bool:
    """Return whether a file is in a work tree of git and not ignored; True also if git cannot answer."""
    folder = path.parent.absolute()
    if not any((each / ".git").exists() for each in (folder, *folder.parents)):
        return False
    try:
        run(["git", "-C", str(folder), "check-ignore", "-q", "--", path.name], seconds=_TIMEOUT)
    except (ProcessError, OSError):
        return True
    return False
