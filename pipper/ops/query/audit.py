"""`audit`: known vulnerabilities of the locked packages from the index, and whether an upgrade reaches a fix."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.core.advisories import AuditFinding, find_weaknesses
from pipper.core.lock.model import Lock, Pin
from pipper.core.manifest.inputs import INDEX
from pipper.core.redaction import shown
from pipper.core.urls import split_url
from pipper.errors import PipperError, UsageError
from pipper.http.client import Web
from pipper.ops.context.find_manifest import find_project_files
from pipper.ops.context.index_client import has_public_index
from pipper.ops.context.project import Project, load_project, require_fresh
from pipper.ops.context.settings import Settings
from pipper.ops.lock.lock import lock_project
from pipper.ops.lock.options import LockOptions
from pipper.ops.query.advisories import AdvisoryFolder, AdvisoryService, AdvisorySource, unknown


class AuditRequest(Struct, frozen=True, kw_only=True):
    """The arguments of `audit`; one of `service` and `folder` is given."""

    service: str = ""
    """The URL of an OSV service."""
    folder: Path | None = None
    ignored: tuple[str, ...] = ()
    """Ids or aliases."""
    solve: bool = True
    """Whether to find out what an upgrade reaches: that asks the sources."""


class Audited(Struct, frozen=True, kw_only=True):
    """A finding, and what an upgrade would do."""

    finding: AuditFinding
    reached: str | None = None
    """The version that `lock -P NAME` would choose; empty if none without the weakness; None if that is unknown."""


class AuditOutcome(Struct, frozen=True, kw_only=True):
    """The result of an audit."""

    found: tuple[Audited, ...]
    ignored: int
    asked: int
    """Packages that were looked up."""
    skipped: int
    """Packages that were not."""
    unasked: int = 0
    """Of them, those of an index whose names may be private, so that a service is not asked about them."""

    @property
    def exit_code(self) -> int:
        """1 if anything was found that is not ignored."""
        return int(bool(self.found))


def audit(settings: Settings, request: AuditRequest) -> AuditOutcome:
    """Look up the locked packages of indexes, of all environments. Names of repositories and members never are.

    A service is asked only about packages of the public index: a further index, or one that is configured, may be
    private. Raises UsageError without a place to look, without a lock or with one that is out of date, and what the
    place raises: an answer that is missing is never "no weakness".
    """
    source = _source(settings, request)
    project = load_project(settings.directory)
    lock = require_fresh(project)
    of_indexes = {package.pin for package in lock.packages if lock.inputs.has_index(package.source)}
    pins = sorted(of_indexes)
    if request.folder is None:
        pins = sorted(_public(settings, project, lock))
    advisories = source.find(pins, settings.reporter) if pins else []
    findings = find_weaknesses(pins, advisories)
    left = [each for each in findings if not each.ids & set(request.ignored)]
    met = {name for each in findings for name in each.ids}
    for name in unknown(request.ignored, met):
        settings.reporter.warning(f"--ignore {name}: no locked package has it any more")
    reached = _reached(settings, left) if request.solve and left else {}
    return AuditOutcome(
        found=tuple(Audited(finding=each, reached=reached.get(each.pin)) for each in left),
        ignored=len(findings) - len(left),
        asked=len(pins),
        skipped=len({package.pin for package in lock.packages}) - len(pins),
        unasked=len(of_indexes) - len(pins),
    )


def _public(settings: Settings, project: Project, lock: Lock) -> set[Pin]:
    """Return the packages whose names are public: those of the index, if it is the public one."""
    pins = {package.pin for package in lock.packages if package.source == INDEX}
    return pins if pins and has_public_index(settings, project.manifest.index_url, project.root) else set()


def _source(settings: Settings, request: AuditRequest) -> AdvisorySource:
    if request.service and request.folder is not None:
        raise UsageError("--osv-url and --advisories cannot be combined", hint="give only one of them")
    if request.folder is not None:
        folder = settings.directory / request.folder
        if not folder.is_dir():
            raise UsageError(
                f"{folder} is not a directory", hint="give a directory of OSV files with --advisories"
            )
        return AdvisoryFolder(folder)
    if not request.service:
        raise UsageError(
            "no advisory database is configured",
            cause="pipper has no default service",
            hint="give the URL of an OSV service with --osv-url (or PIPPER_OSV_URL), or --advisories DIR",
        )
    parts = split_url(request.service)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise UsageError(
            f"`{shown(request.service)}` is not the URL of a service",
            hint="write it as in https://osv.example.com",
        )
    return AdvisoryService(request.service, Web(settings.environ))


def _reached(settings: Settings, findings: list[AuditFinding]) -> Mapping[Pin, str]:
    """Return what `lock -P` would choose for each package; nothing if that fails, which a warning tells."""
    names = frozenset(each.pin.name for each in findings)
    try:
        files = find_project_files(settings.directory, None)
        assert files is not None  # noqa: S101 - its lock was read
        options = LockOptions(upgrade_packages=names)
        lock = lock_project(settings, files, options, python=None, dry_run=True).lock
    except PipperError as error:
        settings.reporter.warning(f"cannot find out what `pipper lock -P` would choose: {error.message}")
        return {}
    return {each.pin: _without(each, lock, findings) for each in findings}


def _without(finding: AuditFinding, lock: Lock, findings: list[AuditFinding]) -> str:
    """Return the version of the new lock, if no environment gets one with a weakness; else nothing."""
    name: NormalizedName = finding.pin.name
    versions = [package.version for package in lock.packages if package.name == name]
    same = [each for each in findings if each.pin.name == name and each.id == finding.id]
    if any(each.holds(version) for version in versions for each in same):
        return ""
    return ", ".join(versions) or "not needed"
