"""The disk cache of an index: parsed pages with their validators, and metadata by hash.

    SITE/NAME.page          one page: validators, until when it is fresh, its files
    SITE/SHA256.metadata    the headers of a METADATA file, under the sha256 of the wheel or of the file itself

SITE is a digest of the index's URL, so that indexes do not share entries. Each write replaces a whole file: any
number of processes may read and write. An entry that cannot be read counts as absent and is requested again. So does
one without this user's seal (`system.seals`): an unchanged ETag says that the index has not changed, not that nobody
has changed the copy.
"""

import contextlib
import re
import time
from collections.abc import Mapping
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import TypeVar

from msgspec import MsgspecError, Struct, json
from msgspec.structs import replace

from pipper.cache.folder import refuse_links
from pipper.index.project_page import ProjectFiles
from pipper.system.files import write_atomic
from pipper.system.seals import read_sealed, sealed
from pipper.system.trust import is_own_folder

V = TypeVar("V", bound="Validators")

_SECONDS = re.compile(r"[0-9]{1,12}")
LONGEST_FRESH = 600
"""The most seconds that a page is fresh, whatever the server states."""


class Validators(Struct, frozen=True, kw_only=True, tag_field="format", tag=4):
    """What tells whether a page is still as it was read."""

    digest: str = ""
    """The sha256 of the body it was parsed from."""
    url: str = ""
    """Where a redirect led, without a query; empty without one. The links of the page may be relative to it."""
    etag: str = ""
    """As the server wrote it, with its quotes."""
    modified: str = ""
    """Last-Modified, as the server wrote it."""
    fresh_until: float = 0.0
    """Seconds since the epoch."""

    @property
    def is_fresh(self) -> bool:
        """Whether the page needs no request yet."""
        now = time.time()
        return now < self.fresh_until <= now + LONGEST_FRESH

    @property
    def mark(self) -> str:
        """What a solve notes of the page: a digest of its body and of where a redirect led; empty if it is absent."""
        return sha256(f"{self.digest} {self.url}".encode()).hexdigest() if self.url else self.digest

    def conditions(self) -> dict[str, str]:
        """Return the headers of a conditional request."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in given.items() if value}


class CachedPage(Validators, frozen=True, kw_only=True, tag_field="format", tag=4):
    """A page, its validators and its freshness."""

    files: ProjectFiles | None
    """None if the index does not have the project."""


def is_kept(files: ProjectFiles | None) -> bool:
    """Return whether a page may be stored: not if a file's URL has a query, because it may be signed."""
    return files is None or not any("?" in file.url for file in chain(files.files, files.sdists))


def fresh_until(headers: Mapping[str, str]) -> float:
    """Return until when a page with these headers is fresh (RFC 9111), in seconds since the epoch; 0 if it is not."""
    words = [word.strip().lower() for word in headers.get("cache-control", "").split(",")]
    if "no-cache" in words or "no-store" in words:
        return 0.0
    ages = [word.partition("=")[2].strip('"') for word in words if word.startswith("max-age=")]
    if not ages or not _SECONDS.fullmatch(ages[0]):
        return 0.0
    age = headers.get("age", "").partition(",")[0].strip()  # what it spent in the cache of a proxy
    left = int(ages[0]) - (int(age) if _SECONDS.fullmatch(age) else 0)
    return time.time() + min(left, LONGEST_FRESH) if left > 0 else 0.0


class PageCache:
    """Pages and metadata of the index at one URL, stored below `root`."""

    def __init__(self, root: Path, url: str) -> None:
        self._folder = root / sha256(url.encode()).hexdigest()[:16]

    def page(self, name: str) -> CachedPage | None:
        """Return the cached page of a project, or None."""
        page = self._decoded(name, CachedPage)
        # Earlier versions stored pages whose source distributions have signed URLs, which expire.
        return page if page is not None and is_kept(page.files) else None

    def validators(self, name: str) -> Validators | None:
        """Return the validators of the cached page of a project, or None; the page itself is not parsed."""
        return self._decoded(name, Validators)

    def _decoded(self, name: str, kind: type[V]) -> V | None:
        text = self._read(f"{name}.page")
        try:
            return None if text is None else json.decode(text, type=kind)
        except (MsgspecError, ValueError, RecursionError):
            return None

    def keep_page(self, name: str, page: CachedPage) -> None:
        """Store a page that `is_kept`."""
        if not is_kept(page.files):
            return
        with contextlib.suppress(UnicodeEncodeError):  # half a surrogate pair, which JSON allows
            self._write(f"{name}.page", json.encode(page))

    def confirm_page(self, name: str, page: CachedPage, until: float) -> None:
        """Store until when an unchanged page is fresh."""
        if until > page.fresh_until:
            self.keep_page(name, replace(page, fresh_until=until))

    def metadata(self, digest: str) -> bytes | None:
        """Return the cached headers of a METADATA file, or None."""
        return self._read(f"{digest}.metadata") if digest else None

    def keep_metadata(self, digest: str, headers: bytes) -> None:
        """Store the headers of a METADATA file."""
        if digest:
            self._write(f"{digest}.metadata", headers)

    def _read(self, name: str) -> bytes | None:
        return read_sealed(self._folder / name, self._subject(name))

    def _subject(self, name: str) -> str:
        return f"{self._folder.name}/{name}"

    def _write(self, name: str, data: bytes) -> None:
        refuse_links(self._folder)
        # An entry that is not stored is requested again: a full or read-only disk must not stop a command.
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not is_own_folder(self._folder):
                return
            # No sweep: there may be thousands of pages, and `prune` removes what a killed command left.
            write_atomic(self._folder / name, sealed(data, self._subject(name)), sweep=False)
