"""Run another program and return its output."""

import os
from collections.abc import Mapping, Sequence

_OURS = ("AWS_", "PIPPER_", "_PIPPER_", "PIP_", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL")
"""The beginnings of the names of variables for pipper and its like: credentials, and options that may hold some."""
_PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
"""Their URLs may hold a password, too."""


class ProcessError(Exception):
    """A program failed, or did not finish in time."""

    def __init__(self, program: str, reason: str) -> None:
        super().__init__(f"{program}: {reason}")
        self.program = program
        self.reason = reason
        """The last line of its output, or that it did not finish."""


def child_environment(
    more: Mapping[str, str] | None = None, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the environment of every program that pipper starts: `environ` without credentials, options and proxies.

    `more` adds variables or replaces them. The program may be one that a stranger put into a clone.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith(_OURS) and name.upper() not in _PROXIES
    }
    return kept | dict(more or {})


def proxies_in(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name proxies, for a program that may need the network."""
    return {name: value for name, value in environ.items() if name.upper() in _PROXIES}


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
