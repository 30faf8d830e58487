"""The answers of `repository serve`: the simple API over repositories, read only. Knows requests, and no sockets."""

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from urllib.parse import quote, unquote

from msgspec import Struct, field
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.layout.keys import HTML, METADATA_SUFFIX
from pipper.core.layout.page import PageFile, ProjectPage
from pipper.core.layout.simple_pages import JSON_TYPE, prefers_json, project_json, root_json
from pipper.core.site.frame import made_from
from pipper.core.site.listing import EMPTY, ListedProject, described_file
from pipper.core.site.project_page import project_page, view_of
from pipper.core.site.root_page import root_page
from pipper.errors import ObjectAbsentError
from pipper.repository.site.read_about import read_about
from pipper.repository.source import Repository

_FRESH = 5.0
"""Seconds for which a listing of names is used: a resolver asks for many names at once."""
_SIGNED = 600
"""Seconds that a signed URL of a redirect is valid."""
_SERVED = made_from("served")
_WHEEL_TYPE = "application/zip"
_TEXT_TYPE = "text/plain; charset=utf-8"


class Reply(Struct, frozen=True, kw_only=True):
    """An answer, before its body is sent."""

    status: int
    content_type: str = _TEXT_TYPE
    size: int = 0
    """Bytes of the body."""
    location: str = ""
    """Where a redirect leads; a signed URL is a secret."""
    body: Iterable[bytes] = ()
    opened: AbstractContextManager[object] = field(default_factory=nullcontext)
    """What the body is read from; who sends the answer closes it."""

    def __repr__(self) -> str:
        return f"Reply(status={self.status})"


def reply(status: int, body: bytes, content_type: str = _TEXT_TYPE) -> Reply:
    """Return an answer with this body."""
    return Reply(
        status=status,
        content_type=content_type,
        size=len(body),
        body=(body,) if body else (),
    )


class Gateway:
    """Answers requests from repositories, in their order of trust; any number of threads may ask."""

    def __init__(self, repositories: Sequence[Repository], *, redirect: bool) -> None:
        """With `redirect`, answer with signed URLs instead of the bytes of wheels."""
        self._repositories = tuple(repositories)
        self._redirect = redirect
        self._lock = threading.Lock()
        self._listed = 0.0
        self._names: tuple[frozenset[NormalizedName], ...] = ()

    def answer(self, path: str, accept: str) -> Reply:
        """Return the answer to a GET of a path; `accept` is the Accept header.

        Only what a page names is given. Raises what stores raise: a refusal of one is never an absent project.
        """
        parts = [unquote(part) for part in path.partition("?")[0].split("/")[1:]]
        match parts:
            case [""] | ["simple"]:
                return Reply(status=301, location="/simple/")
            case ["simple", "" | "index.html"]:
                return self._root(accept)
            case ["simple", name, "" | "index.html"] if name:
                return self._project(name, accept)
            case ["simple", name] if name:
                return Reply(status=301, location=f"/simple/{quote(canonicalize_name(name))}/")
            case ["files", alias, name, digest, filename]:
                return self._file(alias, canonicalize_name(name), f"{digest}/{filename}")
            case _:
                return reply(404, b"not found\n")

    def _held(self) -> tuple[frozenset[NormalizedName], ...]:
        """Return the names of each repository, from a listing that is a few seconds old at most."""
        with self._lock:
            if not self._names or time.monotonic() - self._listed > _FRESH:
                self._names = tuple(
                    frozenset(map(canonicalize_name, each.store.folders())) for each in self._repositories
                )
                self._listed = time.monotonic()
            return self._names

    def _root(self, accept: str) -> Reply:
        names = sorted(frozenset().union(*self._held()))
        if prefers_json(accept):
            return reply(200, root_json(names), JSON_TYPE)
        listed = [ListedProject(name=name) for name in names]
        return reply(200, root_page(listed, inputs=_SERVED), HTML)

    def _project(self, given: str, accept: str) -> Reply:
        name = canonicalize_name(given)
        if name != given:
            return Reply(status=301, location=f"/simple/{quote(name)}/")
        held = zip(self._repositories, self._held(), strict=True)
        repository = next((each for each, names in held if name in names), None)
        if repository is None:
            return reply(404, b"no repository has this project\n")
        page = repository.read_page(name).page

        def address(file: PageFile) -> str:
            return f"../../files/{quote(repository.alias, safe='')}/{quote(name)}/{quote(file.url)}"

        if prefers_json(accept):
            return reply(200, project_json(page, address), JSON_TYPE)
        about = read_about(repository.store, page, described_file(page))
        listed = EMPTY.changed({each: ListedProject(name=each) for each in frozenset().union(*self._held())})
        return reply(200, project_page(view_of(page, about, listed), address, inputs=_SERVED), HTML)

    def _file(self, alias: str, name: NormalizedName, url: str) -> Reply:
        repository = next((each for each in self._repositories if each.alias == alias), None)
        wheel = url.removesuffix(METADATA_SUFFIX)
        page = repository.read_page(name).page if repository else ProjectPage(name=name)
        if repository is None or wheel not in page.urls:
            return reply(404, b"no page names this file\n")
        key = f"{name}/{url}"
        try:
            if wheel != url:
                return reply(200, repository.store.read(key).body)
            return self._wheel(repository, key)
        except ObjectAbsentError:
            return reply(404, b"the page names this file, but it does not exist\n")

    def _wheel(self, repository: Repository, key: str) -> Reply:
        store = repository.store
        if self._redirect:
            return Reply(status=302, location=store.presign(key, seconds=_SIGNED))
        found = store.head(key)
        if found is None:
            return reply(404, b"the page names this file, but it does not exist\n")
        # Opened before the answer begins: who may not read an object may still be told its size.
        opened = ExitStack()
        pieces = opened.enter_context(store.stream(key))
        return Reply(status=200, content_type=_WHEEL_TYPE, size=found.size, body=pieces, opened=opened)
