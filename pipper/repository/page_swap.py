"""Changes of a project's page by compare-and-swap: read, change, write on condition, and retry on a conflict."""

from collections.abc import Callable, Collection
from pathlib import Path

from msgspec.structs import replace
from packaging.utils import NormalizedName

from pipper.core.layout.keys import page_key
from pipper.core.layout.objects import arrange, wheel_version
from pipper.core.layout.page import PAGE_TYPE, ProjectPage
from pipper.core.layout.page_json import dump_page
from pipper.core.ports import Store
from pipper.core.wording import counted
from pipper.errors import ConflictError
from pipper.repository.source import ReadPage, Repository

ROUNDS = 20
"""How often a write is tried while other writers change the object."""
_TOLD = 5
"""Wheels that a warning names."""


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
    Without a change nothing is written. A new page also keeps the wheels that are there, for the page may have been
    lost. With `salvage`, a damaged page is replaced by its readable entries, changed, and a lost one by what `change`
    makes of none.

    Raises ConflictError if other writers win every attempt, and what `change` and the store raise.
    """
    store = repository.store
    for _ in range(ROUNDS):
        read = read or repository.read_page(name, salvage=salvage)
        page = change(read.page)
        if page == read.page and not read.damage:
            return read
        kept = frozenset[str]() if read.etag or salvage else _unnamed(repository, page)
        page = replace(page, replaced=tuple(sorted({*page.replaced, *kept})))
        body = dump_page(page)
        try:
            etag = put(store, page_key(name), body, etag=read.etag, content_type=PAGE_TYPE)
        except ConflictError:
            read = None
            continue
        if kept:
            repository.reporter.warning(_told(store, page, kept))
        return ReadPage(page=page, etag=etag)
    raise outrun(f"{store.location}/{page_key(name)}")


def _unnamed(repository: Repository, page: ProjectPage) -> frozenset[str]:
    """Return the URLs of the wheels of a project that its new page does not name, and that it does not remove."""
    if page.name not in repository.folders():
        return frozenset()
    found = arrange(repository.store.list(f"{page.name}/")).projects
    urls = frozenset(url for each in found for url in each.wheels) - page.urls
    versions = {url: wheel_version(url) for url in urls}
    return frozenset(url for url, version in versions.items() if version and not page.removal(version, url))


def _told(store: Store, page: ProjectPage, kept: Collection[str]) -> str:
    names = ", ".join(sorted(url.partition("/")[2] for url in kept)[:_TOLD])
    more = f" and {len(kept) - _TOLD} more" if len(kept) > _TOLD else ""
    return (
        f"{store.location}/{page_key(page.name)} is new, and {counted(len(kept), 'other wheel')} of {page.name} "
        f"{'was' if len(kept) == 1 else 'were'} there before: {names}{more}; "
        "they stay for locks that hold them and are not published: publish those that the page had, if it was lost"
    )


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
