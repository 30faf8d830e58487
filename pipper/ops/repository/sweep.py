"""Removing what uploads left behind: wheels and METADATA that no page names, older than a day."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipper.core.layout.keys import METADATA_SUFFIX
from pipper.core.layout.objects import Holding
from pipper.core.layout.page import ProjectPage
from pipper.core.ports import ObjectInfo
from pipper.errors import ObjectAbsentError, ObjectExistsError
from pipper.ops.repository.findings import is_old, named_urls, unnamed_objects
from pipper.repository.source import Repository
from pipper.repository.survey import fetch_object

_ZIP = "application/zip"
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """Something that was put right, or in a dry run would be."""

    subject: str
    """A key, relative to the repository's root."""
    text: str
    """What was done, to follow `SUBJECT: `."""


def sweep(
    repository: Repository, holding: Holding, page: ProjectPage, now: datetime, scratch: Path
) -> Iterator[Mend]:
    """Remove unnamed objects of a project, one by one; `page` is what was last read or written of it.

    A publisher may just now be about to name one that an earlier run of it uploaded. So each is kept at hand
    until the page was read again after it was deleted, and put back where it is named by then; a publisher
    that finds an object there already looks again once its page is written. One of the two sees the other.
    """
    for info in unnamed_objects(holding, page):
        if is_old(info, now) and _remove(repository, holding, info, now, Path(tempfile.mkdtemp(dir=scratch))):
            yield Mend(subject=info.key, text="removed: no page names it, and it is older than a day")


def _remove(repository: Repository, holding: Holding, info: ObjectInfo, now: datetime, folder: Path) -> bool:
    store = repository.store
    copy = folder / "copy"
    with suppress(ObjectAbsentError):
        fetch_object(store, info.key, copy)
        found = store.head(info.key)  # whose time may be coarser than that of a listing
        if found is None or not is_old(found, now) or _is_named(repository, holding, info):
            return False
        store.delete(info.key)
        if _is_named(repository, holding, info):
            with suppress(ObjectExistsError):
                is_text = info.key.endswith(METADATA_SUFFIX)
                store.create(info.key, copy, content_type=_TEXT if is_text else _ZIP)
            return False
        copy.unlink()
        return True
    return False


def _is_named(repository: Repository, holding: Holding, info: ObjectInfo) -> bool:
    """Whether the page names an object as it is now."""
    page = repository.read_page(holding.name, salvage=True).page
    url = info.key.removeprefix(f"{holding.name}/").removesuffix(METADATA_SUFFIX)
    return url in named_urls(page)
