"""Removal of wheels and METADATA that interrupted uploads left: no page names them, and they are older than a day."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from pipper.core.layout.keys import METADATA_SUFFIX, TEXT, ZIP
from pipper.core.layout.objects import Holding
from pipper.core.layout.page import ProjectPage
from pipper.core.ports import ObjectInfo
from pipper.errors import ObjectAbsentError, ObjectExistsError
from pipper.ops.repository.findings import is_old, named_urls, unnamed_objects
from pipper.repository.object_bodies import fetch_object
from pipper.repository.source import Repository


class Mend(Struct, frozen=True, kw_only=True):
    """One repair that was done, or in a dry run would be."""

    subject: str
    """The key of the object, relative to the repository's root."""
    text: str
    """What was done; printed after `SUBJECT: `."""


def sweep(
    repository: Repository, holding: Holding, page: ProjectPage, now: datetime, scratch: Path
) -> Iterator[Mend]:
    """Remove unnamed objects of a project, one by one; `page` is the last page read or written.

    A publisher may be about to name an object that its earlier run uploaded. So after each deletion the page is
    read again, and the object is restored from a copy if the page names it. A publisher that finds an existing
    object checks it again after its page write. One of the two always detects the other.
    """
    for info in unnamed_objects(holding, page):
        if is_old(info, now) and _remove(repository, holding, info, now, Path(tempfile.mkdtemp(dir=scratch))):
            yield Mend(subject=info.key, text="removed it: no page names it, and it is older than a day")


def _remove(repository: Repository, holding: Holding, info: ObjectInfo, now: datetime, folder: Path) -> bool:
    store = repository.store
    copy = folder / "copy"
    with suppress(ObjectAbsentError):
        fetch_object(store, info.key, copy)
        found = store.head(info.key)  # its time may be less exact than in a listing
        if found is None or not is_old(found, now) or _is_named(repository, holding, info):
            return False
        store.delete(info.key)
        if _is_named(repository, holding, info):
            with suppress(ObjectExistsError):
                is_text = info.key.endswith(METADATA_SUFFIX)
                store.create(info.key, copy, content_type=TEXT if is_text else ZIP)
            return False
        copy.unlink()
        return True
    return False


def _is_named(repository: Repository, holding: Holding, info: ObjectInfo) -> bool:
    page = repository.read_page(holding.name, salvage=True).page
    url = info.key.removeprefix(f"{holding.name}/").removesuffix(METADATA_SUFFIX)
    return url in named_urls(page)
