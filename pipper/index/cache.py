"""What an index said, on disk: parsed pages with what is needed to ask again, and metadata by hash.

    SITE/NAME.page          one page: validators, when it was last confirmed, its files
    SITE/SHA256.metadata    the headers of a METADATA file, under the sha256 of the wheel or of the file itself

SITE is a digest of the index's address, so that no index can speak for another. Files are replaced whole: any
number of processes may read and write. What cannot be read is not there, and is asked for again.
"""

import contextlib
import json
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from packaging.utils import NormalizedName

from pipper.index.simple_api import IndexFile, ProjectFiles
from pipper.system.files import write_atomic

LONGEST_FRESH = 600
"""Seconds that a page counts as fresh at most, whatever the server says of it."""

_FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedPage:
    """A page and what is known of its freshness."""

    files: ProjectFiles | None
    """None where the index has no such project."""
    digest: str = ""
    """The sha256 of the body it was parsed from."""
    etag: str = ""
    """As the server wrote it, quotes and all."""
    modified: str = ""
    """Last-Modified, as the server wrote it."""
    fresh_until: float = 0.0
    """Seconds since the epoch."""

    @property
    def is_fresh(self) -> bool:
        """Whether the server said that asking again is not needed yet."""
        now = time.time()
        return now < self.fresh_until <= now + LONGEST_FRESH


def fresh_until(cache_control: str) -> float:
    """Return when a page with this `Cache-Control` (RFC 9111) has to be asked for again."""
    words = [word.strip().lower() for word in cache_control.split(",")]
    if "no-cache" in words or "no-store" in words:
        return 0.0
    ages = [word.partition("=")[2].strip('"') for word in words if word.startswith("max-age=")]
    return time.time() + min(int(ages[0]), LONGEST_FRESH) if ages and ages[0].isdecimal() else 0.0


class PageCache:
    """Pages and metadata of the index at one address, below `root`."""

    def __init__(self, root: Path, url: str) -> None:
        self._folder = root / sha256(url.encode()).hexdigest()[:16]

    def page(self, name: NormalizedName) -> CachedPage | None:
        """Return what was last read of a project."""
        try:
            noted = json.loads((self._folder / f"{name}.page").read_bytes())
            if noted["format"] != _FORMAT:
                return None
            listed = noted["files"]
            files = None
            if listed is not None:
                files = ProjectFiles(tuple(IndexFile(*each) for each in listed), tuple(noted["unbuilt"]))
            return CachedPage(
                files=files,
                digest=noted["digest"],
                etag=noted["etag"],
                modified=noted["modified"],
                fresh_until=noted["fresh-until"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep_page(self, name: NormalizedName, page: CachedPage) -> None:
        """Note a page. One whose files have signed or otherwise personal addresses is not kept."""
        files = page.files
        if files is not None and any("?" in file.url for file in files.files):
            return
        noted = {
            "format": _FORMAT,
            "digest": page.digest,
            "etag": page.etag,
            "modified": page.modified,
            "fresh-until": page.fresh_until,
            "files": None if files is None else files.files,
            "unbuilt": () if files is None else files.unbuilt,
        }
        self._write(f"{name}.page", json.dumps(noted, separators=(",", ":")).encode())

    def confirm_page(self, name: NormalizedName, page: CachedPage, until: float) -> None:
        """Note that a page is still right, and until when nobody needs to ask."""
        if until > page.fresh_until:
            self.keep_page(name, replace(page, fresh_until=until))

    def metadata(self, digest: str) -> bytes | None:
        """Return the headers of a METADATA file."""
        try:
            return (self._folder / f"{digest}.metadata").read_bytes() if digest else None
        except OSError:
            return None

    def keep_metadata(self, digest: str, headers: bytes) -> None:
        """Note the headers of a METADATA file."""
        if digest:
            self._write(f"{digest}.metadata", headers)

    def _write(self, name: str, data: bytes) -> None:
        # What is not noted is read again: a full or read-only disk must not stop a command.
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Not swept: there may be thousands of pages, and `prune` takes what a killed command left.
            write_atomic(self._folder / name, data, sweep=False)
