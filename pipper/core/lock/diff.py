"""The changes between two locks, by project; and the files of one version with other bytes."""

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.core.lock.model import Lock, Pin


class VersionChange(Struct, frozen=True, kw_only=True):
    """The versions of one project in two locks; one side is empty if it is new or removed."""

    name: NormalizedName
    before: tuple[str, ...]
    after: tuple[str, ...]
    other_bytes: tuple[str, ...] = ()
    """The versions in both that have a file with another sha256."""
    sources: tuple[str, ...] = ()
    """Where the versions on the second side come from."""


class ReplacedFile(Struct, frozen=True, kw_only=True):
    """A file name of one version with another sha256 in the new lock."""

    pin: Pin
    filename: str
    before: str
    after: str


def replaced_files(old: Lock | None, new: Lock) -> tuple[ReplacedFile, ...]:
    """Return every file of a version in both locks whose bytes differ, in the order of the new lock."""
    known = {
        (package.pin, file.filename): file.sha256
        for package in (old.packages if old else ())
        for file in package.files
    }
    return tuple(
        ReplacedFile(pin=package.pin, filename=file.filename, before=before, after=file.sha256)
        for package in new.packages
        for file in package.files
        if (before := known.get((package.pin, file.filename), file.sha256)) != file.sha256
    )


def version_changes(old: Lock | None, new: Lock) -> tuple[VersionChange, ...]:
    """Return every project whose locked versions or their bytes differ, in the order of names."""
    before, after = _versions(old), _versions(new)
    sources: dict[NormalizedName, dict[str, None]] = {}
    for package in new.packages:
        sources.setdefault(package.name, {})[package.source] = None
    replaced: dict[NormalizedName, dict[str, None]] = {}
    for file in replaced_files(old, new):
        replaced.setdefault(file.pin.name, {})[file.pin.version] = None
    return tuple(
        VersionChange(
            name=name,
            before=before.get(name, ()),
            after=after.get(name, ()),
            other_bytes=tuple(replaced.get(name, ())),
            sources=tuple(sources.get(name, ())),
        )
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name) or name in replaced
    )


def other_difference(old: Lock | None, new: Lock) -> str:
    """Return in words what else than versions differs first: inputs, repositories, environments; empty if nothing."""
    if old is None:
        return ""
    if why := old.inputs.difference(new.inputs):
        return why
    for alias in sorted({*old.repositories, *new.repositories}):
        before, after = old.repositories.get(alias), new.repositories.get(alias)
        if before != after:
            return f"the repository `{alias}` is {after or 'not used'}, before it was {before or 'not used'}"
    names = {each.target.name for each in new.environments} ^ {each.target.name for each in old.environments}
    return f"the environment {min(names)} was added or removed" if names else ""


def _versions(lock: Lock | None) -> dict[NormalizedName, tuple[str, ...]]:
    found: dict[NormalizedName, tuple[str, ...]] = {}
    for package in lock.packages if lock else ():
        found[package.name] = (*found.get(package.name, ()), package.version or package.path)
    return found
