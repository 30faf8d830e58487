"""Advisories in the OSV format, and which locked versions they are about. Pure: documents in, findings out."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pipper.core.document import Node
from pipper.core.lock.model import Pin
from pipper.core.standards import read_version, version_of

ECOSYSTEM = "PyPI"
"""The name that OSV has for Python packages."""
_START = read_version("0.dev0")


def _public(version: Version) -> Version:
    """Return a version without its local part (PEP 440): builds of 2.6.0, like 2.6.0+cu124, have its weaknesses."""
    return read_version(version.public) if version.local else version


class VersionRange(Struct, frozen=True, kw_only=True):
    """Versions between events; OSV's range of the type ECOSYSTEM."""

    events: tuple[tuple[str, Version], ...]
    """`introduced`, `fixed` or `last_affected`, and the version."""

    def holds(self, version: Version) -> bool:
        """Return whether a version is in the range; a local version counts as its public version there."""
        inside = False
        for kind, at in sorted(self.events, key=lambda event: (event[1], event[0] != "introduced")):
            compared = version if at.local else _public(version)  # a fix may have a local version itself
            if kind == "last_affected":
                inside = inside and compared <= at
            elif compared >= at:
                inside = kind == "introduced"
        return inside

    @property
    def fixed(self) -> tuple[Version, ...]:
        """The versions that fix it."""
        return tuple(at for kind, at in self.events if kind == "fixed")


class Affected(Struct, frozen=True, kw_only=True):
    """The versions of one project that an advisory is about."""

    name: NormalizedName
    versions: frozenset[Version] = frozenset()
    ranges: tuple[VersionRange, ...] = ()

    def holds(self, version: Version) -> bool:
        """Return whether the advisory is about a version, or about the public version of a local one."""
        listed = not self.versions.isdisjoint((version, _public(version)))
        return listed or any(each.holds(version) for each in self.ranges)


class Advisory(Struct, frozen=True, kw_only=True):
    """A document of OSV."""

    id: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    withdrawn: bool = False
    affected: tuple[Affected, ...] = ()

    def about(self, pin: Pin) -> Affected | None:
        """Return what it says of a locked package, None if it is not about that version."""
        version = read_version(pin.version)
        own = (each for each in self.affected if each.name == pin.name and each.holds(version))
        return None if self.withdrawn else next(own, None)


class AuditFinding(Struct, frozen=True, kw_only=True):
    """A known weakness of a locked package; one of several names counts as one."""

    pin: Pin
    id: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    fixed_in: str = ""
    """The lowest version above the locked one that is not affected, as far as the advisories know one."""
    affected: tuple[Affected, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """All names of the weakness."""
        return frozenset((self.id, *self.aliases))

    def holds(self, version: str) -> bool:
        """Return whether another version of the package has the weakness too."""
        found = read_version(version)
        return any(each.holds(found) for each in self.affected)


def find_weaknesses(pins: Iterable[Pin], advisories: Sequence[Advisory]) -> tuple[AuditFinding, ...]:
    """Return the findings by package and id; advisories that name each other as aliases are one."""
    by_name: dict[NormalizedName, list[Advisory]] = {}
    for advisory in sorted(advisories, key=lambda each: each.id):
        for name in {each.name for each in advisory.affected}:
            by_name.setdefault(name, []).append(advisory)
    return tuple(finding for pin in sorted(pins) for finding in _of_pin(pin, by_name.get(pin.name, ())))


def _of_pin(pin: Pin, advisories: Iterable[Advisory]) -> Iterator[AuditFinding]:
    groups: list[tuple[set[str], list[tuple[Advisory, Affected]]]] = []
    for advisory in advisories:
        affected = advisory.about(pin)
        if affected is None:
            continue
        names, members = {advisory.id, *advisory.aliases}, [(advisory, affected)]
        for group in [each for each in groups if each[0] & names]:
            groups.remove(group)
            names |= group[0]
            members = [*group[1], *members]
        groups.append((names, members))
    for names, members in sorted(groups, key=lambda each: each[1][0][0].id):
        first = members[0][0]
        affected_by_all = tuple(affected for _, affected in members)
        yield AuditFinding(
            pin=pin,
            id=first.id,
            aliases=tuple(sorted(names - {first.id})),
            summary=next((advisory.summary for advisory, _ in members if advisory.summary), ""),
            fixed_in=_fixed_in(pin, affected_by_all),
            affected=affected_by_all,
        )


def _fixed_in(pin: Pin, affected: Sequence[Affected]) -> str:
    locked = read_version(pin.version)
    known = {fixed for each in affected for one in each.ranges for fixed in one.fixed}
    usable = [each for each in known if each > locked and not any(one.holds(each) for one in affected)]
    return str(min(usable)) if usable else ""


def read_advisory(node: Node) -> Advisory:
    """Return the advisory in a document; what is about other ecosystems is left out.

    Raises the error of the document if it is not of the OSV format. Versions that are not of PEP 440 are left out:
    no locked version equals them.
    """
    return Advisory(
        id=node.text_at("id"),
        aliases=node.at("aliases", []).texts(),
        summary=node.text_at("summary", ""),
        withdrawn="withdrawn" in node,
        affected=tuple(_affected(each) for each in node.at("affected", []).items() if _is_python(each)),
    )


def _is_python(node: Node) -> bool:
    package = node.at("package", {})
    return package.text_at("ecosystem", "").partition(":")[0] == ECOSYSTEM


def _affected(node: Node) -> Affected:
    versions = map(version_of, node.at("versions", []).texts())
    ranges = (each for each in node.at("ranges", []).items() if each.text_at("type") == "ECOSYSTEM")
    return Affected(
        name=canonicalize_name(node.at("package").text_at("name")),
        versions=frozenset(each for each in versions if each is not None),
        ranges=tuple(VersionRange(events=tuple(_events(each))) for each in ranges),
    )


def _events(node: Node) -> Iterator[tuple[str, Version]]:
    for event in node.at("events").items():
        for kind in ("introduced", "fixed", "last_affected"):
            if kind in event:
                text = event.text_at(kind)
                at = _START if kind == "introduced" and text == "0" else version_of(text)
                if at is not None:
                    yield kind, at
