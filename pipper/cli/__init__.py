"""The command line: options in, one call of an operation, rendering out; the only place that prints."""


def main() -> None:
    """Run the command line of this process and end it with the command's exit code."""
    try:
        from pipper.cli.boundary import run  # noqa: PLC0415 - so that importing the package stays free
    except KeyboardInterrupt:
        raise SystemExit(130) from None  # nothing has begun yet, so there is nothing to tell
    run()
