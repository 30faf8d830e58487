"""The strict reader of locks: a damaged, truncated, newer or unknown lock is an error, never an empty lock."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from packaging.markers import InvalidMarker
from packaging.utils import canonicalize_name

from pipper.core.document import DOCUMENT_LIMIT, Node, line_of, read_toml
from pipper.core.lock.consistency import check_consistency
from pipper.core.lock.inputs_reader import member_path, read_inputs
from pipper.core.lock.model import (
    LOCK_VERSION,
    RESTORE,
    Dependency,
    Lock,
    LockedBundle,
    LockedEnvironment,
    LockedFile,
    LockedPackage,
    Pin,
    inconsistent,
    sort_key,
)
from pipper.core.manifest.inputs import PATH, Inputs
from pipper.core.standards import read_marker, version_of
from pipper.core.target import MARKER_NAMES, Target, needed_markers
from pipper.core.urls import index_url_fault, is_signed, url_fault
from pipper.errors import IntegrityError, UsageError

CONFLICT = re.compile(rb"^(<{7}|={7}|>{7})( |\r?$)", re.MULTILINE)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNSAFE_KEY = re.compile(r"(^|/)\.{0,2}(/|$)|[\\\x00-\x1f\x7f]|^[A-Za-z][A-Za-z0-9+.-]*:")

_LONGEST_VALUE = 500
"""Characters of a variable of an environment."""

_TOP = ("lock-version", "authorized", "expires-at", "inputs", "repositories", "environments", "packages")
_ENVIRONMENT = (
    *("name", "markers", "failure", "conditions", "packages", "groups", "extras", "builds"),
    *("failed-groups", "failed-extras"),
)
_LOCKED_MEMBER = ("name", "version", "source", "path", "editable", "dependencies")
_PACKAGE = ("name", "version", "source", "dependencies", "wheels", "sdist", "build-requires")
_FILE = ("key", "url", "wheel", "size", "sha256", "bundle-size", "bundle-sha256")


def parse_lock(data: bytes, *, label: str) -> Lock:
    """Return the lock in `data`; `label` names the file in messages.

    Raises UsageError (exit 2) if it cannot be read: invalid TOML, a merge conflict, a truncated file, a newer
    version, unknown or missing keys. Raises IntegrityError (exit 4) if it is inconsistent, lacks a sha256 or names
    an unsafe key.
    """
    lock = read_lock_parts(data, label=label)
    _refuse_cut_off(lock, data, label)
    check_consistency(lock)
    return lock


def read_lock_parts(data: bytes, *, label: str) -> Lock:
    """Return the lock in `data` as `parse_lock` does, but allow inconsistent and missing parts."""
    top = _top(data, label)
    expires_at = _expiry(top)
    inputs = read_inputs(top.at("inputs"))
    packages = top.at("packages", []).items()
    return Lock(
        expires_at=expires_at,
        inputs=inputs,
        repositories=top.at("repositories", {}).mapping(Node.text),
        environments=tuple(map(_environment, top.at("environments").items())),
        packages=tuple(_package(node, inputs, authorized=expires_at is not None) for node in packages),
    )


def _top(data: bytes, label: str) -> Node:
    """Return the root of a lock with the current `lock-version`."""
    if conflict := CONFLICT.search(data):
        raise UsageError(
            f"{label} is damaged at line {line_of(data, conflict.start())}",
            cause="it contains the markers of a merge conflict",
            hint="run `pipper lock`: it keeps the versions that both sides agree on",
        )
    try:
        top = read_toml(data, label=label, limit=DOCUMENT_LIMIT, hint=RESTORE)
    except UsageError as error:
        cause = error.cause or error.message
        place = re.search(r"line ([0-9]{1,9})", cause)
        line = int(place[1]) if place else data.count(b"\n") + 1
        raise UsageError(f"{label} is damaged at line {line}", cause=cause, hint=RESTORE) from error
    version = top.at("lock-version").integer()
    if version > LOCK_VERSION:
        raise UsageError(
            f"{label} is of lock-version {version}; this pipper reads up to {LOCK_VERSION}",
            hint="a newer pipper wrote it: upgrade pipper",
        )
    if version != LOCK_VERSION:
        raise top.at("lock-version").fail(f"unknown version, expected {LOCK_VERSION}")
    return top.only(_TOP)


def _expiry(top: Node) -> datetime | None:
    """Return when an authorized lock expires; None for an ordinary lock, which has neither key."""
    if "authorized" not in top and "expires-at" not in top:
        return None
    authorized, expires = top.at("authorized"), top.at("expires-at")
    if not authorized.flag():
        raise authorized.fail("expected true")
    if not isinstance(expires.value, datetime) or expires.value.tzinfo is None:
        raise expires.fail("expected a time with a time zone")
    return expires.value.astimezone(UTC)


def _refuse_cut_off(lock: Lock, data: bytes, label: str) -> None:
    """Refuse a truncated lock: packages are in order after the lists that name them, so the last are missing."""
    listed = {pin for each in lock.environments for pin in each.pins | each.build_pins}
    held = [package.pin for package in lock.packages]
    solved = [environment for environment in lock.environments if not environment.failure]
    groups = any({*each.groups, *each.failed_groups} != set(lock.inputs.groups) for each in solved)
    extras = any({*each.extras, *each.failed_extras} != set(lock.inputs.extras) for each in solved)
    behind = listed - set(held)
    last = max(map(sort_key, held), default=None)
    after = all(last is None or sort_key(pin) > last for pin in behind)
    if groups or extras or not lock.environments or (behind and after):
        line = data.count(b"\n") + 1
        raise UsageError(f"{label} is damaged at line {line}", cause="its end is missing", hint=RESTORE)


def _environment(node: Node) -> LockedEnvironment:
    node.only(_ENVIRONMENT)
    conditions = tuple(map(_condition, node.at("conditions", []).items()))
    markers = node.at("markers").only(MARKER_NAMES)
    names = sorted({*markers.table(), *needed_markers(conditions)})
    given = {name: markers.text_at(name) for name in names}
    if odd := next((name for name, value in given.items() if len(value) > _LONGEST_VALUE), ""):
        raise markers.at(odd).fail(f"a value of more than {_LONGEST_VALUE} characters")
    name = node.at("name")
    try:
        target = Target(name=name.text(), markers=given)
    except UsageError as error:
        raise name.fail(error.message, cause=error.cause) from error
    if "failure" in node:
        failure = node.at("failure")
        if "packages" in node or not failure.text():
            raise failure.fail("an environment must have either a failure or packages")
        return LockedEnvironment(target=target, packages=(), failure=failure.text())
    return LockedEnvironment(
        target=target,
        packages=_pins(node.at("packages")),
        groups=node.at("groups", {}).mapping(_pins),
        extras=node.at("extras", {}).mapping(_pins),
        builds=node.at("builds", {}).mapping(_pins),
        failed_groups=node.at("failed-groups", {}).mapping(Node.text),
        failed_extras=node.at("failed-extras", {}).mapping(Node.text),
        conditions=conditions,
    )


def _condition(node: Node) -> str:
    try:
        return str(read_marker(node.text()))
    except InvalidMarker as error:
        raise node.fail("not a marker", cause=str(error)) from error


def _pins(node: Node) -> tuple[Pin, ...]:
    return tuple(map(_pin, node.items()))


def _pin(node: Node) -> Pin:
    text = node.text()
    spelled, separator, path = text.partition(" @ ")
    if separator and (name := canonicalize_name(spelled)) == spelled:
        return Pin(name=name, path=member_path(node.replaced(path)))
    spelled, separator, version = text.partition("==")
    name = canonicalize_name(spelled)
    if not separator or name != spelled:
        raise node.fail("neither NAME==VERSION nor NAME @ PATH")
    return Pin(name=name, version=_version(version, node))


def _version(text: str, node: Node) -> str:
    if not _is_version(text):
        raise node.fail(f"`{text[:80]}` is not a version (PEP 440)")
    return text


@lru_cache(maxsize=4096)  # every environment lists it again
def _is_version(text: str) -> bool:
    return version_of(text) is not None


def _locked_member(node: Node) -> LockedPackage:
    name, version = node.only(_LOCKED_MEMBER).at("name"), node.at("version", "")
    return LockedPackage(
        name=canonicalize_name(name.text()),
        version=_version(version.text(), version) if version.text() else "",
        source=node.text_at("source"),
        dependencies=tuple(map(Dependency.parse, node.at("dependencies").texts())),
        path=member_path(node.at("path")),
        editable=node.at("editable").flag(),
    )


def _package(node: Node, inputs: Inputs, *, authorized: bool) -> LockedPackage:
    if node.text_at("source", "") == PATH:
        return _locked_member(node)
    name, version = node.only(_PACKAGE).at("name"), node.at("version")
    if canonicalize_name(name.text()) != name.text():
        raise name.fail(f"`{name.text()}` is not a normalised name (PEP 503)")
    sdist = _sdist(node.at("sdist"), authorized=authorized) if "sdist" in node else None
    listed = node.at("wheels") if sdist is None else node.at("wheels", [])
    wheels = tuple(_wheel(each, authorized=authorized) for each in listed.items())
    source = node.text_at("source")
    label = f"{name.text()} {version.text()}"
    files = (*wheels, *([sdist] if sdist else []))
    if any(bool(file.url) != (authorized or inputs.has_index(source)) for file in files):
        raise inconsistent(
            f"{label}: every file of an authorized lock must have a `url`"
            if authorized
            else f"{label}: files of an index must have a `url`, those of a repository a `key`"
        )
    if not files:
        raise inconsistent(f"{label} has no wheel")
    if len({file.filename for file in wheels}) != len(wheels):
        raise inconsistent(f"{label} lists one wheel twice")
    return LockedPackage(
        name=canonicalize_name(name.text()),
        version=_version(version.text(), version),
        source=source,
        dependencies=tuple(map(Dependency.parse, node.at("dependencies").texts())),
        wheels=wheels,
        sdist=sdist,
        build_requires=_pins(node.at("build-requires", [])),
    )


def _file(node: Node, *, authorized: bool) -> LockedFile:
    entry = node.only(_FILE).entries()
    if "sha256" not in entry:
        raise _bad_file(node, "no sha256", "without a hash, a file cannot be checked")
    sha256, size, bundle = _sha256(node.at("sha256")), node.at("size").integer(), _bundle(node)
    key, url, wheel = (node.text_at(name, "") for name in ("key", "url", "wheel"))
    try:
        file = LockedFile(sha256=sha256, size=size, key=key, url=url, wheel=wheel, bundle=bundle)
    except IntegrityError as error:
        raise _bad_file(node, error.message) from error
    if file.key and _UNSAFE_KEY.search(file.key):
        raise _bad_file(node, f"unsafe key `{file.key}`", "a key must be below the repository's root")
    if file.url:
        _check_url(node, file.url, authorized=authorized)
    if "/" in file.filename or "\\" in file.filename:
        raise _bad_file(node, f"`{file.filename}` is not a file name")
    return file


def _wheel(node: Node, *, authorized: bool) -> LockedFile:
    file = _file(node, authorized=authorized)
    if not file.filename.endswith(".whl"):
        raise _bad_file(node, f"`{file.filename}` is not a wheel's file name")
    return file


def _sdist(node: Node, *, authorized: bool) -> LockedFile:
    file = _file(node, authorized=authorized)
    if file.bundle is not None or not file.filename.endswith((".tar.gz", ".zip")):
        raise _bad_file(node, f"`{file.filename}` is not the file name of a source distribution")
    return file


def _bundle(node: Node) -> LockedBundle | None:
    given = [name in node for name in ("bundle-size", "bundle-sha256")]
    if not any(given):
        return None
    if not all(given):
        raise _bad_file(node, "a bundle must have both `bundle-size` and `bundle-sha256`")
    return LockedBundle(sha256=_sha256(node.at("bundle-sha256")), size=node.at("bundle-size").integer())


def _check_url(node: Node, url: str, *, authorized: bool) -> None:
    """Refuse an unsafe URL. Messages do not contain the URL: it may be signed."""
    fault = url_fault(url) if authorized else index_url_fault(url)
    if not fault and is_signed(url) and not authorized:
        fault = "it is signed, but the lock is not an authorized lock"
    if fault:
        raise _bad_file(node, "unsafe URL", fault)


def _sha256(node: Node) -> str:
    text = node.text().lower()
    if not _SHA256.fullmatch(text):
        raise _bad_file(node, "not a sha256 of 64 hex digits")
    return text


def _bad_file(node: Node, what: str, cause: str = "") -> IntegrityError:
    return IntegrityError(f"{node.place}: {what}", cause=cause, hint=RESTORE)
