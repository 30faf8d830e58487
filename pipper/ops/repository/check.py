"""`repository check`: compares every object with its page, and tests every permission."""

from datetime import datetime
from functools import partial
from itertools import chain

from msgspec import Struct

from pipper.core.layout.keys import MARKER_KEY
from pipper.core.layout.objects import Holdings, arrange
from pipper.core.ports import Ability, TellsAbilities
from pipper.errors import IntegrityError, PipperError, StoreLacksError, gravest
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import single_repository
from pipper.ops.repository.findings import REPAIR, Finding, findings_of, has_differences
from pipper.ops.repository.site import SITE_COMMAND
from pipper.repository.probe_store import Probe, probe_store
from pipper.repository.site.keeper import SiteKeeper
from pipper.repository.source import Repository
from pipper.repository.survey import Surveyor
from pipper.system.files import scratch_folder

_NEEDED = ("list", "read")


class CheckOutcome(Struct, frozen=True, kw_only=True):
    """The result of a check."""

    location: str
    layout_format: int
    """0 if it could not be read."""
    probes: tuple[Probe, ...]
    projects: int = 0
    findings: tuple[Finding, ...] = ()
    errors: tuple[PipperError, ...] = ()
    """Why parts could not be checked."""
    abilities: tuple[Ability, ...] = ()
    """What the store can do, and what that means."""

    @property
    def exit_code(self) -> int:
        """The exit code of the gravest error, else 1 if there are differences, else 0."""
        differs = any(finding.is_difference for finding in self.findings)
        return gravest(error.exit_code for error in self.errors) or int(differs)


def check(settings: Settings, *, now: datetime) -> CheckOutcome:
    """Verify all objects of the repository and change nothing; `now` separates old objects from recent ones.

    Raises UsageError if the repository does not exist, IntegrityError for a damaged format marker, and what the
    store raises before the first project is read.
    """
    repository = single_repository(settings, "repository check")
    probes = probe_store(repository.store)
    errors = [
        probe.error
        for probe in probes
        if probe.error is not None
        and (probe.permission in _NEEDED or isinstance(probe.error, StoreLacksError))
    ]
    if any(probe.error is not None for probe in probes if probe.permission in _NEEDED):
        return CheckOutcome(
            location=repository.store.location,
            layout_format=0,
            probes=probes,
            errors=tuple(errors),
            abilities=_abilities(repository, probes),
        )
    repository.require()
    holdings = arrange(repository.store.list())
    findings, failed = _look(repository, holdings, settings, now)
    site, unread = _site(repository, settings)
    return CheckOutcome(
        location=repository.store.location,
        layout_format=repository.layout_format,
        probes=probes,
        projects=len(holdings.projects),
        findings=(*_marker(repository, holdings), *findings, *site, *_strange(repository, holdings)),
        errors=(*errors, *failed, *unread),
        abilities=_abilities(repository, probes),
    )


def _abilities(repository: Repository, probes: tuple[Probe, ...]) -> tuple[Ability, ...]:
    store = repository.store
    (written,) = (probe.error for probe in probes if probe.permission == "write on condition")
    state, meaning = "honoured", "several may publish at the same time"
    if isinstance(written, StoreLacksError):
        state, meaning = "not supported", "pipper reads from it, and does not write into it"
    elif written is not None:
        state, meaning = "unknown", "these credentials may not write"
    conditions = Ability(name="conditions", state=state, meaning=meaning)
    return (conditions, *(store.abilities(MARKER_KEY) if isinstance(store, TellsAbilities) else ()))


def _look(
    repository: Repository, holdings: Holdings, settings: Settings, now: datetime
) -> tuple[list[Finding], list[PipperError]]:
    findings: list[Finding] = []
    errors: list[PipperError] = []
    with scratch_folder() as scratch:
        surveyor = Surveyor(
            repository,
            scratch,
            all_bundles=True,
            limits=settings.limits,
            is_wrong=partial(has_differences, layout_format=repository.layout_format, now=now),
        )
        for survey in chain.from_iterable(surveyor.survey(holdings.projects, settings.reporter)):
            if survey.error is None:
                findings += findings_of(survey, layout_format=repository.layout_format, now=now)
            else:
                errors.append(survey.error)
    return findings, errors


def _marker(repository: Repository, holdings: Holdings) -> list[Finding]:
    """Report a missing marker if there are pages: only 0.x creates repositories without one, and without pages."""
    if repository.store.head(MARKER_KEY) is not None or all(each.page is None for each in holdings.projects):
        return []
    text = f"it does not exist, so bundles of pipper 0.x count as published: {REPAIR} creates it"
    return [Finding(kind="missing marker", subject=MARKER_KEY, text=text)]


def _site(repository: Repository, settings: Settings) -> tuple[list[Finding], list[PipperError]]:
    """Find the pages of the site that do not show what is published; damaged pages of projects are told already."""
    if not repository.has_site:
        return [], []
    found = SiteKeeper(repository, settings.reporter, dry_run=True).refresh()
    text = f"it does not show what is published: {SITE_COMMAND} or {REPAIR} writes it"
    gone = f"nothing is published under this name: {SITE_COMMAND} or {REPAIR} removes it"
    return [
        *(Finding(kind="outdated site", subject=key, text=text) for key in found.written),
        *(Finding(kind="outdated site", subject=key, text=gone) for key in found.removed),
    ], [error for error in found.errors if not isinstance(error, IntegrityError)]


def _strange(repository: Repository, holdings: Holdings) -> list[Finding]:
    keys = [info.key for info in holdings.strange]
    keys += () if repository.has_site else sorted(holdings.site)
    return [
        Finding(
            kind="strange object",
            subject=key,
            text="this key is not of pipper's layout; pipper ignores the object and leaves it",
        )
        for key in sorted(keys)
    ]
