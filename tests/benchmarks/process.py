"""One whole process, timed: how long it took, how much of the processors it and its children used, and of memory."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What one command took."""

    wall: float
    """Seconds."""
    processor: float
    """Seconds of user and system time of the process and of the children that it waited for."""
    memory: int = 0
    """Bytes: the most that one of these processes had in memory. At least what this process has."""


def timed(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> Taken:
    """Run a command to its end; raises SystemExit with what it said if it fails."""
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+") as err:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=err
        )
        # Not `wait`: only this tells the usage of the one process, while servers run beside it.
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told = [file.read()[-2000:] for file in (out, err) if not file.seek(0)]
            raise SystemExit(f"{' '.join(command)} in {cwd} gave {process.returncode}\n{''.join(told)}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Taken(wall=took, processor=usage.ru_utime + usage.ru_stime, memory=usage.ru_maxrss * unit)
