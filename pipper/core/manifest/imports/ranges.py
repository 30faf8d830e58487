"""A choice of version ranges as specifiers of PEP 440: what lies between two ranges is excluded."""

from collections.abc import Iterable

from packaging.specifiers import SpecifierSet

from pipper.core.standards import read_version

Release = tuple[int, ...]
_MOST_EXCLUDED = 40


def union_of(ranges: Iterable[SpecifierSet]) -> str | None:
    """Return specifiers that mean one of these ranges, each of `>=` and `<` at most; None if PEP 440 has none."""
    bounds: list[tuple[Release, Release | None]] = []
    for each in ranges:
        found = _bounds(each)
        if found is None:
            return None
        bounds.append(found)
    bounds.sort(key=lambda each: each[0])
    lowest, highest = bounds[0]
    excluded: list[str] = []
    for lower, upper in bounds[1:]:
        if highest is None:
            break
        if lower > highest:
            between = _series(highest, lower)
            if between is None:
                return None
            excluded += between
        highest = upper if upper is None else max(highest, upper)
    if len(excluded) > _MOST_EXCLUDED:
        return None
    least = [f">={_text(lowest)}"] if any(lowest) else []
    return ",".join([*least, *excluded, *([f"<{_text(highest)}"] if highest else [])])


def _bounds(specifiers: SpecifierSet) -> tuple[Release, Release | None] | None:
    lower: Release = (0,)
    upper: Release | None = None
    for clause in specifiers:
        if clause.operator not in (">=", "<"):
            return None
        version = read_version(clause.version)
        if str(version) != version.base_version or version.epoch:
            return None
        end = _short(version.release)
        if clause.operator == ">=":
            lower = max(lower, end)
        else:
            upper = end if upper is None else min(upper, end)
    return lower, upper


def _series(begin: Release, end: Release) -> list[str] | None:
    """Return the exclusions of all series from `begin` up to `end`; None if they have no common start."""
    depth = max(len(begin), len(end))
    first, last = (each + (0,) * (depth - len(each)) for each in (begin, end))
    if first[:-1] != last[:-1] or last[-1] - first[-1] > _MOST_EXCLUDED:
        return None
    return [f"!={_text((*first[:-1], part))}.*" for part in range(first[-1], last[-1])]


def _short(release: Release) -> Release:
    """Return a release without zeros at its end: 2.0 begins where 2 does."""
    while len(release) > 1 and release[-1] == 0:
        release = release[:-1]
    return release


def _text(release: Release) -> str:
    return ".".join(map(str, release))
