"""The packages of a repository as rows and as a document (`--json`; keys are stable)."""

from collections.abc import Iterator
from datetime import UTC, datetime

from pipper.cli.render.findings import error_documents
from pipper.core.layout.published import PackageVersion, PublishedPackage
from pipper.core.wording import counted, human_size
from pipper.ops.repository.packages import PackagesOutcome

PACKAGE_HEADERS = ("Name", "Newest", "Versions", "Uploaded", "Yanked", "Size")
VERSION_HEADERS = ("Name", "Version", "Uploaded", "Files", "Size", "Notes")


def package_rows(outcome: PackagesOutcome, *, in_bytes: bool) -> Iterator[tuple[str, ...]]:
    """Yield a row for each package; sizes are in words, or `in_bytes`."""
    for each in outcome.packages:
        yield (
            each.name,
            str(each.newest.version) if each.newest else "",
            str(len(each.versions)),
            _day(each.uploaded),
            str(each.yanked or ""),
            str(each.size) if in_bytes else human_size(each.size),
        )


def version_rows(outcome: PackagesOutcome, *, in_bytes: bool) -> Iterator[tuple[str, ...]]:
    """Yield a row for each version of each package, newest first; sizes as in `package_rows`."""
    for each in outcome.packages:
        for one in each.versions:
            size = str(one.size) if in_bytes else human_size(one.size)
            yield each.name, str(one.version), _day(one.uploaded), str(one.files), size, _noted(one)


def _day(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d") if moment else ""


def _noted(one: PackageVersion) -> str:
    notes = []
    if one.yanked is not None:
        notes.append(f"yanked: {one.yanked}" if one.yanked else "yanked")
    if one.notes.published_by:
        notes.append(f"by {one.notes.published_by}")
    if one.notes.origin:
        notes.append(f"copied from {one.notes.origin}")
    return "; ".join(notes)


def packages_summary(outcome: PackagesOutcome) -> str:
    """Return the line at the end, for people."""
    versions = sum(len(each.versions) for each in outcome.packages)
    size = human_size(sum(each.size for each in outcome.packages))
    return f"{outcome.location}: {counted(len(outcome.packages), 'package')}, {counted(versions, 'version')}, {size}"


def packages_document(outcome: PackagesOutcome, *, with_versions: bool) -> dict[str, object]:
    """`packages --json`: location, format, packages and errors; with `--versions` also the releases of each."""
    return {
        "location": outcome.location,
        "format": outcome.layout_format,
        "packages": [_package_document(each, with_versions=with_versions) for each in outcome.packages],
        "errors": error_documents(outcome.errors),
    }


def _package_document(each: PublishedPackage, *, with_versions: bool) -> dict[str, object]:
    document: dict[str, object] = {
        "name": each.name,
        "newest": str(each.newest.version) if each.newest else None,
        "versions": len(each.versions),
        "uploaded": _moment(each.uploaded),
        "yanked": each.yanked,
        "size": each.size,
    }
    if with_versions:
        document["releases"] = [_version_document(one) for one in each.versions]
    return document


def _version_document(one: PackageVersion) -> dict[str, object]:
    return {
        "version": str(one.version),
        "files": one.files,
        "size": one.size,
        "uploaded": _moment(one.uploaded),
        "yanked": one.yanked is not None,
        "yanked_reason": one.yanked or None,
        "published": one.notes.publisher or None,
        "copied_from": str(one.notes.origin) if one.notes.origin else None,
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
