"""The kinds of wheels that a release has, from its file names; and other fields of a page as values."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import BuildTag

from pipper.core.ports import Assortment, WheelKind
from pipper.core.standards import MOST_DIGITS, read_specifiers

_BUILD = re.compile(rf"([0-9]{{1,{MOST_DIGITS}}})(.*)", re.DOTALL)


class ListedWheel(NamedTuple):
    """A wheel on the page of a project."""

    filename: str
    requires_python: str
    yanked: str | None
    """None, or the reason (PEP 592), which may be empty."""


class Assorter:
    """Creates the assortments of a project's releases; releases with the same kinds of wheels share one."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, str, str | None], ...], Assortment] = {}

    def assort(self, files: Iterable[ListedWheel]) -> Assortment:
        """Return the assortment of files."""
        # Without name and version: the rest of a file name decides the kind.
        key = tuple(
            [(file[file.find("-", file.find("-") + 1) :], python, yanked) for file, python, yanked in files]
        )
        found = self._known.get(key)
        if found is None:
            kinds = tuple(_kind(*each) for each in key)
            found = Assortment(kinds=kinds)
            # Not shared where two files differ only in the spelling of name or version: then the name decides.
            if len({(kind.tags, kind.build) for kind in kinds}) == len(kinds):
                self._known[key] = found
        return found


def wheel_kind(filename: str, requires_python: SpecifierSet | None, yanked: str | None) -> WheelKind:
    """Return the kind of a wheel; of a malformed file name, what can be read."""
    parts = filename.removesuffix(".whl").split("-")
    found = _BUILD.match(parts[2]) if len(parts) == 6 else None
    build: BuildTag = (int(found[1]), found[2]) if found else ()
    return WheelKind("-".join(parts[1:][-3:]), build, requires_python, yanked)


def upload_moment(text: str) -> datetime | None:
    """Return the upload time of a page, in UTC, also if it names no zone; None where it is missing or malformed."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=UTC)
        return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@cache
def specifiers(text: str) -> SpecifierSet | None:
    """Return the Requires-Python of a page or of METADATA; None where it is missing or malformed.

    pip too ignores a malformed one, such as `>=3.6.*`: many old releases have it.
    """
    try:
        return read_specifiers(text) if text else None
    except InvalidSpecifier:
        return None


@cache
def _kind(rest: str, python: str, yanked: str | None) -> WheelKind:
    return wheel_kind(f"name-version{rest}", specifiers(python), yanked)
