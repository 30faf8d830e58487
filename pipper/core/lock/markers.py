"""A lock as packages with markers (PEP 508), for pylock.toml (PEP 751) and requirements.txt."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from pipper.core.lock.model import Lock, LockedEnvironment, LockedPackage, Pin
from pipper.core.lock.selection import Selection, selected_pins
from pipper.core.target import VOLATILE, condition_holds, parse_name
from pipper.errors import UsageError


class PortablePackage(Struct, frozen=True, kw_only=True):
    """A locked package and the environments that get it."""

    package: LockedPackage
    marker: str
    """Empty if every environment of the lock gets it."""


class PortableLock(Struct, frozen=True, kw_only=True):
    """The selected packages of a lock, for all of its environments."""

    environments: tuple[str, ...]
    """A marker for each kind of environment of the lock."""
    packages: tuple[PortablePackage, ...]


def portable(lock: Lock, selection: Selection) -> PortableLock:
    """Return the packages of a lock that `selection` picks, with markers.

    Raises UsageError for an unknown group or extra, and if two environments get different packages but no marker
    distinguishes them (the C library is not in the markers).
    """
    parts = [part for part in lock.environments if not part.failure]
    if not parts:
        raise UsageError(
            "the lock has no solution for any environment",
            cause=lock.environments[0].failure if lock.environments else "",
            hint="change the requirements or `environments` in the manifest, then run `pipper lock`",
        )
    clauses = {part.target.name: _clauses(part) for part in parts}
    pins = {part.target.name: frozenset(selected_pins(lock, part, selection)) for part in parts}
    _refuse_alike(clauses, pins)
    common = set.intersection(*(set(each) for each in clauses.values()))
    packages = []
    for package in lock.packages:
        wanting = [name for name, wanted in pins.items() if package.pin in wanted]
        if wanting:
            everywhere = len(wanting) == len(pins)
            alternatives = ([text for text in clauses[name] if text not in common] for name in wanting)
            packages.append(
                PortablePackage(package=package, marker="" if everywhere else _any_of(alternatives))
            )
    return PortableLock(
        environments=tuple(dict.fromkeys(" and ".join(each) for each in clauses.values())),
        packages=tuple(packages),
    )


def _clauses(part: LockedEnvironment) -> tuple[str, ...]:
    """Return the markers that are true for this kind of environment."""
    markers = part.target.markers
    major, minor = parse_name(part.target.name).python
    found = [f"python_version == '{major}.{minor}'"]
    found += [_equals(name, markers) for name in ("implementation_name", "sys_platform", "platform_machine")]
    for condition in part.conditions:
        if condition_holds(condition, markers):
            found.append(f"({condition})")
        else:
            # Markers have no `not`: for a false one, its variables must have exactly the values of the solution.
            found += [_equals(name, markers) for name in VOLATILE if name in condition]
    return tuple(dict.fromkeys(found))


def _equals(name: str, markers: Mapping[str, str]) -> str:
    value = markers[name]
    quote = '"' if "'" in value else "'"
    if quote in value or "\\" in value or not value.isprintable():
        raise UsageError(
            f"`{name}` of an environment of the lock cannot be written as a marker (PEP 508)",
            cause="it contains both kinds of quotes, a backslash or a control character",
            hint="use pipper's own lock format",
        )
    return f"{name} == {quote}{value}{quote}"


def _refuse_alike(clauses: Mapping[str, tuple[str, ...]], pins: Mapping[str, frozenset[Pin]]) -> None:
    for one, those in clauses.items():
        for other, these in clauses.items():
            if set(those) <= set(these) and pins[one] != pins[other]:
                differing = min(pins[one] ^ pins[other])
                raise UsageError(
                    f"no marker distinguishes {one} from {other}, which get different packages",
                    cause=f"one gets {differing}, the other does not",
                    hint="lock them in two projects, or use pipper's own lock format",
                )


def _any_of(alternatives: Iterable[list[str]]) -> str:
    texts = list(dict.fromkeys(" and ".join(each) for each in alternatives))
    return texts[0] if len(texts) == 1 else " or ".join(f"({text})" for text in texts)
