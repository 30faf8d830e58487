"""Where work tells of itself; the port of whoever watches. Light: every command begins here."""


class Task:
    """One bar: how far a piece of work has come. Does nothing here."""

    def __enter__(self) -> "Task":
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def advance(self, amount: int = 1) -> None:
        """Tell that `amount` more units are done; may be called from any thread."""


class Reporter:
    """Where work tells of itself. This one keeps silent; the command line has one that speaks."""

    def info(self, text: str) -> None:
        """A sentence for whoever watches."""

    def detail(self, text: str) -> None:
        """A sentence for whoever asked for more (`-v`)."""

    def warning(self, text: str) -> None:
        """Something the user should know although the command goes on."""

    def task(self, title: str, *, total: int, unit: str = "files") -> Task:  # noqa: ARG002 - does nothing
        """Begin a piece of work of `total` units (`files` or `bytes`)."""
        return Task()
