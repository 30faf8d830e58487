"""The one display of all bars of a command, by rich, whose import takes longer than most commands."""

import threading

from rich.console import Console, ConsoleDimensions, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
)
from rich.progress import Task as Row
from rich.text import Text

from pipper.cli.wrap import MARGIN
from pipper.core.reporter import Task


class Display:
    """Shows a line for each task that runs, below all messages; nothing while none runs."""

    def __init__(self) -> None:
        bar, spinner = BarColumn(), SpinnerColumn()
        self._progress = Progress(
            TextColumn("{task.description}"),
            _Either(spinner, bar),
            _Either(_Nothing(), _Amount()),
            console=_Console(stderr=True),
            transient=True,
        )
        self._running = 0
        self._lock = threading.Lock()

    def task(self, title: str, total: int | None, unit: str) -> Task:
        """Return a task of this display; without a total it has a spinner in place of a bar."""
        return _Line(self, title, total, unit)

    def add(self, title: str, total: int | None, unit: str) -> TaskID:
        """Show a line for a task and return its id."""
        with self._lock:
            self._running += 1
            if self._running == 1:
                self._progress.start()
            return self._progress.add_task(title, total=total, unit=unit)

    def advance(self, task: TaskID, amount: int) -> None:
        """Show that `amount` more is done."""
        self._progress.advance(task, amount)

    def remove(self, task: TaskID) -> None:
        """Take the line of a task away."""
        with self._lock:
            self._progress.remove_task(task)
            self._running -= 1
            if not self._running:
                self._progress.stop()


class _Console(Console):
    """Leaves a margin: else `^C` behind a bar starts a new row, and the bar above is not erased."""

    @property  # type: ignore[misc] # rich lets it be set, too
    def size(self) -> ConsoleDimensions:
        width, height = super().size
        return ConsoleDimensions(max(width - MARGIN, 1), height)


class _Line(Task):
    def __init__(self, display: Display, title: str, total: int | None, unit: str) -> None:
        self._display = display
        self._about = title, total, unit

    def __enter__(self) -> Task:
        self._id = self._display.add(*self._about)
        return self

    def __exit__(self, *exc: object) -> None:
        self._display.remove(self._id)

    def advance(self, amount: int = 1) -> None:
        self._display.advance(self._id, amount)


class _Either(ProgressColumn):
    """One column for tasks without a total, another for all others."""

    def __init__(self, endless: ProgressColumn, measured: ProgressColumn) -> None:
        super().__init__()
        self._endless, self._measured = endless, measured

    def render(self, task: Row) -> RenderableType:
        return (self._endless if task.total is None else self._measured)(task)


class _Amount(ProgressColumn):
    def __init__(self) -> None:
        super().__init__()
        self._bytes, self._files = DownloadColumn(), MofNCompleteColumn()

    def render(self, task: Row) -> RenderableType:
        return (self._bytes if task.fields["unit"] == "bytes" else self._files)(task)


class _Nothing(ProgressColumn):
    def render(self, task: Row) -> Text:  # noqa: ARG002 - rich's signature
        return Text()
