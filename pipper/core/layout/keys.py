"""The keys of a repository, of its site, and its format marker."""

import json

from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.document import MANIFEST_LIMIT, read_json
from pipper.core.layout.legacy_version import deserialize
from pipper.core.plain_json import load_json
from pipper.errors import IntegrityError

MARKER_KEY = "pipper-repository.json"
PAGE_NAME = "index.json"
LISTING_KEY = "index.json"
SITE_PAGE = "index.html"
"""The list of projects and the name of pages that a site adds to a repository; the list lies in the root."""
BUNDLE_SUFFIX = ".pipper"
METADATA_SUFFIX = ".metadata"

JSON = "application/json"
ZIP = "application/zip"
TEXT = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
"""Content types of the marker, of wheels and bundles, of METADATA, and of the pages of a site."""


def page_key(name: NormalizedName) -> str:
    """Return the key of a project's page."""
    return f"{name}/{PAGE_NAME}"


def site_key(name: NormalizedName) -> str:
    """Return the key of a project's page of the site; the page of the root has `SITE_PAGE` itself."""
    return f"{name}/{SITE_PAGE}"


def wheel_key(name: NormalizedName, sha256: str, filename: str) -> str:
    """Return the key of a wheel; it contains 16 digits of the hash, so that other bytes never replace it."""
    return f"{name}/{sha256[:16]}/{filename}"


def in_small_folder(key: str) -> str:
    """Return a key whose folder has small letters, as a store lists it that ignores their case."""
    folder, slash, rest = key.partition("/")
    return f"{folder.lower()}{slash}{rest}"


def marker_body(layout_format: int, *, has_site: bool = False) -> bytes:
    """Return the bytes of the format marker; it also notes that the repository has a site."""
    return json.dumps({"format": layout_format} | ({"site": True} if has_site else {})).encode()


def parse_marker(body: bytes, *, label: str) -> int:
    """Return the format that a marker names, 1 or 2; raises IntegrityError for anything else."""
    hint = "recreate it with `pipper repository repair`"
    root = read_json(body, label=label, limit=MANIFEST_LIMIT, hint=hint, error=IntegrityError)
    found = root.at("format").integer()
    if found not in (1, 2):
        raise IntegrityError(
            f"{label}: unknown format {found!r}", hint="a newer pipper wrote it: upgrade pipper"
        )
    return found


def marks_site(body: bytes) -> bool:
    """Return whether a marker notes that the repository has a site; no error for a damaged marker."""
    try:
        document = load_json(body)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("site") is True


def bundle_version(key: str) -> Version | None:
    """Return the version in the key of a 0.x bundle, or None for any other key."""
    filename = key.rpartition("/")[2]
    if not filename.endswith(BUNDLE_SUFFIX):
        return None
    return deserialize(filename.removesuffix(BUNDLE_SUFFIX))
