"""Ask an index for a page, and whether it is still the one that was read."""

from hashlib import sha256
from urllib.parse import quote

from pipper.core.reads import Read
from pipper.core.urls import plain
from pipper.http.client import Answer
from pipper.index.cache import PageCache, Validators, fresh_until
from pipper.index.project_page import ACCEPT, LARGEST_PAGE
from pipper.index.reader import Connection

ABSENT = (404, 410)
"""The statuses of a project that the index does not have."""


def url_of(connection: Connection, name: str) -> str:
    """Return the URL of the page of a project."""
    return f"{connection.url}{quote(name)}/"


def ask_page(connection: Connection, name: str, known: Validators | None) -> Answer:
    """Return the answer to a request for a page, a conditional one if it is `known`; raises as `Reader.get`."""
    conditions = known.conditions() if known is not None else {}
    headers = {"Accept": ACCEPT, "Accept-Encoding": "gzip", **conditions}
    return connection.reader.get(url_of(connection, name), headers, limit=LARGEST_PAGE)


def moved_to(connection: Connection, name: str, answer: Answer) -> str:
    """Return where a redirect led the request for a page, without a query, which may be signed; empty without one."""
    final = plain(answer.url)
    return "" if final == url_of(connection, name) else final


def is_as_read(connection: Connection, cache: PageCache, read: Read) -> bool:
    """Return whether the index has the page that was read: by its cached copy if that is fresh, else by a request.

    No page is parsed. Without a copy the answer is no, because a solve then reads more than pages again. Raises as
    `Reader.get`.
    """
    known = cache.validators(read.key)
    if known is None or known.mark != read.validator:
        return False
    if known.is_fresh:
        return True
    answer = ask_page(connection, read.key, known)
    if not read.validator or answer.status in ABSENT:
        return not read.validator and answer.status in ABSENT
    if moved_to(connection, read.key, answer) != known.url:
        return False
    if answer.status != 304 and (answer.status != 200 or sha256(answer.body).hexdigest() != known.digest):
        return False
    until = fresh_until(answer.headers)
    if until > known.fresh_until and (page := cache.page(read.key)):
        cache.confirm_page(read.key, page, until)
    return True
