"""The result of `audit` as rows and as a document (`--json`; keys are stable)."""

from collections.abc import Iterator

from pipper.core.wording import counted
from pipper.ops.query.audit import Audited, AuditOutcome

AUDIT_HEADERS = ("Id", "Package", "Version", "Fixed in", "lock -P")


def audit_rows(outcome: AuditOutcome) -> Iterator[tuple[str, ...]]:
    """Yield a row for each finding."""
    for each in outcome.found:
        reached = {None: "", "": "no"}.get(each.reached, each.reached or "")
        found = each.finding
        yield found.id, found.pin.name, found.pin.version, found.fixed_in, reached


def audit_summary(outcome: AuditOutcome) -> str:
    """Return the line at the end, for people."""
    found = (
        counted(len(outcome.found), "known vulnerability", "known vulnerabilities")
        if outcome.found
        else "none found"
    )
    ignored = f", {outcome.ignored} ignored" if outcome.ignored else ""
    others = f"; {counted(outcome.skipped, 'other package')} not looked up" if outcome.skipped else ""
    return f"{counted(outcome.asked, 'package')} looked up: {found}{ignored}{others}"


def audit_warning(outcome: AuditOutcome) -> str:
    """Return what a service was not asked about, for people; empty if there is nothing to say."""
    if not outcome.unasked:
        return ""
    count = counted(outcome.unasked, "package")
    return (
        f"the service was not asked about {count} of an index that may be private: "
        "give a directory of OSV files with --advisories, which sends nothing"
    )


def audit_document(outcome: AuditOutcome) -> dict[str, object]:
    """`audit --json`: findings, and how many packages were looked up, were not, and findings were ignored."""
    return {
        "findings": [_document(each) for each in outcome.found],
        "ignored": outcome.ignored,
        "packages": outcome.asked,
        "skipped": outcome.skipped,
    }


def _document(each: Audited) -> dict[str, object]:
    found = each.finding
    return {
        "id": found.id,
        "aliases": list(found.aliases),
        "name": found.pin.name,
        "version": found.pin.version,
        "summary": found.summary,
        "fixed_in": found.fixed_in or None,
        "reachable": None if each.reached is None else bool(each.reached),
        "upgrade": each.reached or None,
    }
