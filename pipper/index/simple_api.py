"""Project pages of a simple index, bytes -> values: JSON (PEP 691, 700, 714) and HTML (PEP 503, 592, 658)."""

import re
from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable, Mapping
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import unquote

from packaging.utils import InvalidSdistFilename, NormalizedName, canonicalize_name

from pipper.core.plain_json import load_json
from pipper.core.redaction import shown
from pipper.core.standards import MOST_TAGS, read_sdist_name, tag_count
from pipper.core.urls import join_url, quoted_url, split_url
from pipper.errors import StoreError
from pipper.index.page_hash import other_hash
from pipper.index.project_page import JSON_TYPE, IndexFile, ProjectFiles

_MAJOR = "1"
_WHEEL = re.compile(
    r"(?P<name>[A-Za-z0-9_.]+)-(?P<version>[A-Za-z0-9_.!+]+)(?:-\d[A-Za-z0-9_.]*)?(?:-[A-Za-z0-9_.]+){3}\.whl"
)
_MANY_DOTS = 12
_MOST_LINKS = 250_000
"""Files of one project; the largest projects of a public index have a tenth of that."""
_LONGEST_TAG, _PIECE = 1 << 17, 1 << 16
"""Characters: a regular expression of `html.parser` takes 80 bytes of memory for each of an unfinished tag."""
_ATTRIBUTES = ("href", "data-requires-python", "data-yanked", "data-core-metadata", "data-dist-info-metadata")


def parse_page(body: bytes, *, content_type: str, url: str, name: NormalizedName) -> ProjectFiles:
    """Return the files of the project `name` on the page that was read from `url`.

    Files of other projects, of other kinds or with malformed names are ignored, as in pip. Raises StoreError if
    the body is not a project page, or follows a newer major version of the standard (PEP 629).
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in (JSON_TYPE, "application/json"):
        links = _from_json(body, url)
    elif kind in ("text/html", "application/vnd.pypi.simple.v1+html", ""):
        links = _from_html(body, url)
    else:
        raise _not_a_page(url, f"its content type is `{kind[:60]}`")
    return _project_files(links, name)


class _Link(NamedTuple):
    """A link of a page, before its entry is parsed."""

    filename: str
    url: str
    """Absolute, without fragment."""
    stated: Mapping[str, Any]
    """The link's entry, with the keys of the JSON page (PEP 691)."""


def _project_files(links: Iterable[_Link], name: NormalizedName) -> ProjectFiles:
    files: list[IndexFile] = []
    sdists: dict[str, IndexFile] = {}
    own: dict[str, bool] = {}
    for link in links:
        filename = link.filename
        if found := _WHEEL.fullmatch(filename):
            written, version = found.groups()
            if written not in own:
                own[written] = canonicalize_name(written) == name
            if own[written] and not _is_bomb(filename):
                files.append(_index_file(link, version.replace("_", "-")))
        elif filename.endswith((".tar.gz", ".zip")):
            version = _sdist_version(filename, name)
            # Of several, the format that the standard asks for (PEP 625).
            if version and (version not in sdists or sdists[version].filename.endswith(".zip")):
                sdists[version] = _index_file(link, version)
    return ProjectFiles(tuple(files), tuple(sdists.values()))


def _index_file(link: _Link, version: str) -> IndexFile:
    stated = link.stated.get
    size, python, uploaded = stated("size"), stated("requires-python"), stated("upload-time")
    yanked, hashes = stated("yanked"), stated("hashes")
    metadata = stated("core-metadata", stated("dist-info-metadata"))
    sha256 = _sha256(hashes)
    return IndexFile(
        link.filename,
        version,
        link.url,
        sha256,
        size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else 0,
        python if isinstance(python, str) else "",
        uploaded if isinstance(uploaded, str) else "",
        None if not yanked else yanked if isinstance(yanked, str) else "",
        None
        if metadata is not True and not isinstance(metadata, dict)
        else _sha256(metadata) or other_hash(metadata),
        "" if sha256 else other_hash(hashes),
    )


def _is_bomb(filename: str) -> bool:
    """Return whether a compressed tag set (PEP 425), the product of its parts, has too many tags."""
    if filename.count(".") <= _MANY_DOTS:
        return False
    return tag_count(filename.removesuffix(".whl")) > MOST_TAGS


def _sdist_version(filename: str, name: NormalizedName) -> str:
    try:
        project, version = read_sdist_name(filename)
    except InvalidSdistFilename:
        return ""
    return str(version) if project == name else ""


