"""One writer for an environment at a time."""

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from pipper.core.ports import Reporter
from pipper.python.environment import Environment
from pipper.system.locks import os_lock

_LOCK = "lock"
_held: ContextVar[frozenset[str]] = ContextVar("held", default=frozenset())


@contextlib.contextmanager
def environment_lock(environment: Environment, reporter: Reporter) -> Iterator[None]:
    """Keep other writers out of an environment while the block runs; waits, and says so.

    May be entered again by a block that is in it: an operation that inspects, plans and applies holds it from
    the first to the last. Raises MachineError where it cannot be locked.
    """
    path = environment.state_dir / _LOCK
    key = os.path.realpath(path)
    if key in _held.get():
        yield
        return
    root = environment.root

    def waiting() -> None:
        reporter.info(f"waiting for another pipper that works on `{root}`")

    with os_lock(path, waiting=waiting):
        token = _held.set(_held.get() | {key})
        try:
            yield
        finally:
            _held.reset(token)
            _tidy(environment.state_dir)


def _tidy(state: Path) -> None:
    """Leave no folder behind in an environment where nothing was done."""
    # A writer that waits for the lock finds that its file is gone, and makes it anew.
    with contextlib.suppress(OSError):
        if os.listdir(state) == [_LOCK]:
            os.unlink(state / _LOCK)
            os.rmdir(state)
