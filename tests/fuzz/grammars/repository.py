"""The documents of a repository: pages, the marker, keys, `package.meta`."""

from datetime import UTC, datetime

from packaging.utils import canonicalize_name

from pipper.core.layout.keys import bundle_version, marker_body, parse_marker
from pipper.core.layout.legacy_version import deserialize, key_version, serialize, to_semver
from pipper.core.layout.objects import arrange
from pipper.core.layout.page import Needs, PageBundle, PageFile, ProjectPage
from pipper.core.layout.page_json import dump_page, parse_page, salvage_page
from pipper.core.ports import ObjectInfo
from pipper.core.wheel_identity import wheel_identity
from pipper.repository.source import Repository
from pipper.wheels.bundle import parse_meta
from pipper.wheels.name import parse_wheel_name
from tests.fuzz.grammars.base import Grammar, text_of
from tests.fuzz.grammars.using import use_requirement, use_specifiers
from tests.fuzz.shelves import OneProject
from tests.fuzz.texts import DIGITS

_NAME = canonicalize_name("foo")
_NEEDS = Needs(
    requires_python=">=3.8", requires_dist=("bar>=1 ; os_name == 'nt'", "baz"), provides_extra=("x",)
)
_FILE = PageFile(
    filename="foo-1.0-py3-none-any.whl",
    sha256="0123456789abcdef" * 4,
    size=1234,
    upload_time="2024-05-06T07:08:09Z",
    metadata_sha256="fedcba9876543210" * 4,
    yanked="broken",
    needs=_NEEDS,
)
_BUNDLE = PageBundle(
    key="Foo/v0-9-0.pipper",
    etag="abc",
    size=99,
    version="0.9.0",
    wheel="Foo-0.9.0-py3-none-any.whl",
    upload_time="2020-01-02T03:04:05Z",
    needs=Needs(dependencies=("bar:>=2.0.0", "baz")),
)
EXAMPLE_PAGE = ProjectPage(
    name=_NAME, files=(_FILE,), bundles=(_BUNDLE,), replaced=("ab/foo-1.0-py3-none-any.whl",)
)

_META = """{"name": "Foo", "version": "1.2.3", "safe_version": "v1-2-3", "wheel_name":
"Foo-1.2.3-py3-none-any.whl", "timestamp": "2020-01-02T03:04:05", "dependencies": ["bar:>=2.0.0"]}"""

_KEYS = ("Foo/v1-2-3.pipper", "foo/v1-2-3__pre_rc_1__build_b.pipper")
_SEMVERS = ("1.2.3", "1.2.3-rc.1+b", "0.0.1-alpha")
_WHEELS = (
    "foo-1.0-py3-none-any.whl",
    "Foo_Bar-1!2.0rc1+l.5-1b-cp311.cp312-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
)


_USED = 20
"""Requirements of a file that are put to use: a mutant may repeat one a thousand times."""


def _page(data: bytes) -> ProjectPage:
    try:
        page = parse_page(data, name=_NAME, label="page")
    finally:
        salvage_page(data, name=_NAME, label="page")
    source = Repository(OneProject(data), "acme")
    for release in sorted(source.releases(_NAME), key=lambda each: each.version):
        for file in release.files:
            use_specifiers(file.requires_python)
            found = source.metadata(release, file)
            use_specifiers(found.requires_python)
            for requirement in found.requires_dist[:_USED]:
                use_requirement(requirement)
    return page


def _keys(data: bytes) -> object:
    key = text_of(data)
    arrange([ObjectInfo(key=key, size=1, etag="e", modified=datetime.now(UTC))])
    version = bundle_version(key)
    if version is not None:
        key_version(version)
    return version


def _semver(data: bytes) -> object:
    written = text_of(data)
    safe = serialize(written)
    version = deserialize(safe)
    if version is None:
        return None
    key_version(version, written)
    to_semver(version)
    return safe


def _wheel(data: bytes) -> object:
    name = text_of(data)
    wheel_identity(name)
    return parse_wheel_name(name)


GRAMMARS = (
    Grammar(
        name="repository-page",
        shape="json",
        examples=lambda: (dump_page(EXAMPLE_PAGE),),
        read=_page,
        write=dump_page,
        codes=frozenset({4}),
        words=(*_WHEELS, f"foo-{DIGITS}-py3-none-any.whl", "bar:1.*", f"bar:{DIGITS}"),
    ),
    Grammar(
        name="repository-marker",
        shape="json",
        examples=lambda: (marker_body(1), marker_body(2)),
        read=lambda data: parse_marker(data, label="pipper-repository.json"),
        write=marker_body,
        codes=frozenset({4}),
        words=("format",),
    ),
    Grammar(
        name="package-meta",
        shape="json",
        examples=lambda: (_META,),
        read=lambda data: parse_meta(data, subject="foo.pipper"),
        codes=frozenset({4}),
        words=_WHEELS,
    ),
    Grammar(
        name="legacy-keys",
        shape="word",
        examples=lambda: _KEYS,
        read=_keys,
        words=("foo/0123456789abcdef/x.whl", "v", "__pre_", "__build_", ".pipper", "index.json", ".metadata"),
    ),
    Grammar(
        name="legacy-versions",
        shape="word",
        examples=lambda: _SEMVERS,
        read=_semver,
        codes=frozenset({2}),
        words=("-rc.1", "+b", "v", "__pre_"),
    ),
    Grammar(
        name="wheel-names",
        shape="word",
        examples=lambda: _WHEELS,
        read=_wheel,
        codes=frozenset({4}),
        words=("py3", "none", "any", ".whl", "-1-"),
    ),
)
