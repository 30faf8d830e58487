"""A process that has pipper imported and forks for each command, so that a command can be killed at any request.

`python -m tests.faults.runner` reads one order a line (JSON: arguments, folder, environment, the file for the output,
and how many days later it is) and answers with two lines: the process, and its wait status at the end.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 60
"""Seconds until a command counts as hanging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    """The exit code; the negative number of the signal that killed it."""
    said: str


class Runner:
    """One such process; one command at a time. Use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.runner"],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        days: int = 0,
        began: Callable[[int], None] = lambda _: None,
    ) -> Ended:
        """Run `pipper ARGUMENTS` to its end; `began` is told its process."""
        assert self._process.stdin
        assert self._process.stdout
        said = self._folder / "said"
        order = {
            "arguments": list(arguments),
            "folder": str(self._folder),
            "environment": dict(environment),
            "said": str(said),
            "days": days,
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        began(child)
        late = threading.Timer(PATIENCE, kill, [child])
        late.start()
        status = int(self._process.stdout.readline())
        late.cancel()
        return Ended(code=os.waitstatus_to_exitcode(status), said=said.read_text(errors="replace"))


def kill(process: int) -> None:
    """Kill a process, if it still runs."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _prepare() -> None:
    """Import what commands import, and let retries not wait."""
    import importlib
    import pkgutil
    import time
    from types import SimpleNamespace

    import boto3
    from botocore.loaders import JSONFileLoader

    import pipper
    from pipper.system import retry

    for module in pkgutil.walk_packages(pipper.__path__, "pipper."):
        if module.name not in ("pipper.__main__", "pipper.python.probe", "pipper.apply.compiling"):
            importlib.import_module(module.name)
    read, held = JSONFileLoader.load_file, {}

    def load_file(self: JSONFileLoader, file_path: str) -> object:
        if file_path not in held and (found := read(self, file_path)) is not None:
            held[file_path] = found
        return held.get(file_path)

    JSONFileLoader.load_file = load_file
    boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    waiting = SimpleNamespace(sleep=lambda _: None, monotonic=time.monotonic)
    retry.time = waiting
    sys.modules["botocore.endpoint"].time = waiting


def _serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if not (child := os.fork()):
            _become(**order)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        status = os.waitpid(child, 0)[1]
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


def _become(arguments: list[str], folder: str, environment: dict[str, str], said: str, days: int) -> None:
    """Be the command, in the process that was forked for it."""
    from pipper.cli.boundary import run

    code: object = 1
    try:
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        with Path(said).open("wb") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        if days:
            _travel(days)
        try:
            run(arguments)
        except SystemExit as end:
            code = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _travel(days: int) -> None:
    """Let `repository repair` believe that it is so many days later."""
    from datetime import datetime, timedelta, tzinfo

    from pipper.cli.commands.repository import repair

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Later":
            return super().now(tz) + timedelta(days=days)

    repair.datetime = Later


if __name__ == "__main__":
    _prepare()
    _serve()
