"""A lock with a merge conflict: the packages that both sides agree on, as a basis for the next lock."""

from collections.abc import Collection, Iterable, Sequence

from packaging.utils import NormalizedName

from pipper.core.document import line_of
from pipper.core.lock.model import RESTORE, Lock, LockedEnvironment, LockedPackage, Pin, sort_key
from pipper.core.lock.reader import CONFLICT, read_lock_parts
from pipper.core.manifest.conflicts import labels_in
from pipper.core.manifest.root_label import PROJECT, RootLabel, labelled
from pipper.errors import UsageError

_OURS, _BASE, _THEIRS, _END = b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>"


def merged_lock(data: bytes, *, label: str) -> Lock | None:
    """Return the agreed packages of a lock that has conflict markers, or was merged by hand.

    The result is a source of preferred versions, not a lock to install: its parts may be inconsistent. None if
    the lock was not merged. Raises UsageError if some marks of the conflict are missing, and the errors of `parse_lock`
    if a side cannot be read.
    """
    if mark := CONFLICT.search(data):
        sides = _sides(data)
        if sides is None:
            raise UsageError(
                f"{label} is damaged at line {line_of(data, mark.start())}",
                cause="marks of a merge conflict are in it, and others are missing",
                hint=RESTORE,
            )
        return _agreed([read_lock_parts(side, label=label) for side in sides])
    lock = read_lock_parts(data, label=label)
    return _agreed([lock]) if _has_both_sides(lock) else None


def _sides(data: bytes) -> tuple[bytes, bytes] | None:
    """Return the two files that git merged, with or without the common ancestor between the markers.

    None if a conflict marker is missing: then the file has other damage too.
    """
    ours: list[bytes] = []
    theirs: list[bytes] = []
    taking: Sequence[list[bytes]] = (ours, theirs)
    for line in data.splitlines(keepends=True):
        mark = line[:7]
        if mark == _OURS:
            taking = (ours,)
        elif mark == _BASE and taking == (ours,):
            taking = ()
        elif mark == _THEIRS and len(taking) < 2:
            taking = (theirs,)
        elif mark == _END:
            taking = (ours, theirs)
        else:
            for side in taking:
                side.append(line)
    sides = b"".join(ours), b"".join(theirs)
    return None if len(taking) < 2 or any(map(CONFLICT.search, sides)) else sides


def _has_both_sides(lock: Lock) -> bool:
    """Return whether a merge kept both sides: two versions of a project that go together, each with its package."""
    if len(lock.by_pin) != len(lock.packages):
        return False
    apart = labels_in(lock.inputs.conflicts)
    return any(
        len(pins & lock.by_pin.keys()) > 1
        for environment in lock.environments
        for view in _views([environment], apart).values()
        for pins in view.values()
    )


def _agreed(sides: Sequence[Lock]) -> Lock:
    apart = labels_in(tuple(names for side in sides for names in side.inputs.conflicts))
    environments: dict[str, list[LockedEnvironment]] = {}
    for side in sides:
        for environment in side.environments:
            environments.setdefault(environment.target.name, []).append(environment)
    packages: dict[Pin, LockedPackage] = {}
    for side in sides:
        for package in side.packages:
            # A package that one side took from a repository is private: the other side cannot change that.
            known = packages.get(package.pin)
            if known is None or sides[0].inputs.has_index(known.source):
                packages[package.pin] = package
    return Lock(
        inputs=sides[0].inputs,
        repositories={alias: url for side in reversed(sides) for alias, url in side.repositories.items()},
        environments=tuple(_environment(environments[name], apart) for name in sorted(environments)),
        packages=tuple(sorted(packages.values(), key=sort_key)),
    )


def _environment(sides: Sequence[LockedEnvironment], apart: Collection[RootLabel]) -> LockedEnvironment:
    """Return the pins of each list that have no other version in what goes together with that list."""
    views = _views(sides, apart)

    def agreed(label: RootLabel, lists: Iterable[Iterable[Pin]]) -> tuple[Pin, ...]:
        view = views[label if label in apart else PROJECT]
        return tuple(sorted({pin for pins in lists for pin in pins if view[pin.name] == {pin}}))

    lists: dict[RootLabel, list[tuple[Pin, ...]]] = {}
    for side in sides:
        for label, pins in _lists(side).items():
            lists.setdefault(label, []).append(pins)
    kept = {label: agreed(label, found) for label, found in lists.items()}
    return LockedEnvironment(
        target=sides[0].target.completed(sides[-1].target),
        packages=kept[PROJECT],
        groups={label.name: pins for label, pins in kept.items() if label.kind == "group"},
        extras={label.name: pins for label, pins in kept.items() if label.kind == "extra"},
        conditions=tuple(sorted({condition for side in sides for condition in side.conditions})),
        failure=sides[0].failure if all(side.failure for side in sides) else "",
    )


def _views(
    sides: Iterable[LockedEnvironment], apart: Collection[RootLabel]
) -> dict[RootLabel, dict[NormalizedName, set[Pin]]]:
    """Return the pins by name of all that goes together: without the parts `apart`, and with each of these alone."""
    lists = [each for side in sides for each in _lists(side).items()]
    found: dict[RootLabel, dict[NormalizedName, set[Pin]]] = {view: {} for view in (PROJECT, *apart)}
    for view, held in found.items():
        for label, pins in lists:
            if label == view or label not in apart:
                for pin in pins:
                    held.setdefault(pin.name, set()).add(pin)
    return found


def _lists(side: LockedEnvironment) -> dict[RootLabel, tuple[Pin, ...]]:
    return labelled(side.packages, side.groups, side.extras)
