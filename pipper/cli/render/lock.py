"""A lock as a sentence for people and as a document for programs (`--json`; keys are stable)."""

from msgspec.structs import asdict

from pipper.core.wording import counted
from pipper.ops.lock.lock import LockOutcome


def lock_summary(outcome: LockOutcome, *, dry_run: bool) -> str:
    """Return one sentence on the whole lock."""
    count = counted(len(outcome.lock.packages), "package")
    where = ", ".join(outcome.environments)
    if dry_run:
        return f"Would lock {count} for {where}"
    return f"{'Locked' if outcome.written else 'Unchanged:'} {count} for {where}"


def lock_document(outcome: LockOutcome) -> dict[str, object]:
    """`lock --json`: written, environments, packages (name, version, source), changes (name, before, after)."""
    return {
        "written": outcome.written,
        "environments": list(outcome.environments),
        "packages": [
            {"name": package.name, "version": package.version, "source": package.source}
            for package in outcome.lock.packages
        ],
        "changes": [asdict(change) for change in outcome.changes],
    }
