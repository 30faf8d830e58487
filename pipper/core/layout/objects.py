"""The objects of a repository by the kind of their key: pages, wheels, METADATA, bundles and unknown ones."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress

from msgspec import Struct, field
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pipper.core.layout.keys import (
    LISTING_KEY,
    MARKER_KEY,
    METADATA_SUFFIX,
    PAGE_NAME,
    SITE_PAGE,
    bundle_version,
)
from pipper.core.ports import ObjectInfo
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import IntegrityError

_WHEEL = re.compile(r"[0-9a-f]{16}/[^/]+\.whl")
"""The URL of a wheel, relative to its project's page."""


class Holding(Struct, frozen=True, kw_only=True):
    """The objects of one project, from all of its folders."""

    name: NormalizedName
    page: ObjectInfo | None = None
    wheels: Mapping[str, ObjectInfo] = field(default_factory=dict)
    """By their URL, relative to the page."""
    metadata: Mapping[str, ObjectInfo] = field(default_factory=dict)
    """By the URL of their wheel."""
    bundles: tuple[ObjectInfo, ...] = ()
    """Bundles of pipper 0.x, in the order of their keys."""


class Holdings(Struct, frozen=True, kw_only=True):
    """All objects of a repository."""

    projects: tuple[Holding, ...]
    """In the order of their names."""
    strange: tuple[ObjectInfo, ...]
    """Objects that pipper does not use; readers skip them."""
    site: frozenset[str] = frozenset()
    """Keys that belong to the site, if there is one: the list of projects, and pages."""


def is_wheel_url(url: str) -> bool:
    """Return whether a text is the URL of a wheel, relative to its project's page."""
    return _WHEEL.fullmatch(url) is not None


def wheel_version(url: str) -> Version | None:
    """Return the version in the URL of a wheel; None if that is not the name of one."""
    with suppress(IntegrityError):
        return wheel_identity(url.rpartition("/")[2]).version
    return None


def arrange(objects: Iterable[ObjectInfo]) -> Holdings:
    """Group objects by project and by the kind of their key."""
    pages: dict[NormalizedName, ObjectInfo] = {}
    wheels: dict[NormalizedName, dict[str, ObjectInfo]] = {}
    metadata: dict[NormalizedName, dict[str, ObjectInfo]] = {}
    bundles: dict[NormalizedName, list[ObjectInfo]] = {}
    strange: list[ObjectInfo] = []
    site: set[str] = set()
    for info in objects:
        folder, _, rest = info.key.partition("/")
        name = canonicalize_name(folder)
        if folder == name and rest == PAGE_NAME:
            pages[name] = info
        elif folder == name and _WHEEL.fullmatch(rest):
            wheels.setdefault(name, {})[rest] = info
        elif folder == name and _WHEEL.fullmatch(rest.removesuffix(METADATA_SUFFIX)):
            metadata.setdefault(name, {})[rest.removesuffix(METADATA_SUFFIX)] = info
        elif rest and bundle_version(info.key) is not None:
            bundles.setdefault(name, []).append(info)
        elif info.key in (LISTING_KEY, SITE_PAGE) or (folder == name and rest == SITE_PAGE):
            site.add(info.key)
        elif info.key != MARKER_KEY:
            strange.append(info)
    return Holdings(
        projects=tuple(
            Holding(
                name=name,
                page=pages.get(name),
                wheels=wheels.get(name, {}),
                metadata=metadata.get(name, {}),
                bundles=tuple(sorted(bundles.get(name, ()), key=lambda info: info.key)),
            )
            for name in sorted({*pages, *wheels, *metadata, *bundles})
        ),
        strange=tuple(strange),
        site=frozenset(site),
    )
