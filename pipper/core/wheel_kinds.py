"""What kinds of wheels a release has: its file names taken apart as far as choosing among them needs."""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from packaging.specifiers import SpecifierSet

from pipper.core.ports import Assortment, WheelKind


class ListedWheel(NamedTuple):
    """A wheel as the page of a project lists it."""

    filename: str
    requires_python: str
    yanked: str | None
    """None, or the reason (PEP 592), which may be empty."""


class Assorter:
    """Makes the assortments of a project's releases; releases that are built alike share one."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[str, str, str | None], ...], Assortment] = {}

    def assort(self, files: Iterable[ListedWheel]) -> Assortment:
        """Return the assortment of files."""
        key = tuple([(filename[_stem(filename) :], python, yanked) for filename, python, yanked in files])
        found = self._known.get(key)
        if found is None:
            kinds = tuple(_kind(*each) for each in key)
            found = Assortment(kinds=kinds)
            # Files that differ in nothing but how name or version are written are told apart by just that.
            if len({(kind.tags, kind.build) for kind in kinds}) == len(kinds):
                self._known[key] = found
        return found


def wheel_kind(filename: str, requires_python: SpecifierSet | None, yanked: str | None) -> WheelKind:
    """Return the kind of a wheel; of a malformed file name, whatever can be read of it."""
    parts = filename.removesuffix(".whl").split("-")
    digits = parts[2] if len(parts) == 6 else ""
    build = int("0" + digits[: len(digits) - len(digits.lstrip("0123456789"))])
    return WheelKind("-".join(parts[1:][-3:]), build, requires_python, yanked)


@cache
def specifiers(text: str) -> SpecifierSet | None:
    """Return a Requires-Python of a page; None where there is none, or none that can be read.

    METADATA says the same and is looked at before a release is taken, so that what is malformed is told then.
    """
    try:
        found = SpecifierSet(text) if text else None
        if found is not None:
            found.contains("3")  # only now is a number of too many digits found out
    except ValueError:  # InvalidSpecifier among them
        return None
    return found


def _stem(filename: str) -> int:
    """Where name and version of a file name end: what follows is the same for releases that are built alike."""
    return filename.find("-", filename.find("-") + 1)


@cache
def _kind(rest: str, python: str, yanked: str | None) -> WheelKind:
    return wheel_kind(f"name-version{rest}", specifiers(python), yanked)
