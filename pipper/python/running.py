"""The interpreter that runs pipper."""

import sys
from pathlib import Path

from pipper.errors import UsageError


def running() -> Path:
    """Return the path of the interpreter that runs pipper; raises UsageError if it is unknown."""
    if not sys.executable:
        raise UsageError("the interpreter that runs pipper has no path", hint="name one with `--python EXE`")
    return Path(sys.executable)
