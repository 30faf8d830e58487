"""Installed, locked and published versions as lines and as documents (`--json`; keys are stable)."""

from collections.abc import Iterator, Sequence
from datetime import UTC

from msgspec.structs import asdict

from pipper.cli.output import visible
from pipper.cli.render.installed import installed_document
from pipper.core.plan import Installed
from pipper.core.wording import human_size
from pipper.ops.query.published_status import Outdated, PackageInfo
from pipper.ops.query.published_versions import PublishedVersion

_MOST_VERSIONS = 10


def info_lines(info: PackageInfo, *, every: bool = False) -> Iterator[str]:
    """Yield the facts about a package, one a line, and its status at the end; `every` lists all versions."""
    facts: list[tuple[str, Sequence[str]]] = []
    if info.installed:
        facts.append(("installed", [_installed(info.installed)]))
    if info.versions:
        facts += _published(info, every=every)
    width = max((len(label) for label, _ in facts), default=0)
    yield info.name
    for label, texts in facts:
        for place, text in enumerate(texts):
            yield f"  {label if not place else '':{width}}  {visible(text)}"
    yield visible(f"{info.status}: {_state(info)}")


def _installed(each: Installed) -> str:
    if each.ours:
        return f"{each.version} (from {each.source})"
    return f"{each.version} (by {each.installer or 'another tool'})"


def _published(info: PackageInfo, *, every: bool) -> Iterator[tuple[str, Sequence[str]]]:
    newest, needs = info.newest, info.needs
    if newest is not None and needs is not None:
        python = newest.file.requires_python if newest.file else None
        yield "newest", [f"{newest.version}{f' ({newest.unfit})' if newest.unfit else ''}"]
        yield "uploaded", [_time(newest) or "at an unknown time"]
        if newest.file and newest.file.published:
            yield "published", [newest.file.published]
        if newest.file and newest.file.copied_from:
            yield "copied from", [newest.file.copied_from]
        yield "size", [human_size(newest.size) if newest.size else "unknown"]
        yield "Python", [str(python) if python else "any"]
        if needs.unusable:
            yield "dependencies", [f"cannot be read: {needs.unusable}"]
        else:
            yield "dependencies", [str(each) for each in needs.requires_dist] or ["none"]
    source = info.versions[0].release.source
    yield "source", [f"{source} ({info.location})" if info.location else source]
    shown = info.versions if every else info.versions[:_MOST_VERSIONS]
    more = len(info.versions) - len(shown)
    yield "versions", [", ".join(map(_noted, shown)) + (f" and {more} more (--all)" if more else "")]


def _time(one: PublishedVersion) -> str:
    moment = one.upload_time
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if moment else ""


def _noted(one: PublishedVersion) -> str:
    notes = []
    if one.yanked is not None:
        notes.append(f"yanked: {one.yanked}" if one.yanked else "yanked")
    if one.version.is_prerelease:
        notes.append("pre-release")
    if one.unfit:
        notes.append(one.unfit)
    return f"{one.version} ({'; '.join(notes)})" if notes else str(one.version)


def _state(info: PackageInfo) -> str:
    here = info.installed
    where = info.environment.root
    newest = "all published versions are yanked"
    if info.newest:
        newest = f"{info.newest.version} is the newest"
    if here is None:
        state = f"it is not installed in {where}"
        return f"{state}; {newest}" if info.versions else state
    if info.status == "installed":
        return f"{here.version} is installed in {where}"
    if info.status == "current":
        return f"{here.version} is installed and the newest"
    state = f"{here.version} is installed, {newest}"
    gone = next((one for one in info.versions if str(one.version) == here.version), None)
    if gone is None or gone.yanked is None:
        return state
    return f"{state}; {here.version} is yanked" + (f": {gone.yanked}" if gone.yanked else "")


def info_document(info: PackageInfo) -> dict[str, object]:
    """`info --json`: name, status, environment, installed, source, newest, versions; see `list` for `installed`."""
    newest = None
    if info.newest is not None and info.needs is not None:
        file = info.newest.file
        newest = {
            **_version_document(info.newest),
            "requires_python": str(file.requires_python) if file and file.requires_python else None,
            "dependencies": [str(each) for each in info.needs.requires_dist],
        }
    return {
        "name": info.name,
        "status": info.status,
        "environment": str(info.environment.root),
        "installed": installed_document(info.installed) if info.installed else None,
        "source": info.versions[0].release.source if info.versions else None,
        "newest": newest,
        "versions": [_version_document(each) for each in info.versions],
    }


def _version_document(one: PublishedVersion) -> dict[str, object]:
    return {
        "version": str(one.version),
        "yanked": one.yanked is not None,
        "yanked_reason": one.yanked or None,
        "prerelease": one.version.is_prerelease,
        "uploaded": one.upload_time.astimezone(UTC).isoformat() if one.upload_time else None,
        "size": one.size or None,
        "published": (one.file.published if one.file else "") or None,
        "copied_from": (one.file.copied_from if one.file else "") or None,
        "unfit": one.unfit or None,
    }


def outdated_document(found: Sequence[Outdated]) -> dict[str, object]:
    """`outdated --json`: packages (name, locked, newest, allowed, source)."""
    return {
        "packages": [
            asdict(each)
            | {"newest": str(each.newest), "allowed": str(each.allowed) if each.allowed else None}
            for each in found
        ]
    }
