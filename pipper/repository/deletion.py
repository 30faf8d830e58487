"""Deletion of objects that a publisher may be about to name: each is copied first, and put back if a page needs it.

The page is read again after the deletion. A publisher looks at its objects again after its page write, wherever others
may have written the page too. So one of the two always detects the other.
"""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from packaging.utils import NormalizedName

from pipper.core.layout.keys import METADATA_SUFFIX, TEXT, ZIP, bundle_version
from pipper.core.layout.page import ProjectPage
from pipper.core.ports import ObjectInfo, Store
from pipper.errors import ObjectAbsentError, ObjectExistsError
from pipper.repository.object_bodies import fetch_object
from pipper.repository.source import Repository


def delete_unless_needed(
    repository: Repository,
    name: NormalizedName,
    info: ObjectInfo,
    scratch: Path,
    *,
    goes: Callable[[ObjectInfo], bool],
) -> bool:
    """Delete a wheel, METADATA or bundle of the project `name` and return True; a copy is below `scratch` meanwhile.

    Return False if it is gone already, if it no longer `goes` as it is now, or if the page of the project needs it.
    It is put back also if an error or an interrupt leaves open whether the page needs it. Raises what the store
    raises, and OSError if the copy cannot be written.
    """
    store = repository.store

    def has_need() -> bool:
        return _needs(repository.read_page(name, salvage=True).page, info.key)

    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        copy = Path(folder) / "copy"
        try:
            fetch_object(store, info.key, copy)
        except ObjectAbsentError:
            return False
        found = store.head(info.key)  # its time may be less exact in a listing, which has no user metadata
        if found is None or not goes(found) or has_need():
            return False
        stays = True
        try:
            store.delete(info.key)
            stays = has_need()
        finally:
            if stays:
                _put_back(store, found, copy)
        return not stays


def _needs(page: ProjectPage, key: str) -> bool:
    """Return whether a page names a wheel, also by its METADATA, or publishes the version of a bundle."""
    version = bundle_version(key)
    if version is not None:
        return version in page.versions
    return key.removeprefix(f"{page.name}/").removesuffix(METADATA_SUFFIX) in page.urls


def _put_back(store: Store, info: ObjectInfo, copy: Path) -> None:
    """Store a deleted object again, unless somebody has; `info` has its user metadata."""
    content_type = TEXT if info.key.endswith(METADATA_SUFFIX) else ZIP
    with suppress(ObjectExistsError):
        store.create(info.key, copy, content_type=content_type, metadata=info.metadata)
