"""One writer for an environment at a time."""

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from pipper.core.reporter import Reporter
from pipper.python.environment import Environment
from pipper.system.locks import os_lock
from pipper.system.trust import require_own_folder

_LOCK = "lock"
_held: ContextVar[frozenset[str]] = ContextVar("held", default=frozenset())


@contextlib.contextmanager
def environment_lock(environment: Environment, reporter: Reporter) -> Iterator[None]:
    """Keep other writers out of an environment while the block runs; report a wait.

    The lock is reentrant: an operation that inspects, plans and applies holds it throughout. Raises MachineError
    if the environment cannot be locked, and what `require_own_folder` raises for its folder of pipper's files.
    """
    require_own_folder(environment.state_dir)
    path = environment.state_dir / _LOCK
    key = os.path.realpath(path)
    if key in _held.get():
        yield
        return
    waiting = f"Waiting for another pipper command that uses `{environment.root}`"
    with os_lock(path, here=True, waiting=lambda: reporter.info(waiting)):
        token = _held.set(_held.get() | {key})
        try:
            yield
        finally:
            _held.reset(token)
            _tidy(environment.state_dir)


def _tidy(state: Path) -> None:
    """Remove the state folder if it holds nothing but the lock."""
    # A writer that waits for the lock sees that the file is gone, and recreates it.
    with contextlib.suppress(OSError):
        if os.listdir(state) == [_LOCK]:
            os.unlink(state / _LOCK)
            os.rmdir(state)