def _from_json(body: bytes, url: str) -> Iterable[_Link]:
    try:
        page = load_json(body)
    except ValueError as error:
        raise _not_a_page(url, f"it is not JSON: {str(error).partition(';')[0][:100]}") from error
    if not isinstance(page, dict) or not isinstance(page.get("files"), list):
        raise _not_a_page(url, "it has no list of files")
    if len(page["files"]) > _MOST_LINKS:
        raise _not_a_page(url, f"it has more than {_MOST_LINKS:,} files")
    meta = page.get("meta")
    _require_known(url, str(meta.get("api-version", "1.0")) if isinstance(meta, dict) else "1.0")
    absolute = _joiner(url)
    for entry in page["files"]:
        if not isinstance(entry, dict):
            continue
        filename, link = entry.get("filename"), entry.get("url")
        if isinstance(filename, str) and isinstance(link, str) and (joined := absolute(link)):
            yield _Link(filename, joined, entry)


def _sha256(hashes: object) -> str:
    found = hashes.get("sha256") if isinstance(hashes, dict) else None
    text = found.lower() if isinstance(found, str) else ""
    return text if len(text) == 64 and not text.strip("0123456789abcdef") else ""


def _from_html(body: bytes, url: str) -> Iterable[_Link]:
    page = _parsed(body, url)
    _require_known(url, page.version or "1.0")
    base = join_url(url, page.base) or url
    absolute = _joiner(base)
    found = []
    for attributes in page.anchors:
        target, _, fragment = (attributes.get("href") or "").strip().partition("#")
        joined = absolute(target)
        if joined:
            found.append(_html_link(joined, fragment, attributes))
    if not page.version and not any(file.filename.endswith((".whl", ".tar.gz", ".zip")) for file in found):
        # An error page or a log-in form with status 200 must not count as a project without files.
        raise _not_a_page(url, "it does not link to any file")
    return found


def _parsed(body: bytes, url: str) -> "_Anchors":
    """Parse a page piece by piece, so that a tag that does not end is found before it takes all memory."""
    page, decoder = _Anchors(), getincrementaldecoder("utf-8")("replace")
    for start in range(0, len(body), _PIECE):
        try:
            page.feed(decoder.decode(body[start : start + _PIECE]))
        except (ValueError, AssertionError) as error:  # a reference to a character of 5,000 digits; `<![x`
            raise _not_a_page(url, "it is not HTML") from error
        if len(page.rawdata) > _LONGEST_TAG:
            raise _not_a_page(url, f"it has a tag of more than {_LONGEST_TAG:,} characters")
        if len(page.anchors) > _MOST_LINKS:
            raise _not_a_page(url, f"it has more than {_MOST_LINKS:,} links")
    return page


def _html_link(url: str, fragment: str, attributes: Mapping[str, str | None]) -> _Link:
    metadata = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    stated: dict[str, object] = {"requires-python": attributes.get("data-requires-python")}
    if fragment:
        stated["hashes"] = dict(part.partition("=")[::2] for part in fragment.split("&"))
    if "data-yanked" in attributes:
        stated["yanked"] = (
            attributes["data-yanked"] or True
        )  # an empty reason counts in HTML alone (PEP 592, 691)
    if metadata is not None and metadata != "false":
        stated["core-metadata"] = dict([metadata.partition("=")[::2]])
    return _Link(unquote(split_url(url).path.rpartition("/")[2]), url, stated)


class _Anchors(HTMLParser):
    """Collects the anchors of a page, its `<base>` and its version of the standard (PEP 629)."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[dict[str, str | None]] = []
        self.base = ""
        self.version = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        if tag == "a":
            self.anchors.append({key: value for key, value in attrs if key in _ATTRIBUTES})
        elif tag == "base" and not self.base:
            self.base = dict(attrs).get("href") or ""
        elif tag == "meta":
            given = dict(attrs)
            if given.get("name") == "pypi:repository-version":
                self.version = given.get("content") or ""


def _joiner(base: str) -> Callable[[str], str]:
    """Return a function that makes a link absolute; its result is empty if the link is not a file's URL."""
    base = quoted_url(base)
    root = "/".join(base.split("/", 3)[:3])
    # Only an index in a directory has files on this machine.
    schemes = ("https://", "http://", *(["file://"] if base.startswith("file://") else []))

    def absolute(link: str) -> str:
        link = quoted_url(link.partition("#")[0])
        if link.startswith(("https://", "http://")):
            return link
        if link.startswith("/") and not link.startswith("//") and root:
            return root + link
        joined = join_url(base, link)
        if not joined:
            return link  # `releases_of` says that it is malformed
        return joined if joined.startswith(schemes) else ""

    return absolute


def _require_known(url: str, version: str) -> None:
    if version.partition(".")[0].strip() != _MAJOR:
        raise StoreError(
            f"{shown(url)} uses version {version[:20]} of the simple API, this pipper supports {_MAJOR}",
            hint="upgrade pipper",
        )


def _not_a_page(url: str, why: str) -> StoreError:
    return StoreError(
        f"{shown(url)} is not a project page of an index", cause=why, hint="correct the URL of the index"
    )
