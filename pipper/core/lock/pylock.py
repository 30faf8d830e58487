"""Reading `pylock.toml` (PEP 751) of any tool into a lock for one environment."""

import re
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from packaging.markers import EvaluateContext, InvalidMarker, Marker
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockUnsupportedVersionError,
    PylockValidationError,
)
from packaging.utils import InvalidWheelFilename, canonicalize_name

from pipper.core.document import DOCUMENT_LIMIT, read_toml
from pipper.core.lock.model import Lock, LockedEnvironment, LockedFile, LockedPackage
from pipper.core.lock.selection import DEFAULT_GROUP, Selection, require_known
from pipper.core.manifest.inputs import Inputs
from pipper.core.plan import Wanted
from pipper.core.redaction import shown
from pipper.core.standards import MOST_DIGITS, marker_holds, read_version, read_wheel_name, version_of
from pipper.core.target import Target, tags_of
from pipper.core.urls import url_fault
from pipper.core.wording import listed
from pipper.errors import IntegrityError, PipperError, UsageError

PYLOCK_VERSION = read_version("1.0")
"""The latest version that is known; a later minor one is read, too."""
_NEXT_VERSION = read_version("2.dev0")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONG_NUMBER = re.compile(rb"[0-9]{%d}" % (MOST_DIGITS + 1))
_SOURCE = "pylock"
"""Used as the alias: the file does not name the source of a package."""
_RECREATE = "recreate it with the tool that wrote it"


def parse_pylock(data: bytes, *, label: str) -> Pylock:
    """Return the PEP 751 lock in `data`; `label` names the file in messages.

    Raises UsageError if it is invalid or of another major version, IntegrityError if a file has no hash, or a wheel has
    no sha256 or an unsafe location.
    """
    root = read_toml(data, label=label, limit=DOCUMENT_LIMIT, hint=_RECREATE)
    if _LONG_NUMBER.search(data):  # `packaging` would raise a plain ValueError, in part much later
        raise UsageError(f"{label} has a number of more than {MOST_DIGITS:,} digits", hint=_RECREATE)
    try:
        pylock = _parsed(root.entries())
    except PylockUnsupportedVersionError as error:
        raise UsageError(f"{label}: {error}", hint="a newer tool wrote it: upgrade pipper") from error
    except PylockValidationError as error:
        raise _invalid(error, label) from error
    for package in pylock.packages:
        place = f"{label}: {package.name}"
        for wheel in package.wheels or ():
            _check_location(wheel, place)
            _check_wheel(wheel, place)
        if package.archive is not None:
            _check_location(package.archive, place)
    return pylock


def _parsed(entries: Mapping[str, object]) -> Pylock:
    text = entries.get("lock-version")
    stated = version_of(text) if isinstance(text, str) else None
    if stated is None or not PYLOCK_VERSION < stated < _NEXT_VERSION:
        return Pylock.from_dict(entries)
    # `packaging` reads it, but would log a warning to stderr.
    pylock = Pylock.from_dict({**entries, "lock-version": str(PYLOCK_VERSION)})
    return replace(pylock, lock_version=stated)


def _invalid(error: PylockValidationError, label: str) -> PipperError:
    context = error.context or ""
    if context.rpartition(".")[2] == "hashes":
        cause = "without a hash, a file cannot be checked"
        return IntegrityError(f"{label}: {context}: no hash", cause=cause, hint=_RECREATE)
    cause = " ".join(error.message.split())[:300]
    place = f": {context}" if context else ""
    return UsageError(f"{label} is not a lock of PEP 751{place}", cause=cause, hint=_RECREATE)


def _check_location(file: PackageWheel | PackageArchive, place: str) -> None:
    if file.url:
        fault = url_fault(file.url)
        if fault:
            raise IntegrityError(f"{place}: unsafe URL `{shown(file.url)}`", cause=fault, hint=_RECREATE)
    elif file.path and (PurePosixPath(file.path).is_absolute() or PureWindowsPath(file.path).anchor):
        raise IntegrityError(
            f"{place}: unsafe path `{file.path}`",
            cause="a path must be relative to the lock's directory",
            hint=_RECREATE,
        )


def _check_wheel(wheel: PackageWheel, place: str) -> None:
    if not _SHA256.fullmatch(wheel.hashes.get("sha256", "").lower()):
        raise IntegrityError(
            f"{place}: {wheel.filename} has no sha256",
            cause=f"its hashes: {listed(wheel.hashes)}",
            hint=f"{_RECREATE}, with sha256 hashes",
        )
    if not _is_wheel_name(wheel) or (wheel.size is not None and wheel.size < 1):
        raise IntegrityError(f"{place}: `{wheel.filename[:200]}` is not a valid wheel", hint=_RECREATE)


def _is_wheel_name(wheel: PackageWheel) -> bool:
    try:
        read_wheel_name(wheel.filename)
    except (InvalidWheelFilename, PylockValidationError):
        return False
    return "/" not in wheel.filename and "\\" not in wheel.filename


