"""A folder for readers that take a path; in memory where the system has a folder for that."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path


@cache
def folder() -> Path:
    """Return this process's folder; it is removed at the end."""
    memory = Path("/dev/shm")
    place = str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix="pipper-fuzz-", dir=place))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def scratch(name: str, data: bytes) -> Path:
    """Write a file of this name, which may have folders, and return its path; only its owner can read it."""
    path = folder() / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    path.write_bytes(data)
    return path
