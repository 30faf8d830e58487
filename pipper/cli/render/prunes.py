"""The result of `repository prune` as lines and as a document (`--json`; keys are stable)."""

from collections.abc import Iterator

from pipper.cli.render.findings import error_documents
from pipper.core.wording import counted, human_size
from pipper.ops.repository.prune import PruneOutcome
from pipper.ops.repository.prune_rules import Doomed


def prune_lines(outcome: PruneOutcome, *, dry_run: bool) -> Iterator[str]:
    """Yield a line for each version that goes, and for each that a lock holds."""
    for each in outcome.removed:
        verb = "would remove" if dry_run else "removed"
        yield f"{verb} {each.name} {each.version} ({counted(each.files, 'wheel')}, {human_size(each.size)})"
    for each in outcome.kept:
        yield f"kept {each.name} {each.version}: {each.held_by} holds it"


def prune_summary(outcome: PruneOutcome, *, dry_run: bool) -> str:
    """Return the line at the end."""
    versions = counted(len(outcome.removed), "version")
    if dry_run:
        size = human_size(sum(each.size for each in outcome.removed))
        return f"{outcome.location}: {versions} to remove, {size} of wheels"
    objects = f"{counted(outcome.files, 'object')} of {human_size(outcome.size)} deleted"
    return f"{outcome.location}: {versions} removed, {objects}"


def prune_document(outcome: PruneOutcome) -> dict[str, object]:
    """`prune --json`: location, removed and kept (name, version, files, size, held_by), files, size, errors."""
    return {
        "location": outcome.location,
        "removed": [_version_document(each) for each in outcome.removed],
        "kept": [_version_document(each) for each in outcome.kept],
        "files": outcome.files,
        "size": outcome.size,
        "errors": error_documents(outcome.errors),
    }


def _version_document(each: Doomed) -> dict[str, object]:
    return {
        "name": each.name,
        "version": str(each.version),
        "files": each.files,
        "size": each.size,
        "held_by": each.held_by or None,
    }