def lock_of(pylock: Pylock, target: Target, selection: Selection, *, base: Path, label: str) -> Lock:
    """Return a lock for one environment with the packages that `selection` picks from a PEP 751 lock.

    Paths are relative to the absolute folder `base` and become `file:` URLs. Raises UsageError if the lock is not
    for `target`, for an unknown group or extra, and for a package without a matching wheel; IntegrityError if two
    entries of one project match.
    """
    extras, groups = _chosen(pylock, selection, label)
    _require_target(pylock, target, label)
    _refuse_double(pylock, target, extras, groups, label)
    try:
        picked = list(
            pylock.select(
                environment=dict(target.markers),  # type: ignore[arg-type] # it has every key of the TypedDict
                tags=tags_of(target.name),
                extras=extras,
                dependency_groups=groups,
            )
        )
    except PylockSelectError as error:
        hint = f"{_RECREATE}, for this environment"
        raise UsageError(f"{label} does not fit this environment", cause=str(error), hint=hint) from error
    locked = (_locked(package, found, base, label) for package, found in picked)
    packages = tuple(sorted(locked, key=lambda each: each.name))
    pins = tuple(package.pin for package in packages)
    return Lock(
        inputs=Inputs(requirements=tuple(map(str, pins))),
        environments=(LockedEnvironment(target=target, packages=pins),),
        packages=packages,
    )


def every_wheel(pylock: Pylock, *, base: Path, label: str) -> tuple[Wanted, ...]:
    """Return the wheels of a PEP 751 lock for all environments, with locations as in `lock_of`."""
    found = (
        _locked(package, wheel, base, label) for package in pylock.packages for wheel in package.wheels or ()
    )
    return tuple(
        Wanted(name=each.name, version=each.version, source=each.source, file=each.wheels[0])
        for each in found
    )


def _chosen(pylock: Pylock, selection: Selection, label: str) -> tuple[frozenset[str], frozenset[str]]:
    if selection.only_groups:
        raise UsageError(f"{label} does not list the packages of a group alone", hint="use --group")
    known = {canonicalize_name(name): name for name in pylock.dependency_groups or ()}
    groups = set(pylock.default_groups or ())
    if not selection.default_group:
        groups = {name for name in groups if canonicalize_name(name) != DEFAULT_GROUP}
    require_known("group", selection.groups, known, label)
    require_known("extra", selection.extras, pylock.extras or (), label)
    groups |= {known[name] for name in selection.groups}
    if selection.all_groups:
        groups |= set(known.values())
    extras = frozenset(pylock.extras or ()) if selection.all_extras else selection.extras
    return extras, frozenset(groups)


def _require_target(pylock: Pylock, target: Target, label: str) -> None:
    allowed, version = pylock.requires_python, target.python_full_version
    if allowed and not allowed.contains(target.python, prereleases=True):
        raise UsageError(
            f"{label} is for Python {allowed}, and this one is {version}",
            hint=f"use `--python` with a matching interpreter, or {_RECREATE}",
        )
    markers = pylock.environments or ()
    if markers and not any(_holds(marker, target.markers, "requirement", label) for marker in markers):
        raise UsageError(
            f"{label} is not for this environment, {target.name} (Python {version})",
            cause=f"it is for {' or '.join(str(marker) for marker in markers)}",
            hint=f"{_RECREATE}, for this environment",
        )


def _holds(
    marker: Marker, variables: Mapping[str, str | Set[str]], context: EvaluateContext, label: str
) -> bool:
    try:
        return marker_holds(marker, variables, context)
    except InvalidMarker as error:
        raise UsageError(f"{label} is not a lock of PEP 751", cause=str(error), hint=_RECREATE) from error


def _refuse_double(
    pylock: Pylock, target: Target, extras: frozenset[str], groups: frozenset[str], label: str
) -> None:
    chosen: dict[str, str | frozenset[str]] = {
        **target.markers,
        "extras": extras,
        "dependency_groups": groups,
    }
    counted = Counter(
        package.name
        for package in pylock.packages
        if package.marker is None or _holds(package.marker, chosen, "lock_file", label)
    )
    if double := sorted(name for name, count in counted.items() if count > 1):
        cause = f"two entries of {double[0]} match this environment"
        raise IntegrityError("the lock is inconsistent", cause=cause, hint=_RECREATE)


def _locked(package: Package, found: object, base: Path, label: str) -> LockedPackage:
    wheel = _as_wheel(found)
    if wheel is None:
        kinds = {"PackageSdist": "a source distribution", "PackageVcs": "a version control system"}
        raise UsageError(
            f"{label}: {package.name} has no wheel for this environment",
            cause=f"its source is {kinds.get(type(found).__name__, 'a directory or an archive')}",
            hint="pipper builds only from a lock of its own, which holds all that the build requires: use pipper.lock,"
            " `pipper authorize -o FILE.lock` for another host, or a lock with a wheel",
        )
    _check_wheel(wheel, f"{label}: {package.name}")
    version = read_wheel_name(wheel.filename)[1]
    url = wheel.url or (base / (wheel.path or "")).as_uri()
    file = LockedFile(
        sha256=wheel.hashes["sha256"].lower(), size=wheel.size or 0, url=url, wheel=wheel.filename
    )
    return LockedPackage(
        name=package.name, version=str(package.version or version), source=_SOURCE, wheels=(file,)
    )


def _as_wheel(found: object) -> PackageWheel | None:
    if isinstance(found, PackageWheel):
        return found
    if not isinstance(found, PackageArchive):
        return None
    wheel = PackageWheel(url=found.url, path=found.path, size=found.size, hashes=found.hashes)
    return wheel if _is_wheel_name(wheel) else None
