"""Types the commands of a page into a shell in which `pipper` is quick; and the packages of which the pages speak."""

import contextlib
import fcntl
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import sysconfig
import tempfile
import termios
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.commands import CHECKOUT
from tests.pages import Step
from tests.wheelhouse import make_wheel

_ASKING = CHECKOUT / "tests" / "preloaded.py"


def acme_wheels(folder: Path) -> list[Path]:
    """The packages of which the pages speak."""
    base = [make_wheel(folder, "acme-base", version) for version in ("1.1", "1.2")]
    models = [
        make_wheel(folder, "acme-models", version, requires=["acme-base>=1"], requires_python=">=3.11")
        for version in ("1.4.0", "1.4.1", "1.4.2", "2.0.0rc1")
    ]
    return [
        *base,
        *models,
        make_wheel(folder, "acme-text", "2.2", extras={"fast": ["acme-base"]}),
        make_wheel(
            folder,
            "acme-report",
            "1.0",
            requires=["acme-models", "acme-text"],
            files={"acme_report.py": "def main():\n    print('a report')\n"},
            entry_points={"acme-report": "acme_report:main"},
        ),
        make_wheel(folder, "acme-testing", "8.3", requires=["acme-base"]),
        make_wheel(folder, "acme-plots", "3.1.0"),
    ]


@contextlib.contextmanager
def preloaded() -> Iterator[Path]:
    """The socket of a process that has pipper imported."""
    with tempfile.TemporaryDirectory(prefix="pipper-") as folder:  # a socket's path must be short
        socket = Path(folder, "socket")
        command = [sys.executable, "-m", "tests.preloaded", "serve", str(socket)]
        with subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            yield socket
            process.stdin.close()


class Reader:
    """Types commands into one shell on a terminal of its own."""

    def __init__(self, place: Path, places: Mapping[str, Path], environment: Mapping[str, str]) -> None:
        """Type in a folder below `place`; `places` are the real paths of those that the page names."""
        self.folder = place / "reader"
        self.folder.mkdir(exist_ok=True)
        self._places = places
        self._environment = environment

    def run(self, todo: list[Step]) -> Iterator[tuple[Step, int, str]]:
        """Run all commands; give exit code and output of each."""
        output = self._typed("".join(self._lines(todo)))
        found = {
            int(number): (printed, int(code))
            for number, printed, code in re.findall(r"\x1e(\d+)\n(.*?)\x1d\1 (\d+)\n", output, re.DOTALL)
        }
        for number, step in enumerate(todo):
            assert number in found, f"{step.place}: not run: {step.command}\n{output[-3000:]}"
            printed, code = found[number]
            for named, path in self._places.items():
                printed = printed.replace(str(path), named)
            yield step, code, printed

    def _lines(self, todo: list[Step]) -> Iterator[str]:
        python = shlex.quote(sys.executable)
        yield f'pipper() {{ {python} -I -S {shlex.quote(str(_ASKING))} ask "$PRELOADED" "$@"; }}\n'
        yield f'python3() {{ {python} "$@"; }}\n'
        yield f'pip() {{ {python} -m pip --python "${{VIRTUAL_ENV:?}}" "$@"; }}\n'
        yield f'uv() {{ {shlex.quote(sysconfig.get_path("scripts"))}/uv "$@"; }}\n'
        for number, step in enumerate(todo):
            command = step.command
            for named, path in self._places.items():
                command = command.replace(named, str(path))
            yield f"printf '\\036%d\\n' {number}\n{command}\nprintf '\\035%d %d\\n' {number} $?\n"

    def _typed(self, script: str) -> str:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        chunks: list[bytes] = []
        reading = threading.Thread(target=_read, args=(ours, chunks))
        reading.start()
        try:
            subprocess.run(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                timeout=600,
                check=False,
            )
        finally:
            os.close(theirs)
            reading.join()
            os.close(ours)
        return b"".join(chunks).decode("utf-8").replace("\r\n", "\n")


def _read(terminal: int, chunks: list[bytes]) -> None:
    while True:
        try:
            chunk = os.read(terminal, 65536)
        except OSError:  # Linux: nobody writes any more
            return
        if not chunk:
            return
        chunks.append(chunk)
