"""Deletion of objects that a publisher may be about to name: each is copied first, and put back if a page needs it.

The page is read again after the deletion. A publisher that finds an existing object looks at it again after its page
write. So one of the two always detects the other.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from packaging.utils import NormalizedName

from pipper.core.layout.keys import METADATA_SUFFIX, TEXT, ZIP
from pipper.core.layout.page import ProjectPage
from pipper.core.ports import ObjectInfo, Store
from pipper.errors import ObjectAbsentError, ObjectExistsError
from pipper.repository.object_bodies import fetch_object
from pipper.repository.source import Repository


def delete_unless_needed(
    repository: Repository,
    name: NormalizedName,
    info: ObjectInfo,
    copy: Path,
    *,
    goes: Callable[[ObjectInfo], bool],
    is_needed: Callable[[ProjectPage], bool],
) -> bool:
    """Delete an object of the project `name` and return True; it is in the new file `copy` meanwhile.

    Return False if it is gone already, if it no longer `goes` as it is now, or if the page of the project needs it.
    Raises what the store raises, and OSError if `copy` cannot be written.
    """
    store = repository.store

    def has_need() -> bool:
        return is_needed(repository.read_page(name, salvage=True).page)

    try:
        fetch_object(store, info.key, copy)
    except ObjectAbsentError:
        return False
    found = store.head(info.key)  # its time may be less exact than in a listing
    if found is None or not goes(found) or has_need():
        return False
    store.delete(info.key)
    if has_need():
        put_back(store, found, copy)
        return False
    copy.unlink()
    return True


def put_back(store: Store, info: ObjectInfo, copy: Path) -> None:
    """Store a deleted wheel, METADATA or bundle again, unless somebody has; `info` has its user metadata.

    Raises what the store raises.
    """
    content_type = TEXT if info.key.endswith(METADATA_SUFFIX) else ZIP
    with suppress(ObjectExistsError):
        store.create(info.key, copy, content_type=content_type, metadata=info.metadata)
