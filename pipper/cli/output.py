"""Errors, messages and progress bars go to stderr, data to stdout; secrets are removed from both."""

import contextlib
import json
import os
import re
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from pipper.cli.paint import painted
from pipper.cli.wrap import fitted
from pipper.core.redaction import redacted, secrets_of
from pipper.core.reporter import Reporter, Task
from pipper.core.same_cause import once_each
from pipper.errors import AccessError, MachineError, PipperError, StoreError
from pipper.system.os_errors import machine_error

if TYPE_CHECKING:
    from pipper.cli.progress import Display

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class ReaderGoneError(Exception):
    """The reader of standard output closed the pipe, as in `pipper … | head`."""


def visible(text: str) -> str:
    """Return `text` with control characters escaped: they could change what a terminal shows."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


_given: set[str] = set()


def conceal(values: Iterable[str]) -> None:
    """Repeat no secret in these values of the command line, in whatever form a message has it."""
    _given.clear()
    _given.update(*map(secrets_of, values))


def presentable(text: str) -> str:
    """Return `text` as `say` writes it: redacted and with control characters escaped."""
    return visible(redacted(text, _given))


def say(text: str) -> None:
    """Write a line to stderr, redacted and with control characters escaped."""
    try:
        sys.stderr.write(painted(fitted(presentable(text), sys.stderr), sys.stderr) + "\n")
        sys.stderr.flush()
    except OSError:
        # There is no place left to report this; the command and its exit code are not affected.
        to_nowhere(sys.stderr)


def give(text: str) -> None:
    """Write a line of data to stdout, redacted; raises as `flush`."""
    with _to_stdout():
        sys.stdout.write(painted(redacted(text, _given), sys.stdout) + "\n")


def tell(text: str) -> None:
    """Write a line for people to stdout, broken between words where a terminal is narrower; raises as `flush`."""
    with _to_stdout():
        sys.stdout.write(painted(fitted(redacted(text, _given), sys.stdout), sys.stdout) + "\n")


def give_signed(text: str) -> None:
    """Write a line of data that holds signed URLs on purpose; raises as `flush`."""
    with _to_stdout():
        sys.stdout.write(text + "\n")


def flush() -> None:
    """Flush stdout; raises MachineError if it cannot be written, ReaderGoneError if its reader is gone."""
    with _to_stdout():
        sys.stdout.flush()


@contextlib.contextmanager
def _to_stdout() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        to_nowhere(sys.stdout)
        if isinstance(error, BrokenPipeError):
            raise ReaderGoneError from error
        raise machine_error("write to", "standard output", error) from error


def to_nowhere(stream: TextIO) -> None:
    """Redirect `stream` to nothing: at exit Python flushes it again, and would print an error of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def give_json(document: object) -> None:
    """Write one JSON document to stdout, keys in the given order; raises as `flush`."""
    give(json.dumps(document, indent=2, ensure_ascii=False))


def give_result(lines: Iterable[str], document: object, *, as_json: bool) -> None:
    """Write the document, or the lines for people; raises as `flush`."""
    if as_json:
        give_json(document)
        return
    for line in lines:
        tell(line)


def render_error(message: str, cause: str, hint: str) -> None:
    """Write an error to stderr: message, cause (indented) and hint."""
    say("error: " + message.replace("\n", "\\n"))
    for line in cause.splitlines():
        say(f"  {line}")
    if hint:
        say("hint: " + hint.replace("\n", "\\n"))


def render_errors(errors: Iterable[PipperError]) -> None:
    """Write several errors to stderr, those of one cause in this machine or the store as one."""
    for error in once_each(errors, (AccessError, StoreError, MachineError)):
        render_error(error.message, error.cause, error.hint)


class TerminalReporter(Reporter):
    """Writes messages to stderr; shows progress bars only on a terminal."""

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._bars = not quiet and sys.stderr.isatty()
        self._display: Display | None = None
        self._lock = threading.Lock()

    def info(self, text: str) -> None:
        """See `Reporter.info`."""
        if not self._quiet:
            say(text)

    def detail(self, text: str) -> None:
        """See `Reporter.detail`."""
        if self._verbose:
            say(text)

    def warning(self, text: str) -> None:
        """See `Reporter.warning`; `-q` does not hide it."""
        say(f"warning: {text}")

    def task(self, title: str, *, total: int | None, unit: str = "files") -> Task:
        """See `Reporter.task`."""
        if not self._bars or (total is not None and total < 2):
            return Task()
        with self._lock:
            if self._display is None:
                from pipper.cli.progress import Display  # noqa: PLC0415 - that module says why

                self._display = Display()
        return self._display.task(title, total, unit)
