"""The index as a source: the simple API (PEP 503, 691, 700), with metadata files (PEP 658, 714) or without."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TypeVar

from packaging.utils import NormalizedName

from pipper.core.manifest.inputs import INDEX
from pipper.core.ports import CandidateFile, Release, ReleaseFile, ReleaseMetadata
from pipper.core.reads import PAGE, ReadLog
from pipper.core.reporter import Reporter
from pipper.core.urls import quoted_url
from pipper.errors import AccessError, IntegrityError, PipperError, StoreError
from pipper.http.client import Answer
from pipper.index.cache import CachedPage, PageCache, fresh_until, is_kept
from pipper.index.page_body import unpacked_body
from pipper.index.page_hash import hash_of
from pipper.index.pages import ABSENT, ask_page, moved_to, url_of
from pipper.index.project_page import IndexFile, ProjectFiles
from pipper.index.reader import Connect, Connection
from pipper.index.releases import metadata_from, releases_of
from pipper.index.remote_metadata import headers_only
from pipper.index.simple_api import parse_page
from pipper.index.wheels import TooLargeError, WheelsOfIndex
from pipper.system.parallel import in_parallel
from pipper.wheels.ranged_file import LARGEST_TEXT

T = TypeVar("T")

_MOST_UNUSABLE = 500
"""Files of one project whose metadata cannot be used, before the solver is stopped."""
_SERVER = "report this to the administrator of the index"
_OFFLINE = "run `pipper lock` without --offline"


class IndexSource:
    """An index of a project. See `ports.Source` and `solve.sources.ReadsAhead`.

    The URL of the index is not needed before the first request for a project. Cached pages are validated with
    conditional requests (RFC 9110). Cached metadata never expires: its key is a hash.
    """

    def __init__(
        self,
        connect: Connect,
        cache_root: Path,
        *,
        alias: str = INDEX,
        offline: bool = False,
        reporter: Reporter | None = None,
        log: ReadLog | None = None,
    ) -> None:
        """`cache_root` is the folder of the page cache; with `offline` nothing else is read.

        In `log`, each page is noted by the digest of its body. What a page has no hash for, and what fails, spoils it.
        """
        self._log = log or ReadLog()
        self.alias = alias
        self._connect = connect
        self._cache_root = cache_root
        self._offline = offline
        self._reporter = reporter or Reporter()
        self._lock = Lock()
        self._opened: tuple[Connection, PageCache] | None = None
        self._projects: dict[NormalizedName, dict[str, IndexFile]] = {}
        self._pages: dict[NormalizedName, ProjectFiles | None] = {}
        self._failed: dict[NormalizedName, PipperError] = {}
        self._releases: dict[NormalizedName, tuple[Release, ...]] = {}
        self._wheels = WheelsOfIndex(lambda: self._open()[0].reader)
        self._unusable: Counter[NormalizedName] = Counter()
        self._passed_over: set[NormalizedName] = set()
        self._metadata: dict[tuple[NormalizedName, str], ReleaseMetadata] = {}

    @property
    def connection(self) -> Connection:
        """The index, found on first use; who reads with it notes nothing."""
        self._log.spoil()
        return self._open()[0]

    def holds(self, name: NormalizedName) -> bool:
        return self._page(name) is not None

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        self._each(self.releases, sorted({name for name in names if name not in self._releases}))

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        """See `Source.releases`. A version without wheels is a release without files."""
        if name not in self._releases:
            page = self._page(name)
            url, warn = self._open()[0].url, self._reporter.warning
            self._releases[name] = releases_of(page, name, url, warn, alias=self.alias) if page else ()
        return self._releases[name]

    def prefetch_metadata(self, wanted: Iterable[ReleaseFile]) -> None:
        missing = {
            (each.release.name, each.file.filename): each
            for each in wanted
            if (each.release.name, each.file.filename) not in self._metadata
        }
        self._each(lambda each: self.metadata(*each), [missing[key] for key in sorted(missing)])

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:
        key = (release.name, file.filename)
        if key not in self._metadata:
            listed = self._listed(release.name)[file.filename]
            subject = f"{file.filename} from the index"
            try:
                headers = self._headers(listed, subject)
            except IntegrityError as error:
                # One broken version does not stop the solver: only a requirement for that version fails.
                self._log.spoil()
                if isinstance(error, TooLargeError):
                    self._tell_passed_over(release)
                self._metadata[key] = ReleaseMetadata(unusable=f"its metadata cannot be read: {error.cause}")
            else:
                note = self._reporter.detail
                self._metadata[key] = metadata_from(headers, release, subject=subject, note=note)
            if self._metadata[key].unusable:
                self._count_unusable(release.name, self._metadata[key].unusable)
        return self._metadata[key]

    def _count_unusable(self, name: NormalizedName, why: str) -> None:
        """Raise StoreError after too many unusable files of a project: each costs a request, and a page has many."""
        with self._lock:
            self._unusable[name] += 1
            is_too_many = self._unusable[name] >= _MOST_UNUSABLE
        if is_too_many:
            raise StoreError(
                f"stopped reading `{name}`: {_MOST_UNUSABLE} of its files are unusable",
                cause=f"the last one: {why}",
                hint=f"require versions that can be used, as in `{name}<2`, or {_SERVER}",
            )

    def _tell_passed_over(self, release: Release) -> None:
        """Warn once for each project: an older version in its place would be a surprise."""
        with self._lock:
            is_known = release.name in self._passed_over
            self._passed_over.add(release.name)
        if not is_known:
            self._reporter.warning(
                f"skipped {release.name} {release.version} and similar versions: the index serves neither metadata"
                " files nor byte ranges, and the wheels are too large to download for their metadata"
            )

    def address(self, name: NormalizedName, filename: str) -> str:
        """Return the URL of a file, as written on the project's page; it may be signed."""
        return self._listed(name)[filename].url

    def page_hash(self, name: NormalizedName, filename: str) -> str:
        """Return the hash that the page has for a file in place of a sha256, see `page_hash`; it may be empty."""
        return self._listed(name)[filename].other_hash

    def _each(self, work: Callable[[T], object], items: Sequence[T]) -> None:
        if items:
            self._open()
        in_parallel(work, items)

    def _open(self) -> tuple[Connection, PageCache]:
        with self._lock:
            if self._opened is None:
                connection = self._connect()
                self._opened = connection, PageCache(self._cache_root, connection.url)
                self._log.note_place(self.alias, connection.url)
            return self._opened

    def _listed(self, name: NormalizedName) -> Mapping[str, IndexFile]:
        if name not in self._projects:
            page = self._page(name)
            listed = (*page.sdists, *page.files) if page else ()
            self._projects[name] = {file.filename: file for file in reversed(listed)}
        return self._projects[name]

    def _page(self, name: NormalizedName) -> ProjectFiles | None:
        if name in self._failed:
            raise self._failed[name]
        if name not in self._pages:
            try:
                self._pages[name] = self._read_page(name)
            except PipperError as error:
                self._log.spoil()
                self._failed[name] = error  # after its retries: a second call must not wait again
                raise
        return self._pages[name]

    def _read_page(self, name: NormalizedName) -> ProjectFiles | None:
        connection, cache = self._open()
        known = cache.page(name)
        if known is not None and (self._offline or known.is_fresh):
            self._note(name, known.mark)
            return known.files
        url = url_of(connection, name)
        if self._offline:
            raise StoreError(f"{url} is not in the cache", hint=_OFFLINE)
        answer = ask_page(connection, name, known)
        moved = moved_to(connection, name, answer)
        if answer.status == 304 and known is not None:
            if moved == known.url:
                cache.confirm_page(name, known, fresh_until(answer.headers))
                self._note(name, known.mark)
                return known.files
            # The same page from elsewhere: its links may lead elsewhere, too.
            answer = ask_page(connection, name, None)
            moved = moved_to(connection, name, answer)
        if answer.status in ABSENT:
            cache.keep_page(name, CachedPage(files=None))
            self._note(name, "")
            return None
        if answer.status != 200:
            raise _unexpected(url, answer)
        page = self._parsed(name, answer, moved, known)
        self._note(name, page.mark)
        if not is_kept(page.files):
            self._log.spoil()
        return page.files

    def _parsed(
        self, name: NormalizedName, answer: Answer, moved: str, known: CachedPage | None
    ) -> CachedPage:
        """Return the page in an answer, and store it; the `known` one if that is the same."""
        (connection, cache), until = self._open(), fresh_until(answer.headers)
        digest = sha256(answer.body).hexdigest()
        if known is not None and known.files is not None and (known.digest, known.url) == (digest, moved):
            cache.confirm_page(name, known, until)
            return known
        headers = answer.headers
        files = parse_page(
            unpacked_body(answer), content_type=headers.get("content-type", ""), url=answer.url, name=name
        )
        _require_inside(connection.url, files)
        page = CachedPage(
            files=files,
            digest=digest,
            url=moved,
            etag=headers.get("etag", ""),
            modified=headers.get("last-modified", ""),
            fresh_until=until,
        )
        cache.keep_page(name, page)
        return page

    def _note(self, name: NormalizedName, digest: str) -> None:
        self._log.note(self.alias, PAGE, name, digest)

    def _headers(self, file: IndexFile, subject: str) -> bytes:
        """Return METADATA without its description: from the cache, the metadata file or the wheel."""
        cache = self._open()[1]
        digest = file.metadata or file.sha256
        known = cache.metadata(digest)
        if known is not None:
            return known
        if not digest:
            self._log.spoil()
        if self._offline:
            raise StoreError(f"the metadata of {subject} is not in the cache", hint=_OFFLINE)
        whole = None if file.metadata is None else self._metadata_file(file, subject)
        headers = headers_only(whole if whole is not None else self._wheels.metadata(file, subject))
        cache.keep_metadata(digest, headers)
        return headers

    def _metadata_file(self, file: IndexFile, subject: str) -> bytes | None:
        path, question, query = file.url.partition("?")
        url = f"{path}.metadata{question}{query}"
        try:
            answer = self._open()[0].reader.get(url, {}, limit=LARGEST_TEXT)
        except (AccessError, StoreError):
            return None  # a proxy may not know such files; the wheel has the same text, or the same error
        if answer.status != 200:
            return None
        if file.metadata and hash_of(answer.body, file.metadata) != file.metadata:
            stated = file.metadata.replace("=", ":") if "=" in file.metadata else f"sha256:{file.metadata}"
            raise IntegrityError(
                f"hash mismatch for the metadata of {subject}",
                cause=f"the page has {stated}, the metadata file has another hash",
                hint=_SERVER,
            )
        return answer.body


def _unexpected(what: str, answer: Answer) -> StoreError:
    return StoreError(
        f"cannot read {what}", cause=f"the index answered with status {answer.status}", hint=_SERVER
    )


def _require_inside(index: str, page: ProjectFiles) -> None:
    """Raise IntegrityError if a page of an index in a directory lists a file outside it: no sync would take it."""
    if not index.startswith("file:"):
        return  # its pages have no links to files of this machine
    root = quoted_url(index)
    for file in (*page.files, *page.sdists):
        if file.url.startswith("file:") and not file.url.startswith(root):
            raise IntegrityError(
                f"the index {index} lists a file outside its directory: {file.url}",
                hint="name a web server as the index that serves both, or put the files into the directory",
            )
