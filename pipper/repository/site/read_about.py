"""The description of a project, from the METADATA beside its wheel."""

from pipper.core.layout.keys import METADATA_SUFFIX, wheel_key
from pipper.core.layout.page import PageFile, ProjectPage
from pipper.core.ports import Store
from pipper.core.site.about import NOTHING, About
from pipper.errors import IntegrityError, ObjectAbsentError
from pipper.wheels.metadata import parse_description, parse_headers

_LINKS = 50
"""Links of a project that are shown."""


def read_about(store: Store, page: ProjectPage, file: PageFile | None) -> About:
    """Return the description of a project; nothing if it has no wheel, or if METADATA is lost or damaged."""
    if file is None:
        return NOTHING
    key = wheel_key(page.name, file.sha256, file.filename) + METADATA_SUFFIX
    try:
        return parse_about(store.read(key).body, subject=key)
    except (ObjectAbsentError, IntegrityError):
        return NOTHING  # `repository check` reports it


def parse_about(raw: bytes, *, subject: str) -> About:
    """Return the descriptive part of METADATA; raises IntegrityError for headers without end."""
    headers = parse_headers(raw, subject=subject)

    def first(name: str) -> str:
        return headers.get(name, [""])[0]

    pairs = [line.partition(",") for line in headers.get("project-url", ())]
    links = [(label.strip(), url.strip()) for label, _, url in pairs]
    links += [("Homepage", first("home-page"))] if first("home-page") else []
    return About(
        summary=first("summary"),
        description=parse_description(raw) or first("description"),
        content_type=first("description-content-type"),
        author=first("author") or first("author-email"),
        licence=first("license-expression") or first("license")[:200],
        links=tuple(links[:_LINKS]),
    )
