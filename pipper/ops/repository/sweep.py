"""Removal of wheels and METADATA that interrupted uploads left: no page names them, and they are older than a day."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from pipper.core.layout.objects import Holding
from pipper.core.layout.page import ProjectPage
from pipper.ops.repository.findings import is_old, unnamed_objects
from pipper.repository.deletion import delete_unless_needed
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
    """Remove unnamed objects of a project, one by one; `page` is the last page read or written."""
    for info in unnamed_objects(holding, page):
        if is_old(info, now) and delete_unless_needed(
            repository, holding.name, info, scratch, goes=lambda found: is_old(found, now)
        ):
            yield Mend(subject=info.key, text="removed it: no page names it, and it is older than a day")
