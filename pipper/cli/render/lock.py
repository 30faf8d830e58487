"""The result of `pipper lock` as lines and as a document (`--json`; keys are stable)."""

from collections.abc import Iterator

from msgspec.structs import asdict

from pipper.cli.output import give_json, tell
from pipper.cli.render.plan import change_lines
from pipper.core.reporter import Reporter
from pipper.core.wording import counted
from pipper.ops.lock.lock import LockOutcome

_UNCHANGED = "Unchanged:"


def print_lock(outcome: LockOutcome, reporter: Reporter, *, dry_run: bool, as_json: bool) -> None:
    """Print the changes of a lock, or its document, and a summary."""
    if as_json:
        give_json(_document(outcome))
    else:
        for line in change_lines(outcome.changes):
            (tell if dry_run else reporter.info)(line)
    reporter.info(_summary(outcome, "Would lock" if dry_run else _done(outcome)))


def print_check(difference: str, reporter: Reporter, *, as_json: bool) -> int:
    """Print the result of `lock --check`, and return its exit code; `difference` is empty for a lock up to date."""
    if as_json:
        give_json({"fresh": not difference, "difference": difference})
    elif difference:
        tell(f"pipper.lock is out of date: {difference}")
        reporter.info("hint: pipper lock")
    else:
        reporter.info("pipper.lock is up to date")
    return 1 if difference else 0


def result_lines(outcome: LockOutcome) -> Iterator[str]:
    """Yield what a `lock` that makes this lock again says of it."""
    yield from change_lines(outcome.changes)
    yield _summary(outcome, _done(outcome))


def unchanged_lines(outcome: LockOutcome) -> Iterator[str]:
    """Yield what the next `lock` says, if it leaves this lock as it is."""
    for text in outcome.warnings:
        yield f"warning: {text}"
    yield _summary(outcome, _UNCHANGED)


def _done(outcome: LockOutcome) -> str:
    return "Locked" if outcome.written else _UNCHANGED


def _summary(outcome: LockOutcome, done: str) -> str:
    """Return one sentence on the whole lock."""
    count = counted(len(outcome.lock.packages), "package")
    replaced = [f"{each.name} {version}" for each in outcome.changes for version in each.other_bytes]
    more = f"; other bytes for {', '.join(replaced)}" if replaced else ""
    return f"{done} {count} for {_environments(outcome)}{more}"


def _environments(outcome: LockOutcome) -> str:
    """Return for what the lock has a solution: the environment at hand, and how many of the others."""
    others = len(outcome.environments) - 1
    if not others:
        return outcome.environments[0]
    solved = len(outcome.solved) - 1
    if not outcome.at_hand:
        return (
            f"{solved + 1} of {others + 1} environments" if solved < others else f"{others + 1} environments"
        )
    some = counted(others, "other") if solved == others else f"{solved} of {counted(others, 'other')}"
    return f"{outcome.at_hand} and {some}"


def _document(outcome: LockOutcome) -> dict[str, object]:
    """`lock --json`: written, environments, packages (name, version, source), changes (name, before, after).

    A change has `other_bytes`, a list of versions, only if there are some.
    """
    return {
        "written": outcome.written,
        "environments": list(outcome.environments),
        "packages": [
            {"name": package.name, "version": package.version or None, "source": package.source}
            for package in outcome.lock.packages
        ],
        "changes": [
            {
                key: value
                for key, value in asdict(change).items()
                if key in ("name", "before", "after") or (key == "other_bytes" and value)
            }
            for change in outcome.changes
        ],
    }
