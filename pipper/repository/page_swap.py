"""Changing a project's page: read, change, swap on condition that nobody else did, and again where one did."""

from collections.abc import Callable

from packaging.utils import NormalizedName

from pipper.core.layout.keys import page_key
from pipper.core.layout.page import PAGE_TYPE, ProjectPage, dump_page
from pipper.errors import ConflictError
from pipper.repository.source import ReadPage, Repository

ROUNDS = 20
"""How often a page is read again because another writer was quicker, before giving up."""


def swap_page(
    repository: Repository,
    name: NormalizedName,
    change: Callable[[ProjectPage], ProjectPage],
    *,
    read: ReadPage | None = None,
    salvage: bool = False,
) -> ReadPage:
    """Put what `change` makes of the project's page in its place, by compare-and-swap; return what is there now.

    The first try takes the page that was `read` before, where one is given. `change` is called anew with each
    page that is read; where it changes nothing, nothing is written. With `salvage` a damaged page is replaced
    by what can be read of it, changed.

    Raises ConflictError where others stay quicker, and what `change` and the store raise.
    """
    store = repository.store
    for _ in range(ROUNDS):
        read = read or repository.read_page(name, salvage=salvage)
        page = change(read.page)
        if page == read.page and not read.damage:
            return read
        body = dump_page(page)
        try:
            if read.etag is None:
                etag = store.create(page_key(name), body, content_type=PAGE_TYPE)
            else:
                etag = store.replace(page_key(name), body, etag=read.etag, content_type=PAGE_TYPE)
        except ConflictError:
            read = None
            continue
        return ReadPage(page=page, etag=etag)
    raise ConflictError(
        f"{store.location}/{page_key(name)}: others changed it {ROUNDS} times while we tried",
        hint="run the same command again: what is uploaded already is not uploaded twice",
    )
