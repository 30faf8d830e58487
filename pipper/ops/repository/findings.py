"""Findings of a survey of a repository: each is one difference between a page and an object."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace
from packaging.utils import canonicalize_name
from packaging.version import Version

from pipper.core.layout.keys import METADATA_SUFFIX
from pipper.core.layout.objects import Holding
from pipper.core.layout.page import Needs, PageFile, ProjectPage, have_same
from pipper.core.layout.provenance import RemovedFile
from pipper.core.ports import ObjectInfo
from pipper.core.wheel_identity import wheel_identity
from pipper.core.wording import counted
from pipper.repository.looks import BundleLook, Survey, WheelLook

GRACE = timedelta(days=1)
"""How long an object may be on no page: the process that uploaded it may still write the page."""
REPAIR = "`pipper repository repair`"

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
    "removed bundle",
    "outdated site",
    "unnamed object",
    "recent object",
    "bundle without page",
    "strange object",
]
NOTES: frozenset[Kind] = frozenset({"recent object", "bundle without page", "strange object"})
"""Kinds that are reported and do not count as differences."""
_LOST = f"{REPAIR} restores it from a bundle, or removes its entry"


class Finding(Struct, frozen=True, kw_only=True):
    """A difference between a page and an object, or a note."""

    kind: Kind
    subject: str
    """The key of the object, relative to the repository's root."""
    text: str
    """What is wrong and what repairs it; printed after `KIND: SUBJECT: `."""

    @property
    def is_difference(self) -> bool:
        """Whether the check fails because of it."""
        return self.kind not in NOTES


def findings_of(survey: Survey, *, layout_format: int, now: datetime) -> list[Finding]:
    """Return all findings on one project."""
    return [
        *_of_page(survey, now),
        *(each for file in survey.read.page.files for each in _of_file(survey, file)),
        *_of_replaced(survey),
        *duplicate_entries(survey),
        *_of_bundles(survey, layout_format),
        *_of_unnamed(survey, now),
    ]


def has_differences(survey: Survey, *, layout_format: int, now: datetime) -> bool:
    """Return whether anything is wrong with a project."""
    return any(each.is_difference for each in findings_of(survey, layout_format=layout_format, now=now))


def _of_page(survey: Survey, now: datetime) -> Iterator[Finding]:
    key = f"{survey.holding.name}/index.json"
    if survey.read.damage:
        text = f"the page cannot be read ({survey.read.damage}): {REPAIR} recreates it"
        yield Finding(kind="broken page", subject=key, text=text)
    elif survey.is_lost and not is_unfinished(survey, now):
        wheels = counted(len(survey.holding.wheels), "wheel")
        text = f"the project has {wheels} and no page: {REPAIR} recreates it"
        yield Finding(kind="missing page", subject=key, text=text)


def _of_file(survey: Survey, file: PageFile) -> Iterator[Finding]:
    look = survey.wheels[file.url]
    key = f"{survey.holding.name}/{file.url}"
    if look.info is None:
        text = f"the page names this wheel, but it does not exist: {_LOST}"
        yield Finding(kind="missing wheel", subject=key, text=text)
    elif look.sha256 != file.sha256:
        text = f"hash mismatch: expected sha256:{file.sha256}, got sha256:{look.sha256}; {_LOST}"
        yield Finding(kind="damaged wheel", subject=key, text=text)
    elif look.needs is None:
        yield unfit_wheel(key, look)
    else:
        right = entry_by_wheel(file, look.info.size, look.metadata_sha256, look.needs)
        if difference := entry_difference(file, right):
            text = f"the page has another {difference} than the wheel: {REPAIR} corrects the page"
            yield Finding(kind="wrong entry", subject=key, text=text)
        yield from _of_metadata(key, look)


def _of_metadata(key: str, look: WheelLook) -> Iterator[Finding]:
    if look.metadata_fault:
        text = f"{look.metadata_fault}: {REPAIR} writes it again"
        yield Finding(kind="wrong metadata", subject=key + METADATA_SUFFIX, text=text)


