"""Short texts: versions, specifiers, markers, durations, dates, URLs, locations."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipper.core.access import RepositoryOptions
from pipper.core.archive_limits import parse_limits
from pipper.core.duration import format_duration, parse_duration
from pipper.core.layout.legacy_version import key_version, to_semver
from pipper.core.manifest.constraints import parse_as_of
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.manifest.requirement import name_of, normalised, parse_requirement
from pipper.core.redaction import has_account, redacted, shown, without_account
from pipper.core.standards import read_requirement, version_of
from pipper.core.target import parse_name, system_version, tags_of
from pipper.core.urls import (
    index_url_fault,
    is_allowed_file_url,
    is_signed,
    origin,
    plain,
    signed_until,
    url_fault,
)
from pipper.core.wheel_kinds import specifiers, upload_moment
from pipper.errors import IntegrityError, StoreError, UsageError
from pipper.http.client import Web, origin_of
from pipper.http.pool import _proxy
from pipper.index.cache import fresh_until
from pipper.index.config import Accounts, Surroundings, find_index
from pipper.repository.access import (
    Access,
    NamedRepositories,
    choose_repositories,
    directory_of,
    open_bucket,
    with_options,
)
from pipper.wheels.metadata import requirement_fault
from tests.fuzz.grammars.base import Grammar, text_of
from tests.fuzz.grammars.places import folder
from tests.fuzz.grammars.using import use_requirement, use_specifiers
from tests.fuzz.texts import DIGITS

_USAGE = frozenset({2})
_NONE: frozenset[int] = frozenset()
_INDEX = "https://index.example.com/simple/"
_NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _version(data: bytes) -> object:
    found = version_of(text_of(data))
    if found is not None:
        key_version(found, text_of(data))
        to_semver(found)
        assert version_of(str(found)) == found
    return found


def _specifier(data: bytes) -> object:
    found = specifiers(text_of(data))
    if found is not None:
        use_specifiers(found)
    return found


def _requirement(data: bytes) -> object:
    """Read a requirement as a user writes it, and take it as the solver and a lock do."""
    found = parse_requirement(text_of(data), where="argument 1")
    use_requirement(found)
    return normalised(found), name_of(found)


def _required(data: bytes) -> object:
    """Read a line of Requires-Dist."""
    text = text_of(data)
    if requirement_fault(text):
        return None
    use_requirement(read_requirement(text))
    return text


def _as_of(data: bytes) -> object:
    moment = parse_as_of(text_of(data), where="--as-of")
    assert moment.tzinfo is not None
    return moment.isoformat()


def _moment(data: bytes) -> object:
    moment = upload_moment(text_of(data))
    return None if moment is None else (moment < _NOW, moment + timedelta(0), _NOW - moment)


def read_url(data: bytes) -> object:
    """Take a URL through all that pipper asks about one; none may fail but by a typed error."""
    url = text_of(data)
    for ask in (index_url_fault, is_signed, signed_until, origin, plain, shown, redacted, has_account):
        ask(url)
    without_account(url)
    is_allowed_file_url(url, _INDEX)
    web = Web({})
    for ask in (lambda: origin_of(url), lambda: web.require_safe(url), lambda: _proxy(url, {})):
        _typed(ask)
    for base in ("https://h.example.com/a/b", "http://127.0.0.1:8/x"):
        _typed(lambda base=base: web._redirected(base, url, {"Authorization": "x"}))
    return url_fault(url) or url


def _typed(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (UsageError, IntegrityError, StoreError):
        return None


def _proxies(data: bytes) -> object:
    environ = {"HTTPS_PROXY": text_of(data), "NO_PROXY": "a.example.com"}
    from pipper.http.pool import Pool

    Pool(environ)._open(_proxy("https://h.example.com/", environ), False)
    return environ


def _index_url(data: bytes) -> object:
    around = Surroundings(
        environ={"PIP_CONFIG_FILE": "/dev/null", "HOME": str(folder())}, home=folder(), pythons=()
    )
    address = find_index(text_of(data) or "x", around)
    accounts = Accounts(address, around.environ, around.home)
    return accounts(origin_of(address.url)), address.url


def _location(data: bytes) -> object:
    given = RepositoryOptions(bucket=text_of(data), prefix="a/b")
    found = None
    for entry in choose_repositories(given, (), NamedRepositories(path=Path("r.json"))):
        found = _open(entry)
    return found


def _endpoint(data: bytes) -> object:
    entry = RepositoryEntry(alias="a", url="s3://bucket/p", endpoint_url=text_of(data))
    return open_bucket(with_options(entry, RepositoryOptions()), Access(step="none"))


def _declared(data: bytes) -> object:
    return _open(RepositoryEntry(alias="a", url=text_of(data)))


def _open(entry: RepositoryEntry) -> object:
    if entry.url.startswith("file:"):
        return directory_of(entry.url, folder())
    return open_bucket(entry, Access(step="none"))


def _target(data: bytes) -> object:
    name = text_of(data)
    parse_name(name)
    system_version(name)
    return len(tags_of(name))


def _limits(data: bytes) -> object:
    return parse_limits([text_of(data)])


def _word(
    name: str,
    examples: tuple[str, ...],
    read: Callable[[bytes], Any],
    codes: frozenset[int] = _USAGE,
    words: tuple[str, ...] = (),
) -> Grammar:
    return Grammar(name=name, shape="word", examples=lambda: examples, read=read, codes=codes, words=words)


_VERSIONS = ("1.2.3", "1!2.0rc1.post3.dev4+local.5", "v1.0-alpha.1", "2024.01.post")
_REQUIREMENTS = (
    "foo>=1.2,<2",
    "Foo[x, y]~=1.4 ; python_version >= '3.8' and (os_name == 'nt' or extra == 'x')",
    "foo @ https://files.example.com/foo-1-py3-none-any.whl",
    "foo:1.2.*",
    "foo:>=1.2,<2",
    "foo===1.0",
)
_REQUIRED = (*_REQUIREMENTS[:2], "foo===1.0")
_URLS = (
    "https://index.example.com/simple/foo/",
    "https://user:pw@files.example.com:8443/a/foo-1-py3-none-any.whl?X-Amz-Date=20261101T000000Z&X-Amz-Expires=9"
    "&X-Amz-Signature=s#sha256=ab",
    "http://127.0.0.1:8080/x",
    "file:///srv/index/foo/index.html",
    "//files.example.com/x",
    "../../x.whl",
    "http://[::1]:80/x",
)
_LOCATIONS = ("bucket", "s3://bucket/team/python", "file:///srv/packages", "s3://bucket")

GRAMMARS = (
    _word("versions", _VERSIONS, _version, _NONE),
    _word("specifiers", (">=3.8,<4", "~=3.9,!=3.9.1", "==3.*"), _specifier, _NONE),
    _word("requirements-written", _REQUIREMENTS, _requirement),
    _word("requires-dist", _REQUIRED, _required, _NONE, words=("implementation_version < 'x'",)),
    Grammar(
        name="durations",
        shape="word",
        examples=lambda: ("18s", "12mins", "3hr", "2 days", "1 week"),
        read=lambda data: parse_duration(text_of(data)),
        write=lambda seconds: format_duration(seconds).encode(),
        codes=_USAGE,
    ),
    _word("dates", ("2026-11-01", "2026-11-01T12:00:00Z", "2026-11-01 12:00:00.5+02:00"), _as_of),
    _word("upload-times", ("2024-05-06T07:08:09.123456Z", "2024-05-06 07:08", "2024-05-06"), _moment, _NONE),
    _word("urls", _URLS, read_url, _NONE, words=("X-Amz-Expires=" + DIGITS, "Expires=-9&Signature=")),
    _word("proxies", ("http://proxy.example.com:3128", "u:p@proxy.example.com:1"), _proxies),
    _word("index-urls", _URLS[:4], _index_url),
    _word("bucket-locations", _LOCATIONS, _location),
    _word("endpoints", ("https://s3.example.com", "http://127.0.0.1:9000/x"), _endpoint),
    _word("repository-urls", _LOCATIONS[1:], _declared),
    _word("targets", ("cp311-manylinux_2_28_x86_64", "pp310-win_amd64", "cp313t-macosx_13_0_arm64"), _target),
    _word("limits", ("members=1000", "unpacked=32G"), _limits),
    _word(
        "cache-control",
        ("max-age=600, public", "no-cache"),
        lambda data: fresh_until({"cache-control": text_of(data), "age": text_of(data)}),
        _NONE,
    ),
)
