"""The result of `repository site` as lines and as a document (`--json`; keys are stable)."""

from collections.abc import Iterator

from pipper.cli.render.findings import error_documents
from pipper.core.wording import counted
from pipper.ops.repository.site import SiteOutcome


def site_lines(outcome: SiteOutcome, *, dry_run: bool) -> Iterator[str]:
    """Yield a line for each key that was written or removed, or would be."""
    for done, would, keys in (
        ("wrote", "would write", outcome.change.written),
        ("removed", "would remove", outcome.change.removed),
    ):
        yield from (f"{would if dry_run else done} {key}" for key in keys)


def site_summary(outcome: SiteOutcome, *, dry_run: bool) -> str:
    """Return the line at the end, for people."""
    change = outcome.change
    would = "would be " if dry_run else ""
    facts = [counted(len(keys), "file") + f" {would}{done}" for done, keys in _changes(outcome) if keys]
    return f"{outcome.url}: {counted(change.pages, 'page')}, {', '.join(facts) or 'nothing to do'}"


def _changes(outcome: SiteOutcome) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("written", outcome.change.written), ("removed", outcome.change.removed)


def site_document(outcome: SiteOutcome) -> dict[str, object]:
    """`site --json`: location, url, pages, written and removed (keys), errors."""
    return {
        "location": outcome.location,
        "url": outcome.url,
        "pages": outcome.change.pages,
        "written": list(outcome.change.written),
        "removed": list(outcome.change.removed),
        "errors": error_documents(outcome.change.errors),
    }