def _of_replaced(survey: Survey) -> Iterator[Finding]:
    """Find lost wheels among those that `--force` replaced and that older locks name, and METADATA that is wrong."""
    for url in survey.read.page.replaced:
        look = survey.wheels[url]
        if look.is_genuine:
            yield from _of_metadata(f"{survey.holding.name}/{url}", look)
            continue
        kind: Kind = "missing wheel" if look.info is None else "damaged wheel"
        what = "it does not exist" if look.info is None else f"it has other bytes (sha256 {look.sha256})"
        text = f"`--force` replaced this wheel, older locks name it, and {what}: {REPAIR} restores it or forgets it"
        yield Finding(kind=kind, subject=f"{survey.holding.name}/{url}", text=text)


def unfit_wheel(key: str, look: WheelLook) -> Finding:
    """Return the finding for a published wheel that is not valid."""
    return Finding(kind="unfit wheel", subject=key, text=f"the wheel is not valid: {look.fault}")


def entry_by_wheel(file: PageFile, size: int, metadata_sha256: str, needs: Needs) -> PageFile:
    """Return a page's entry as its wheel says; the dependencies that 0.x adds are in no wheel."""
    needs = replace(needs, dependencies=file.needs.dependencies)
    return replace(file, size=size, metadata_sha256=metadata_sha256, needs=needs)


def entry_difference(file: PageFile, right: PageFile) -> str:
    """Return the field of a page's entry that is not as its wheel says; empty if all are."""
    if file.size != right.size:
        return "size"
    if file.metadata_sha256 != right.metadata_sha256:
        return "hash of METADATA"
    for field in ("requires_python", "requires_dist", "provides_extra"):
        if getattr(file.needs, field) != getattr(right.needs, field):
            return field.replace("_", "-")
    return ""


def duplicate_entries(survey: Survey) -> Iterator[Finding]:
    """Find entries of the page for the same wheel (equal version, build and tags)."""
    seen: dict[object, PageFile] = {}
    for file in survey.read.page.files:
        first = seen.setdefault(wheel_identity(file.filename), file)
        if first is not file:
            text = (
                f"the page also names {first.url}, the same wheel with other bytes: publish one with --force"
            )
            yield Finding(kind="conflict", subject=f"{survey.holding.name}/{file.url}", text=text)


def _of_bundles(survey: Survey, layout_format: int) -> Iterator[Finding]:
    page = survey.read.page
    published = page.versions
    noted = {bundle.key: bundle for bundle in page.bundles}
    for look in survey.bundles.values():
        key, note = look.info.key, noted.pop(look.info.key, None)
        removal = None if look.version in published else page.removal(look.version)
        if removal is not None:
            yield of_removed_bundle(look.info, removal)
        elif look.fault:
            yield damaged_bundle(look)
        elif look.version in published:
            if conflict := bundle_conflict(look, page):
                yield Finding(kind="conflict", subject=key, text=conflict)
        elif note is not None and note.etag != look.info.etag:
            text = f"pipper 0.x replaced this bundle; the page has its old etag: {REPAIR} imports the new one"
            yield Finding(kind="changed bundle", subject=key, text=text)
        elif survey.is_lost:
            continue  # only the recreated page can show whether it is also published as a wheel
        elif note is None and layout_format == 2:
            text = f"pipper 0.x published this bundle, but no page names it: {REPAIR} imports it"
            yield Finding(kind="bundle on no page", subject=key, text=text)
        elif layout_format == 1:
            text = f"only pipper can install this bundle; for pip and uv, {REPAIR} unpacks it"
            yield Finding(kind="bundle without page", subject=key, text=text)
    for key in noted:
        text = f"the page names this bundle, but it does not exist: {REPAIR} removes the entry"
        yield Finding(kind="missing bundle", subject=key, text=text)
    yield from rival_bundles(list(survey.bundles.values()), published)


def damaged_bundle(look: BundleLook) -> Finding:
    """Return the finding for a bundle that is not valid."""
    text = f"the bundle is not valid: {look.fault}"
    return Finding(kind="damaged bundle", subject=look.info.key, text=text)


