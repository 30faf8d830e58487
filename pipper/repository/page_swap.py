"""Changes of a project's page by compare-and-swap: read, change, write on condition, and retry on a conflict."""

from collections.abc import Callable
from pathlib import Path

from packaging.utils import NormalizedName

from pipper.core.layout.keys import page_key
from pipper.core.layout.page import PAGE_TYPE, ProjectPage, dump_page
from pipper.core.ports import Store
from pipper.errors import ConflictError
from pipper.repository.source import ReadPage, Repository

ROUNDS = 20
"""How often a write is tried while other writers change the object."""


def swap_page(
    repository: Repository,
    name: NormalizedName,
    change: Callable[[ProjectPage], ProjectPage],
    *,
    read: ReadPage | None = None,
    salvage: bool = False,
) -> ReadPage:
    """Write `change(page)` in place of the project's page, by compare-and-swap; return the page as written.

    The first attempt uses `read`, if it is given. Each further attempt reads the page and calls `change` again.
    Without a change nothing is written. With `salvage`, a damaged page is replaced by its readable entries,
    changed.

    Raises ConflictError if other writers win every attempt, and what `change` and the store raise.
    """
    store = repository.store
    for _ in range(ROUNDS):
        read = read or repository.read_page(name, salvage=salvage)
        page = change(read.page)
        if page == read.page and not read.damage:
            return read
        body = dump_page(page)
        try:
            etag = put(store, page_key(name), body, etag=read.etag, content_type=PAGE_TYPE)
        except ConflictError:
            read = None
            continue
        return ReadPage(page=page, etag=etag)
    raise outrun(f"{store.location}/{page_key(name)}")


def put(store: Store, key: str, body: bytes | Path, *, etag: str | None, content_type: str) -> str:
    """Create an object, or with `etag` replace it, and return its new etag.

    Raises ObjectExistsError or ObjectChangedError if another process wrote first.
    """
    if etag is None:
        return store.create(key, body, content_type=content_type)
    return store.replace(key, body, etag=etag, content_type=content_type)


def outrun(subject: str) -> ConflictError:
    """Return the error for an object that other writers changed during every attempt to write it."""
    return ConflictError(
        f"cannot write {subject}",
        cause=f"other writers changed it during all {ROUNDS} attempts",
        hint="run the same command again: it does not upload files twice",
    )
