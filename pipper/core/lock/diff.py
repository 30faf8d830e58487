"""The changes between two locks, by project."""

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.core.lock.model import Lock


class VersionChange(Struct, frozen=True, kw_only=True):
    """The versions of one project in two locks; one side is empty if it is new or removed."""

    name: NormalizedName
    before: tuple[str, ...]
    after: tuple[str, ...]


def version_changes(old: Lock | None, new: Lock) -> tuple[VersionChange, ...]:
    """Return every project whose locked versions differ, in the order of names."""
    before, after = _versions(old), _versions(new)
    return tuple(
        VersionChange(name=name, before=before.get(name, ()), after=after.get(name, ()))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def _versions(lock: Lock | None) -> dict[NormalizedName, tuple[str, ...]]:
    found: dict[NormalizedName, tuple[str, ...]] = {}
    for package in lock.packages if lock else ():
        found[package.name] = (*found.get(package.name, ()), package.version)
    return found
