"""What a survey of a repository amounts to: differences between pages and objects, told one by one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from packaging.version import Version

from pipper.core.layout.objects import Holding
from pipper.core.layout.page import PageFile, ProjectPage
from pipper.core.ports import ObjectInfo
from pipper.core.wheel_identity import wheel_identity
from pipper.repository.survey import BundleLook, Survey, WheelLook, metadata_key

GRACE = timedelta(days=1)
"""How long an object may lie unnamed: whoever uploaded it may still be about to write the page."""

Kind = Literal[
    "missing marker",
    "broken page",
    "missing page",
    "missing wheel",
    "damaged wheel",
    "unfit wheel",
    "wrong entry",
    "wrong metadata",
    "conflict",
    "bundle on no page",
    "changed bundle",
    "missing bundle",
    "damaged bundle",
    "unnamed object",
    "recent object",
    "bundle without page",
    "strange object",
]
NOTES: frozenset[Kind] = frozenset({"recent object", "bundle without page", "strange object"})
"""Kinds that are told, and are no differences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as the page says, or worth a note."""

    kind: Kind
    subject: str
    """A key, relative to the repository's root."""
    text: str
    """What is to be said of it, to follow `SUBJECT: `."""

    @property
    def is_difference(self) -> bool:
        """Whether a check fails because of it."""
        return self.kind not in NOTES


def findings_of(survey: Survey, *, layout_format: int, now: datetime) -> list[Finding]:
    """Return all findings on one project."""
    return [
        *_of_page(survey),
        *(each for file in survey.read.page.files for each in _of_file(survey, file)),
        *twins(survey),
        *_of_bundles(survey, layout_format),
        *_of_unnamed(survey, now),
    ]


def _of_page(survey: Survey) -> Iterator[Finding]:
    key = f"{survey.holding.name}/index.json"
    if survey.read.damage:
        yield Finding(kind="broken page", subject=key, text=f"the page cannot be read: {survey.read.damage}")
    elif survey.is_lost:
        count = len(survey.holding.wheels)
        yield Finding(kind="missing page", subject=key, text=f"no page names the {count} wheels beside it")


def _of_file(survey: Survey, file: PageFile) -> Iterator[Finding]:
    look = survey.wheels[file.url]
    key = f"{survey.holding.name}/{file.url}"
    if look.info is None:
        yield Finding(kind="missing wheel", subject=key, text="the page names it, and it is not there")
    elif look.sha256 != file.sha256:
        text = f"hash mismatch: expected sha256:{file.sha256}, got sha256:{look.sha256}"
        yield Finding(kind="damaged wheel", subject=key, text=text)
    elif look.needs is None:
        yield Finding(kind="unfit wheel", subject=key, text=f"it does not pass the gate: {look.fault}")
    else:
        if difference := entry_difference(file, look):
            yield Finding(
                kind="wrong entry", subject=key, text=f"the page has another {difference} than the wheel"
            )
        if look.metadata_fault:
            yield Finding(kind="wrong metadata", subject=metadata_key(key), text=look.metadata_fault)


def entry_difference(file: PageFile, look: WheelLook) -> str:
    """Return in which field a page's entry is not what its wheel says; empty where all are right."""
    if look.info is not None and look.info.size != file.size:
        return "size"
    if look.metadata_sha256 != file.metadata_sha256:
        return "hash of METADATA"
    needs = look.needs
    if needs is None:
        return ""
    for field in ("requires_python", "requires_dist", "provides_extra"):
        if getattr(needs, field) != getattr(file.needs, field):
            return field.replace("_", "-")
    return ""


def twins(survey: Survey) -> Iterator[Finding]:
    """Tell of two entries of the page for what is one wheel (equal version, build and tags)."""
    seen: dict[object, PageFile] = {}
    for file in survey.read.page.files:
        first = seen.setdefault(wheel_identity(file.filename), file)
        if first is not file:
            text = f"the page also has {first.url}, which is the same wheel with other bytes"
            yield Finding(kind="conflict", subject=f"{survey.holding.name}/{file.url}", text=text)


def _of_bundles(survey: Survey, layout_format: int) -> Iterator[Finding]:
    page = survey.read.page
    published = {wheel_identity(file.filename).version for file in page.files}
    noted = {bundle.key: bundle for bundle in page.bundles}
    for look in survey.bundles.values():
        key, note = look.info.key, noted.pop(look.info.key, None)
        if look.fault:
            yield Finding(kind="damaged bundle", subject=key, text=look.fault)
        elif look.version in published:
            if conflict := bundle_conflict(look, page):
                yield Finding(kind="conflict", subject=key, text=conflict)
        elif note is not None and note.etag != look.info.etag:
            yield Finding(
                kind="changed bundle",
                subject=key,
                text="pipper 0.x replaced it: its etag is not the one the page notes",
            )
        elif survey.is_lost:
            continue  # whether it is published as a wheel, nobody can tell before the page is there again
        elif note is None and layout_format == 2:
            text = "pipper 0.x put it there; no page names it, so nobody is offered it"
            yield Finding(kind="bundle on no page", subject=key, text=text)
        elif layout_format == 1:
            text = "only in a bundle of pipper 0.x: pip and uv cannot have it before `repository repair`"
            yield Finding(kind="bundle without page", subject=key, text=text)
    for key in noted:
        yield Finding(kind="missing bundle", subject=key, text="the page names it, and it is not there")
    yield from rival_bundles(list(survey.bundles.values()), published)


def bundle_conflict(look: BundleLook, page: ProjectPage) -> str:
    """Return in which way a bundle is not the published wheel of its version; empty where it is one of them."""
    same = [file for file in page.files if wheel_identity(file.filename).version == look.version]
    if any(file.sha256 == look.sha256 for file in same):
        return ""
    return (
        f"it holds other bytes (sha256 {look.sha256}) than {same[0].filename}, which the page names: "
        "publish the right one with --force"
    )


def rival_bundles(looks: Sequence[BundleLook], published: set[Version]) -> Iterator[Finding]:
    """Tell of two bundles of one version that hold different wheels, where no wheel is published yet."""
    seen: dict[Version, BundleLook] = {}
    for look in looks:
        if look.fault or look.version in published:
            continue
        first = seen.setdefault(look.version, look)
        if first.sha256 != look.sha256:
            text = f"{first.info.key} is the same version with other bytes; the one stored last counts"
            yield Finding(kind="conflict", subject=look.info.key, text=text)


def _of_unnamed(survey: Survey, now: datetime) -> Iterator[Finding]:
    if survey.is_lost:
        return
    for info in unnamed_objects(survey.holding, survey.read.page):
        if is_old(info, now):
            text = "no page names it, and it is older than a day: `repository repair` removes it"
            yield Finding(kind="unnamed object", subject=info.key, text=text)
        else:
            text = "no page names it yet: a publish may be under way"
            yield Finding(kind="recent object", subject=info.key, text=text)


def unnamed_objects(holding: Holding, page: ProjectPage) -> list[ObjectInfo]:
    """Return wheels and METADATA that the page neither names nor keeps for older locks."""
    named = named_urls(page)
    return [
        info
        for objects in (holding.wheels, holding.metadata)
        for url, info in sorted(objects.items())
        if url not in named
    ]


def named_urls(page: ProjectPage) -> set[str]:
    """Return the URLs of all wheels that must stay: published ones, and those that `--force` replaced."""
    return {*(file.url for file in page.files), *page.replaced}


def is_old(info: ObjectInfo, now: datetime) -> bool:
    """Tell whether an object lies there for longer than anybody takes to publish."""
    return now - info.modified > GRACE
