"""Running another program and hearing what it says."""

from collections.abc import Sequence


class ProcessError(Exception):
    """A program failed, or did not end in time."""

    def __init__(self, program: str, said: str) -> None:
        super().__init__(f"{program}: {said}")
        self.program = program
        self.said = said
        """The last line it wrote, or that it did not end."""


def run(command: Sequence[str], *, given: bytes = b"", seconds: float | None = None) -> bytes:
    """Run a program with `given` as its input and return its output.

    Raises ProcessError where it fails or takes more than `seconds`, OSError where it cannot be started.
    """
    # Most commands start no other program, and the import takes 7 ms.
    import subprocess  # noqa: PLC0415 - see above

    try:
        return subprocess.run(
            list(command), input=given, capture_output=True, timeout=seconds, check=True
        ).stdout
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout or b"").decode(errors="replace").strip().splitlines()
        raise ProcessError(command[0], lines[-1] if lines else f"it ended with {error.returncode}") from error
    except subprocess.TimeoutExpired as error:
        raise ProcessError(command[0], f"it did not end in {seconds:g} s") from error