def of_removed_bundle(info: ObjectInfo, removal: RemovedFile) -> Finding:
    """Return the finding for a bundle whose version was removed: left by an interrupted prune, or published again."""
    if removal.outlives(info.modified):
        text = f"its version was removed, and the bundle is left: {REPAIR} removes it"
        return Finding(kind="removed bundle", subject=info.key, text=text)
    release = f"{canonicalize_name(info.key.partition('/')[0])}:{removal.version}"
    text = f"pipper 0.x published it, but {removal}: publish it under another version; "
    text += f"`pipper repository prune {release}` deletes the bundle"
    return Finding(kind="conflict", subject=info.key, text=text)


def bundle_conflict(look: BundleLook, page: ProjectPage) -> str:
    """Return how a bundle conflicts with the published wheels of its version; empty if it contains one of them."""
    same = [file for file in page.files if wheel_identity(file.filename).version == look.version]
    inside = [file for file in same if file.sha256 == look.sha256]
    if not inside:
        return (
            f"its wheel has other bytes (sha256 {look.sha256}) than {same[0].filename} on the page: "
            "publish the right one with --force"
        )
    if have_same(inside[0].needs.dependencies, look.dependencies):
        return ""
    return "it has other dependencies than its wheel on the page: publish the right bundle with --force"


def rival_bundles(looks: Sequence[BundleLook], published: Collection[Version]) -> Iterator[Finding]:
    """Find bundles of one version that contain different wheels, if that version has no published wheel."""
    seen: dict[Version, BundleLook] = {}
    for look in looks:
        if look.fault or look.version in published:
            continue
        first = seen.setdefault(look.version, look)
        if first.sha256 != look.sha256:
            text = f"{first.info.key} has the same version and another wheel; the newer bundle counts"
            yield Finding(kind="conflict", subject=look.info.key, text=text)


def _of_unnamed(survey: Survey, now: datetime) -> Iterator[Finding]:
    has_begun = is_unfinished(survey, now)
    if survey.is_lost and not has_begun:
        return
    for info in unnamed_objects(survey.holding, survey.read.page):
        if has_begun:
            text = "the project has no page yet: a publish may be running; if none is, publish again. "
            text += f"A day after the upload, {REPAIR} makes a page"
            yield Finding(kind="recent object", subject=info.key, text=text)
        elif is_old(info, now):
            text = f"no page names this object, and it is older than a day: {REPAIR} removes it"
            yield Finding(kind="unnamed object", subject=info.key, text=text)
        else:
            text = "no page names this object yet: a publish may be running"
            yield Finding(kind="recent object", subject=info.key, text=text)


def is_unfinished(survey: Survey, now: datetime) -> bool:
    """Return whether a project may never have had a page: its first publish is running, or has broken off.

    A page of its wheels would lack what only their publisher knows. If one of them is older than a day, or in a
    bundle, which is stored after the page, then the page was there and is lost, or its publisher gave up.
    """
    if survey.read.etag is not None or not survey.holding.wheels:
        return False
    bundled = {look.sha256 for look in survey.bundles.values() if look.sha256}
    return not (
        any(is_old(info, now) for info in survey.holding.wheels.values())
        or any(look.sha256 in bundled for look in survey.wheels.values())
    )


def unfinished(survey: Survey) -> Finding:
    """Return the finding for a project that `is_unfinished`: a repair leaves it to its publisher for a day."""
    wheels = survey.holding.wheels
    first = min(info.modified for info in wheels.values())
    text = f"the project has {counted(len(wheels), 'wheel')} and no page: a publish is running or broke off, or the "
    text += f"page is lost. Publish again, or run {REPAIR} a day after the first upload ({first:%Y-%m-%d %H:%M} UTC)"
    return Finding(kind="missing page", subject=f"{survey.holding.name}/index.json", text=text)


def unnamed_objects(holding: Holding, page: ProjectPage) -> list[ObjectInfo]:
    """Return the METADATA and wheels that the page neither names nor keeps for older locks.

    METADATA comes first: who finds a wheel, while it is swept, stores both again. Who finds METADATA alone does not.
    """
    named = page.urls
    return [
        info
        for objects in (holding.metadata, holding.wheels)
        for url, info in sorted(objects.items())
        if url not in named
    ]


def is_old(info: ObjectInfo, now: datetime) -> bool:
    """Return whether an object is older than a publish can take."""
    return now - info.modified > GRACE
