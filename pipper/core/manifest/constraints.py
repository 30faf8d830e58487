"""The limits of a solve besides the requirements: constraints, overrides, `as-of` and `cool-down`."""

import re
from datetime import UTC, date, datetime, timedelta

from packaging.requirements import Requirement
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from pipper.core.document import Node
from pipper.core.duration import parse_duration
from pipper.core.manifest.requirement import name_of, parse_requirement
from pipper.errors import UsageError


def read_constraints(node: Node) -> tuple[Requirement, ...]:
    """Return constraints: an array of PEP 508 strings, or a table `name = "specifier"`.

    They limit versions, and require nothing. Raises UsageError.
    """
    found = tuple(_limits(node))
    for each, requirement in found:
        if requirement.url or requirement.extras:
            raise each.fail(
                "a constraint must not have a URL or an extra", hint="write a name and versions: `foo<2`"
            )
    return tuple(requirement for _, requirement in found)


def read_overrides(node: Node) -> tuple[Requirement, ...]:
    """Return overrides, in the format of constraints; several for a project if each has a marker. Raises UsageError."""
    found = tuple(_limits(node))
    bare: dict[NormalizedName, bool] = {}
    for each, requirement in found:
        if requirement.url or requirement.extras:
            raise each.fail(
                "an override must not have a URL or an extra",
                cause="it replaces the versions of every requirement on the project",
                hint="write a name and versions: `foo==1.2`",
            )
        name = name_of(requirement)
        if name in bare and (bare[name] or requirement.marker is None):
            raise each.fail(f"`{name}` has two overrides", hint="keep one, or give each a marker")
        bare[name] = requirement.marker is None
    return tuple(requirement for _, requirement in found)


def read_exclude(node: Node) -> tuple[NormalizedName, ...]:
    """Return the normalised names of projects that nothing may require. Raises UsageError."""
    found = set()
    for each in node.items():
        try:
            found.add(canonicalize_name(each.text(), validate=True))
        except InvalidName as error:
            raise each.fail("not the name of a project", hint='write `exclude = ["NAME"]`') from error
    return tuple(sorted(found))


def _limits(node: Node) -> list[tuple[Node, Requirement]]:
    if isinstance(node.value, list):
        return [(each, parse_requirement(each.text(), where=each.place)) for each in node.items()]
    return [
        (each, parse_requirement(f"{name}{specifier_of(each.text())}", where=each.place))
        for name, each in node.table().items()
    ]


def specifier_of(text: str) -> str:
    """Return the specifier of a constraint: `1.2` means `==1.2`, and `*` any version."""
    bare = text.strip()
    return "" if bare == "*" else f"=={bare}" if bare[:1].isdecimal() else bare


def read_as_of(node: Node) -> datetime:
    """Return the time of a TOML date or a string, as `parse_as_of` does."""
    text = node.value.isoformat() if isinstance(node.value, datetime | date) else node.text()
    return parse_as_of(text, where=node.place)


def parse_as_of(text: str, *, where: str) -> datetime:
    """Return a timezone-aware time; a date alone means its end in UTC, so that it is the same on every machine.

    Raises UsageError, with `where` as the place.
    """
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text.strip()):
            begins = datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
            return begins + timedelta(days=1) - timedelta(microseconds=1)
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{where}: `{text[:40]}` is not a date", hint="write 2026-11-01 or 2026-11-01T12:00:00Z"
        ) from error


def read_cool_down(node: Node) -> timedelta:
    """Return the least age of a file, from a duration as in `7 days`, `36h` or `2w`. Raises UsageError."""
    try:
        return timedelta(seconds=parse_duration(node.text(), least=0))
    except UsageError as error:
        raise node.fail(error.message, cause=error.cause, hint=error.hint) from error
