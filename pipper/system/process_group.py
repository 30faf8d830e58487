"""Run a program that may take long, fail, fork or talk without end: its whole process group ends with it."""

import contextlib
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import subprocess

_TICK = 0.1
"""Seconds between two looks whether the program has ended, while a child of it keeps its output open."""
_GRACE = 5.0
"""Seconds to read what is left of the output after the end."""
_PIECE = 1 << 16
_LONGEST_LINE = 4096
_CAN_WAIT_UNREAPED = hasattr(os, "waitid")


class Ended(Struct, frozen=True, kw_only=True):
    """How a program ended."""

    code: int | None
    """Its exit code, negative for a signal; None if it did not finish in time and was killed."""
    lines: tuple[str, ...]
    """The last lines of its output, standard output and standard error together."""


def run_in_group(
    command: Sequence[str],
    *,
    cwd: str | None,
    environ: Mapping[str, str],
    seconds: float,
    told: Callable[[str], None],
    kept_lines: int,
) -> Ended:
    """Run a program in a process group of its own, without input, and return how it ended.

    `told` gets each line of output as it comes, in another thread. Memory is bounded: a line is cut after 4,096
    characters, and only the last `kept_lines` lines are kept. The group is killed when the program has ended,
    after `seconds`, and if an error or an interrupt leaves this function. Raises OSError if the program cannot
    be started.
    """
    import subprocess  # noqa: PLC0415 - most commands start no program, and the import takes 7 ms

    process = subprocess.Popen(
        list(command),
        cwd=cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    lines: deque[str] = deque(maxlen=kept_lines)
    done = threading.Event()
    reading = threading.Thread(target=_read, args=(process.stdout, lines, told, done), daemon=True)
    in_time = False
    try:
        reading.start()
        in_time = _ends_in_time(process, done, seconds)
    finally:
        _kill_group(process)
        process.wait()
        reading.join(_GRACE)
    return Ended(code=process.returncode if in_time else None, lines=tuple(lines.copy()))


def _ends_in_time(process: "subprocess.Popen[bytes]", done: threading.Event, seconds: float) -> bool:
    """Wait for a program and return True, or return False after so many seconds; `done` is the end of its output."""
    deadline = time.monotonic() + seconds
    while not _has_ended(process):
        if time.monotonic() > deadline:
            return False
        if done.wait(_TICK):
            time.sleep(_TICK / 20)  # its output is closed: it ends now, or works on in silence
    return True


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Return whether a program has ended, without reaping it: until then, nobody else gets its group's number."""
    if not _CAN_WAIT_UNREAPED:
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    if os.name == "nt":
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM where only a zombie is left
        os.killpg(process.pid, signal.SIGKILL)


def _read(stream: IO[bytes], lines: deque[str], told: Callable[[str], None], done: threading.Event) -> None:
    """Read lines until the end; keep the first characters of a long one."""
    begun = b""

    def end_line(text: bytes) -> None:
        line = text.decode("utf-8", "replace").rstrip()
        lines.append(line)
        told(line)

    try:
        with stream:
            while piece := os.read(stream.fileno(), _PIECE):
                first, *more = piece.split(b"\n")
                begun = (begun + first)[:_LONGEST_LINE]
                for each in more:
                    end_line(begun)
                    begun = each[:_LONGEST_LINE]
        if begun:
            end_line(begun)
    finally:
        done.set()
