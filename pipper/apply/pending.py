"""Whether a change of an environment was interrupted. Queries import this module, so it imports little."""

from pipper.python.environment import Environment

JOURNAL = "journal.json"


def pending(environment: Environment) -> str:
    """Return the warning about an interrupted change, for commands that only read; empty if there is none."""
    if not (environment.state_dir / JOURNAL).exists():
        return ""
    return (
        f"a change of `{environment.root}` was interrupted:"
        " the next command that modifies it will complete the change"
    )
