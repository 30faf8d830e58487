"""Targets: the kind of environment that a lock is solved for, and the wheels that fit it (PEP 425, 508, 600, 656)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, lru_cache

from msgspec import Struct
from msgspec.structs import replace
from packaging.markers import Environment as MarkerEnvironment
from packaging.markers import InvalidMarker, Marker
from packaging.tags import Tag, compatible_tags, cpython_tags, generic_tags, mac_platforms
from packaging.version import InvalidVersion, Version

from pipper.core.standards import marker_holds, read_marker, read_version
from pipper.errors import UsageError

MARKER_NAMES = tuple(sorted(MarkerEnvironment.__annotations__))
"""Every variable of PEP 508 that describes an environment; `extra` does not."""

OPTIONAL = ("implementation_version", "platform_release", "platform_version")
"""Variables that a lock contains only where a marker uses them."""

VOLATILE = (*OPTIONAL, "python_full_version")
"""Variables that differ between machines of one kind; a sync compares only markers that use them."""

_NAME = re.compile(
    r"(?P<implementation>cp|pp)(?P<major>[0-9])(?P<minor>[0-9]{1,3})(?P<threading>t?)-(?P<platform>[A-Za-z0-9_]{1,100})"
)
_LINUX = re.compile(
    r"(?P<libc>manylinux|musllinux)_(?P<major>[0-9]{1,2})_(?P<minor>[0-9]{1,3})_(?P<machine>\w+)"
)
_MACOS = re.compile(r"macosx_(?P<major>[0-9]{1,2})_(?P<minor>[0-9]{1,2})_(?P<machine>\w+)")
_LEGACY_MANYLINUX = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}


class Target(Struct, frozen=True, kw_only=True, dict=True):
    """A kind of environment: `cp311-manylinux_2_28_x86_64` and the marker variables it was solved with.

    Raises UsageError for a name that is not IMPLEMENTATION MINOR - PLATFORM TAG.
    """

    name: str
    markers: Mapping[str, str]

    def __post_init__(self) -> None:
        parse_name(self.name)

    def __hash__(self) -> int:
        return hash(self.name)  # a mapping has no hash of its own

    @cached_property
    def ranks(self) -> Mapping[Tag, int]:
        """The rank of every tag that fits; 0 is the best."""
        return {tag: rank for rank, tag in enumerate(tags_of(self.name))}

    def reduced_to(self, conditions: Iterable[str]) -> "Target":
        """Return the target as in a lock that depends on `conditions`: the same for any machine of this kind."""
        kept = needed_markers(conditions)
        return replace(self, markers={name: value for name, value in self.markers.items() if name in kept})

    def completed(self, other: "Target") -> "Target":
        """Return the target with its missing variables taken from `other`."""
        return replace(self, markers={**other.markers, **self.markers})

    @property
    def python_full_version(self) -> str:
        """The version that the interpreter reports: `3.14.0rc1`, or `3.11.9+` for a build between two releases."""
        return self.markers["python_full_version"]

    @cached_property
    def python(self) -> Version:
        """The version to compare with `Requires-Python`: a pre-release counts as its release, as in pip.

        Raises UsageError where it is not a version.
        """
        try:
            return read_version(read_version(self.python_full_version.rstrip("+")).base_version)
        except InvalidVersion as error:
            raise UsageError(
                f"{self.name}: `{self.python_full_version}` is not a Python version",
                hint="use an interpreter with a regular version: `--python 3.11` or its path",
            ) from error


class TargetName(Struct, frozen=True, kw_only=True):
    """The parts of a target's name."""

    implementation: str
    python: tuple[int, int]
    threading: str
    platform: str


def parse_name(name: str) -> TargetName:
    """Return the parts of a target's name; raises UsageError for an invalid name."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise UsageError(
            f"`{name}` is not the name of an environment",
            hint="write implementation, minor version and platform tag, as in `cp311-manylinux_2_28_x86_64`",
        )
    return TargetName(
        implementation=found["implementation"],
        python=(int(found["major"]), int(found["minor"])),
        threading=found["threading"],
        platform=found["platform"],
    )


@lru_cache(maxsize=64)
def tags_of(name: str) -> tuple[Tag, ...]:
    """Return every wheel tag that fits the target with this name, best first (PEP 425)."""
    parts = parse_name(name)
    platforms = list(_platforms(parts.platform))
    digits = f"{parts.python[0]}{parts.python[1]}"
    interpreter = parts.implementation + digits
    if parts.implementation == "cp":
        tags = list(cpython_tags(parts.python, [f"cp{digits}{parts.threading}"], platforms))
    else:
        tags = list(generic_tags(interpreter, [f"pypy{digits}_pp73"], platforms))
    tags += compatible_tags(parts.python, interpreter, platforms)
    return tuple(dict.fromkeys(tags))


def _platforms(platform: str) -> Iterator[str]:
    if found := _LINUX.fullmatch(platform):
        machine, major, minor = found["machine"], int(found["major"]), int(found["minor"])
        yield f"linux_{machine}"
        floor = 0 if found["libc"] == "musllinux" else 5 if machine in ("x86_64", "i686") else 17
        for lower in range(minor, floor - 1, -1):
            yield f"{found['libc']}_{major}_{lower}_{machine}"
            legacy = _LEGACY_MANYLINUX.get((major, lower))
            if legacy and found["libc"] == "manylinux":
                yield f"{legacy}_{machine}"
    elif found := _MACOS.fullmatch(platform):
        yield from mac_platforms((int(found["major"]), int(found["minor"])), found["machine"])
    else:
        yield platform


def mentions_volatile(marker: Marker) -> bool:
    """Return whether a marker uses a variable that differs between machines of one kind."""
    text = str(marker)
    return any(name in text for name in VOLATILE)


def needed_markers(conditions: Iterable[str]) -> frozenset[str]:
    """Return the variables that describe an environment whose solution depends on `conditions`."""
    used = " ".join(conditions)
    return frozenset(name for name in MARKER_NAMES if name not in OPTIONAL or name in used)


def serves(locked: Target, host: Target, conditions: tuple[str, ...] = ()) -> bool:
    """Return whether a solution for `locked` is valid for `host`.

    Implementation, minor version, ABI, system, architecture and libc must be equal, the host's libc or system
    version must not be lower, and every marker that was used (`conditions` are those with volatile variables)
    must evaluate to the same.
    """
    theirs, ours = parse_name(locked.name), parse_name(host.name)
    if theirs != replace(ours, platform=theirs.platform):
        return False
    if theirs.platform != ours.platform and theirs.platform not in _platforms(ours.platform):
        return False
    steady = [name for name in MARKER_NAMES if name not in VOLATILE]
    if any(locked.markers.get(name) != host.markers.get(name) for name in steady):
        return False
    return all(
        condition_holds(each, locked.markers) == condition_holds(each, host.markers) for each in conditions
    )


def condition_holds(condition: str, markers: Mapping[str, str]) -> bool | None:
    """Return whether a condition of a lock holds; None if it is not defined there, as `platform_release > "5"`."""
    try:
        return marker_holds(read_marker(condition), markers, "lock_file")
    except InvalidMarker:
        return None


def system_version(name: str) -> tuple[int, ...]:
    """Return the lowest version of the C library or system that a target's name allows."""
    return tuple(int(part) for part in parse_name(name).platform.split("_") if part.isdecimal())
