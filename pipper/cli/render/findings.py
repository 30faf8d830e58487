"""Results of `repository check` and `repository repair` as lines and as documents (`--json`)."""

from collections.abc import Iterator, Sequence

from msgspec.structs import asdict

from pipper.core.wording import counted
from pipper.errors import PipperError
from pipper.ops.repository.check import CheckOutcome
from pipper.ops.repository.findings import Finding
from pipper.ops.repository.repair import RepairOutcome


def check_lines(outcome: CheckOutcome) -> Iterator[str]:
    """Yield a line for each ability, permission, difference and note, and a summary."""
    for ability in outcome.abilities:
        yield f"{ability.name} {ability.state}" + (f": {ability.meaning}" if ability.meaning else "")
    for probe in outcome.probes:
        yield (
            f"may not {probe.permission}: {probe.error.message}" if probe.error else f"may {probe.permission}"
        )
    for finding in sorted(outcome.findings, key=lambda each: (not each.is_difference, each.subject)):
        yield _finding_line(finding)
    if outcome.layout_format:
        count = sum(finding.is_difference for finding in outcome.findings)
        differences = counted(count, "difference") if count else "no differences"
        projects = counted(outcome.projects, "project")
        yield f"{outcome.location}: format {outcome.layout_format}, {projects}, {differences}"


def repair_lines(outcome: RepairOutcome, *, dry_run: bool) -> Iterator[str]:
    """Yield a line for each repair and for each remaining finding, and a summary."""
    for mend in outcome.mends:
        yield f"{mend.subject}: {mend.text}"
    for finding in outcome.left:
        yield f"left: {_finding_line(finding)}"
    done = f"{len(outcome.mends)} repaired" if outcome.mends else "nothing to repair"
    if outcome.mends and dry_run:
        done = f"{counted(len(outcome.mends), 'repair')} to make; this was a dry run"
    left = f", {len(outcome.left)} left for you to decide" if outcome.left else ""
    yield f"{outcome.location}: format {outcome.layout_format}, {done}{left}"


def check_document(outcome: CheckOutcome) -> dict[str, object]:
    """`check --json`: location, format, projects, abilities, permissions (with granted, reason), findings, errors."""
    return {
        "location": outcome.location,
        "format": outcome.layout_format or None,
        "projects": outcome.projects,
        "abilities": [asdict(ability) for ability in outcome.abilities],
        "permissions": [
            {
                "permission": probe.permission,
                "granted": probe.error is None,
                "reason": probe.error.message if probe.error else None,
            }
            for probe in outcome.probes
        ],
        "findings": [_finding_document(finding) for finding in outcome.findings],
        "errors": error_documents(outcome.errors),
    }


def repair_document(outcome: RepairOutcome) -> dict[str, object]:
    """`repair --json`: location, format, mends (subject, text), left (as findings of a check), errors."""
    return {
        "location": outcome.location,
        "format": outcome.layout_format,
        "mends": [asdict(mend) for mend in outcome.mends],
        "left": [_finding_document(finding) for finding in outcome.left],
        "errors": error_documents(outcome.errors),
    }


def _finding_line(finding: Finding) -> str:
    return f"{finding.kind}: {finding.subject}: {finding.text}"


def _finding_document(finding: Finding) -> dict[str, object]:
    return asdict(finding) | {"difference": finding.is_difference}


def error_documents(errors: Sequence[PipperError]) -> list[dict[str, object]]:
    """Return errors as documents: message, cause, exit."""
    return [{"message": error.message, "cause": error.cause, "exit": error.exit_code} for error in errors]
