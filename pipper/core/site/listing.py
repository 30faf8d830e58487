"""The list of projects of a site, `index.json` in the root: PEP 691, with what the pages need to know of each other.

It is made from the projects' pages and can always be made again.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name, is_normalized_name

from pipper.core.document import DOCUMENT_LIMIT, Node, read_json
from pipper.core.layout.page import PageFile, ProjectPage
from pipper.core.layout.published import PublishedPackage, versions_of
from pipper.core.manifest.requirement import parse_requirement
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import IntegrityError, UsageError


class ListedProject(Struct, frozen=True, kw_only=True, rename="kebab"):
    """What the list says of a project, of its newest version."""

    name: NormalizedName
    newest: str = ""
    """Empty if no version is left that can be chosen."""
    versions: int = 0
    uploaded: str = ""
    """The day of the last upload."""
    summary: str = ""
    metadata: str = ""
    """The sha256 of the METADATA that the summary is from."""
    requires: tuple[NormalizedName, ...] = ()
    """Names that the newest version may need, on any platform and with any extra."""


class Listing(Struct, frozen=True, kw_only=True, dict=True):
    """The projects of a site, by name."""

    projects: Mapping[NormalizedName, ListedProject]

    @cached_property
    def _dependants(self) -> Mapping[NormalizedName, list[NormalizedName]]:
        found: dict[NormalizedName, list[NormalizedName]] = {}
        for each in self.projects.values():
            for name in each.requires:
                found.setdefault(name, []).append(each.name)
        return found

    def requirements(self, name: NormalizedName) -> tuple[NormalizedName, ...]:
        """Return the projects of the listing that the newest version of `name` may need."""
        entry = self.projects.get(name)
        return tuple(each for each in entry.requires if each in self.projects) if entry else ()

    def dependants(self, name: NormalizedName) -> tuple[NormalizedName, ...]:
        """Return the projects whose newest version may need `name`."""
        return tuple(self._dependants.get(name, ()))

    def changed(self, entries: Mapping[NormalizedName, ListedProject | None]) -> "Listing":
        """Return the listing with other entries; None takes one away."""
        merged: dict[NormalizedName, ListedProject | None] = {**self.projects, **entries}
        kept = {name: entry for name, entry in sorted(merged.items()) if entry is not None}
        return Listing(projects=kept)


EMPTY = Listing(projects={})


def described_file(page: ProjectPage) -> PageFile | None:
    """Return the wheel whose METADATA describes the project: of the newest version, else of the last one."""
    package = PublishedPackage(name=page.name, versions=versions_of(page))
    chosen = package.newest or next(iter(package.versions), None)
    if chosen is None:
        return None
    return next(
        (each for each in page.files if wheel_identity(each.filename).version == chosen.version), None
    )


def required_names(page: ProjectPage, file: PageFile | None) -> tuple[NormalizedName, ...]:
    """Return the names that a wheel may need, without its own."""
    lines = (*file.needs.requires_dist, *file.needs.dependencies) if file else ()
    return tuple(sorted({name for line in lines if (name := required_name(line))} - {page.name}))


def required_name(line: str) -> NormalizedName | None:
    """Return the name in a requirement, also in the spelling of 0.x; None for a malformed one."""
    try:
        return canonicalize_name(parse_requirement(line).name)
    except UsageError:
        return None


def listed(page: ProjectPage, summary: str) -> ListedProject | None:
    """Return the entry of a project; None if nothing was ever published under its name."""
    package = PublishedPackage(name=page.name, versions=versions_of(page))
    if not package.versions and not page.removed:
        return None
    file = described_file(page)
    return ListedProject(
        name=page.name,
        newest=str(package.newest.version) if package.newest else "",
        versions=len(package.versions),
        uploaded=package.uploaded.strftime("%Y-%m-%d") if package.uploaded else "",
        summary=summary,
        metadata=file.metadata_sha256 if file else "",
        requires=required_names(page, file),
    )


def dump_listing(listing: Listing) -> bytes:
    """Return the bytes of a listing; equal ones have equal bytes."""
    projects = [
        {
            "name": each.name,
            "_pipper": {
                "newest": each.newest,
                "versions": each.versions,
                "uploaded": each.uploaded,
                "summary": each.summary,
                "metadata": each.metadata,
                "requires": list(each.requires),
            },
        }
        for each in listing.projects.values()
    ]
    document = {"meta": {"api-version": "1.1"}, "projects": projects}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def parse_listing(body: bytes, *, label: str) -> Listing:
    """Return the listing in `body`; raises IntegrityError for a damaged one."""
    hint = "recreate it with `pipper repository site`"
    root = read_json(body, label=label, limit=DOCUMENT_LIMIT, hint=hint, error=IntegrityError)
    entries = map(_entry, root.at("projects").items())
    return EMPTY.changed({entry.name: entry for entry in entries})


def _entry(node: Node) -> ListedProject:
    own = node.at("_pipper")
    return ListedProject(
        name=_name(node.at("name")),
        newest=own.text_at("newest"),
        versions=own.at("versions").integer(),
        uploaded=own.text_at("uploaded"),
        summary=own.text_at("summary"),
        metadata=own.text_at("metadata"),
        requires=tuple(_names(own.at("requires").items())),
    )


def _names(nodes: Iterable[Node]) -> Iterable[NormalizedName]:
    return map(_name, nodes)


def _name(node: Node) -> NormalizedName:
    if not is_normalized_name(node.text()):
        raise node.fail("not a normalised name")
    return canonicalize_name(node.text())
