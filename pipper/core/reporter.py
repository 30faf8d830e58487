"""The port for progress and messages. Cheap: every command imports it."""


class Task:
    """The progress of one task; this base class shows nothing."""

    def __enter__(self) -> "Task":
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def advance(self, amount: int = 1) -> None:
        """Report that `amount` more units are done; may be called from any thread."""


class Reporter:
    """Receives progress and messages. This base class ignores them; the command line shows them."""

    def info(self, text: str) -> None:
        """Show a message."""

    def detail(self, text: str) -> None:
        """Show a message with `-v` only."""

    def warning(self, text: str) -> None:
        """Show a warning; the command continues."""

    def task(self, title: str, *, total: int | None, unit: str = "files") -> Task:  # noqa: ARG002 - does nothing
        """Start a task of `total` units (`files` or `bytes`); None if nobody knows how much there is to do."""
        return Task()
