"""Run another program and return its output."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence

_OURS = ("AWS_", "PIPPER_", "_PIPPER_")
"""The beginnings of the names of variables that are for pipper alone: credentials, and options that may hold some."""


class ProcessError(Exception):
    """A program failed, or did not finish in time."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(f"{program}: {reason}")
        self.program = program
        self.reason = reason
        """The last line of its output, or that it did not finish."""


def child_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of every program that pipper starts: this one without credentials and options of pipper.

    `more` adds variables or replaces them. The program may be one that a stranger put into a clone.
    """
    return {name: value for name, value in os.environ.items() if not _is_ours(name)} | dict(more or {})


@contextlib.contextmanager
def clean_environment() -> Iterator[None]:
    """Make `child_environment` this process's own while the block runs, for a library that starts programs itself."""
    hidden = {name: value for name, value in os.environ.items() if _is_ours(name)}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)


def run(
    command: Sequence[str],
    *,
    given: bytes = b"",
    seconds: float | None = None,
    more: Mapping[str, str] | None = None,
) -> bytes:
    """Run a program with the input `given` in `child_environment(more)` and return its output.

    Raises ProcessError if it fails or takes more than `seconds`, OSError if it cannot be started.
    """
    # Most commands start no other program, and the import takes 7 ms.
    import subprocess  # noqa: PLC0415 - see above

    try:
        return subprocess.run(
            list(command),
            input=given,
            capture_output=True,
            timeout=seconds,
            check=True,
            env=child_environment(more),
        ).stdout
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout or b"").decode(errors="replace").strip().splitlines()
        raise ProcessError(command[0], lines[-1] if lines else f"exit code {error.returncode}") from error
    except subprocess.TimeoutExpired as error:
        raise ProcessError(command[0], f"it did not finish in {seconds:g} s") from error


def _is_ours(name: str) -> bool:
    return name.upper().startswith(_OURS)
