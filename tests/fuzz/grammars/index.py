"""Pages of an index, METADATA beside its files, and a listing of S3."""

from packaging.utils import canonicalize_name
from packaging.version import Version

from pipper.core.advisories import find_weaknesses, read_advisory
from pipper.core.document import read_json
from pipper.core.lock.model import Pin
from pipper.core.ports import Release
from pipper.errors import IntegrityError
from pipper.index.project_page import JSON_TYPE, LARGEST_PAGE
from pipper.index.releases import metadata_from, releases_of
from pipper.index.simple_api import parse_page
from pipper.storage.s3.fast import client
from tests.fuzz.grammars.base import Grammar
from tests.fuzz.grammars.using import use_requirement, use_specifiers
from tests.fuzz.hostile import TOKENS
from tests.fuzz.texts import DIGITS
from tests.wheelhouse import wheel_members

_URL = "https://index.example.com/simple/foo/"
_NAME = canonicalize_name("foo")
_HASH = "0123456789abcdef" * 4

_JSON = f"""{{"meta": {{"api-version": "1.1"}}, "name": "foo", "versions": ["1.0", "1.1"], "files": [
{{"filename": "foo-1.0-py3-none-any.whl", "url": "../../files/foo-1.0-py3-none-any.whl#sha256={_HASH}",
  "hashes": {{"sha256": "{_HASH}"}}, "requires-python": ">=3.8", "size": 1234, "yanked": "broken",
  "upload-time": "2024-05-06T07:08:09.123456Z", "core-metadata": {{"sha256": "{_HASH}"}}}},
{{"filename": "foo-1.1-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
  "url": "https://files.example.com/foo-1.1-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
  "hashes": {{"sha256": "{_HASH}"}}, "requires-python": null, "yanked": false, "core-metadata": true}},
{{"filename": "foo-1.1.tar.gz", "url": "/files/foo-1.1.tar.gz", "hashes": {{}}}},
{{"filename": "foo-2.zip", "url": "foo-2.zip", "hashes": {{}}, "dist-info-metadata": false}}]}}"""

_HTML = f"""<!DOCTYPE html>
<html><head><base href="https://files.example.com/packages/">
<meta name="pypi:repository-version" content="1.1"><title>foo</title></head><body>
<a href="foo-1.0-py3-none-any.whl#sha256={_HASH}" data-requires-python="&gt;=3.8" data-yanked="bad">one</a><br>
<a href="https://files.example.com/a/foo-1.1-cp311-cp311-win_amd64.whl" data-core-metadata="sha256={_HASH}">x</a>
<a href='../foo-1.1.tar.gz'>foo</a> <!-- no more -->
<a href="/foo-2.zip" data-dist-info-metadata="true">&#102;oo</a>
</body></html>"""

_METADATA = wheel_members(
    "foo",
    "1.0",
    requires=("bar>=1,<2 ; python_version >= '3.8'", "baz[x]~=1.4"),
    extras={"x": ("qux ; os_name == 'nt'",)},
    requires_python=">=3.8",
)["foo-1.0.dist-info/METADATA"]

_LISTING = """<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix>pipper/</Prefix>
<IsTruncated>true</IsTruncated><NextContinuationToken>abc</NextContinuationToken><EncodingType>url</EncodingType>
<Contents><Key>pipper/foo/index.json</Key><LastModified>2024-05-06T07:08:09.000Z</LastModified>
<ETag>&quot;0123&quot;</ETag><Size>1234</Size></Contents>
<CommonPrefixes><Prefix>pipper/foo/</Prefix></CommonPrefixes></ListBucketResult>"""

_HOSTILE_NAMES = (
    f"foo-{DIGITS}-py3-none-any.whl",
    f"foo-1.0-{DIGITS}-py3-none-any.whl",
    f"foo-{DIGITS}.tar.gz",
    "foo-1.0-\u0661-py3-none-any.whl",
    "foo-1.0-" + "py3." * 40 + "py3-" + "none." * 40 + "none-any.whl",
    "foo-1!1.0+l-py3-none-any.whl",
    "foo-.whl",
    "foo-1_0-py3-none-any.whl",
)
_HTML_PIECES = (
    '<a href="',
    "<a href=",
    "<a ",
    '<base href="http://[x/">',
    '<meta name="pypi:repository-version" content="2.0">',
    "<!--",
    "-->",
    "<![CDATA[",
    "<!doctype [",
    "<?",
    "</",
    "<script>",
    "&#x110000;",
    "&#" + DIGITS + ";",
    "&gt",
    "data-yanked",
)


def _page(data: bytes, content_type: str) -> object:
    if len(data) > LARGEST_PAGE:
        return None  # the client reads no more, and refuses it
    page = parse_page(data, content_type=content_type, url=_URL, name=_NAME)
    releases = releases_of(page, _NAME, "https://index.example.com/simple/")
    for release in sorted(releases, key=lambda each: each.version):
        str(release.version)
        for kind in release.assortment.kinds if release.assortment else ():
            use_specifiers(kind.requires_python)
        for file in release.files:
            assert file.locked.filename
    return page


def _metadata(data: bytes) -> object:
    release = Release(name=_NAME, version=Version("1.0"), source="index", files=())
    found = metadata_from(data, release, subject="foo 1.0")
    if found.unusable:
        return None
    use_specifiers(found.requires_python)
    for requirement in found.requires_dist:
        use_requirement(requirement)
    return found


def _listing(data: bytes) -> object:
    try:
        return client._listing(client._parsed(data))
    except ValueError:  # which the client expects
        return None


def _advisory(data: bytes) -> object:
    found = read_advisory(read_json(data, label="advisory", limit=1 << 20, error=IntegrityError))
    find_weaknesses(
        [Pin(name=canonicalize_name("foo"), version=version) for version in ("1.0", "2.0rc1")], [found]
    )
    return found


_ADVISORY = """{"id": "X-1", "aliases": ["Y-1"], "summary": "weak", "affected": [{"package": {"name": "Foo",
"ecosystem": "PyPI"}, "versions": ["1.0", "1.1"], "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"},
{"fixed": "1.5"}, {"introduced": "2.0"}, {"last_affected": "2.1"}]}]}]}"""

GRAMMARS = (
    Grammar(
        name="advisory",
        shape="json",
        examples=lambda: (_ADVISORY,),
        read=_advisory,
        codes=frozenset({4}),
        words=("withdrawn", "GIT", "0", f"1.{DIGITS}"),
    ),
    Grammar(
        name="index-json",
        shape="json",
        examples=lambda: (_JSON,),
        read=lambda data: _page(data, JSON_TYPE),
        codes=frozenset({6}),
        words=_HOSTILE_NAMES,
    ),
    Grammar(
        name="index-html",
        shape="lines",
        examples=lambda: (_HTML,),
        read=lambda data: _page(data, "text/html"),
        codes=frozenset({6}),
        words=(*_HOSTILE_NAMES, *_HTML_PIECES),
    ),
    Grammar(
        name="index-metadata",
        shape="lines",
        examples=lambda: (_METADATA,),
        read=_metadata,
        words=tuple(token.decode("utf-8", "surrogateescape") for token in TOKENS),
    ),
    Grammar(name="s3-listing", shape="lines", examples=lambda: (_LISTING,), read=_listing),
)
