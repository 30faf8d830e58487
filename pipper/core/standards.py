"""Versions, specifiers, markers, requirements and file names of packages from text that nobody has checked.

`packaging` parses them, in part only when they are compared, and then a number of more digits than `int` takes is a
plain ValueError. Here such a text is refused when it is read, like any other malformed one. No other module calls
the classes of `packaging` with a text.
"""

import re
from collections.abc import Mapping, Set
from math import prod

from packaging.markers import EvaluateContext, InvalidMarker, Marker, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.tags import Tag
from packaging.utils import (
    BuildTag,
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

MOST_DIGITS = 1_000
"""Digits of one number. Python refuses more than 4,300, also in a sum or a text of such a number."""

MOST_TAGS = 1_024
"""Tags of one file name: a compressed tag set (PEP 425) is the product of its parts."""

_LONGEST = 50_000
_BACKSLASH = "a marker has a backslash, which PEP 508 does not allow"
_TOO_MANY = re.compile(rf"\d{{{MOST_DIGITS + 1}}}")


def read_version(text: str) -> Version:
    """Return a version (PEP 440); raises InvalidVersion."""
    if is_excessive(text):
        raise InvalidVersion("a version with a number of too many digits")
    return Version(text)


def version_of(text: str) -> Version | None:
    """Return the version in `text` (PEP 440), or None if it is not one."""
    try:
        return read_version(text)
    except InvalidVersion:
        return None


def read_specifiers(text: str) -> SpecifierSet:
    """Return version specifiers (PEP 440) that can be compared with any version; raises InvalidSpecifier."""
    if is_excessive(text):
        raise InvalidSpecifier("a version specifier with a number of too many digits")
    return SpecifierSet(text)


def read_specifier(text: str) -> Specifier:
    """Return a single version specifier, as `read_specifiers` does."""
    if is_excessive(text):
        raise InvalidSpecifier("a version specifier with a number of too many digits")
    return Specifier(text)


def read_marker(text: str) -> Marker:
    """Return a marker (PEP 508), to be evaluated by `marker_holds`; raises InvalidMarker."""
    if is_excessive(text):
        raise InvalidMarker("a marker that is too long, or has a number of too many digits")
    if "\\" in text:
        raise InvalidMarker(_BACKSLASH)
    try:
        return Marker(text)
    except RecursionError as error:
        raise InvalidMarker("a marker that is nested too deeply") from error


def marker_holds(
    marker: Marker, variables: Mapping[str, str | Set[str]], context: EvaluateContext = "metadata"
) -> bool:
    """Return whether a marker holds; raises InvalidMarker if that is undefined, as `sys_platform ~= "linux"`."""
    try:
        return marker.evaluate(variables, context)
    except (ValueError, UndefinedEnvironmentName) as error:  # of a comparison, a version or a variable
        text = str(marker)
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        raise InvalidMarker(f"the marker `{shown}` cannot be evaluated") from error
    except RecursionError as error:
        raise InvalidMarker("a marker is nested too deeply") from error


def read_requirement(text: str) -> Requirement:
    """Return a requirement (PEP 508) whose versions can be compared; raises InvalidRequirement."""
    if is_excessive(text):
        raise InvalidRequirement("a requirement that is too long, or has a number of too many digits")
    try:
        found = Requirement(text)
    except RecursionError as error:
        raise InvalidRequirement("a requirement that is nested too deeply") from error
    if found.marker and "\\" in (text.rpartition(found.url)[2] if found.url else text):
        raise InvalidRequirement(_BACKSLASH)
    return found


def read_wheel_name(filename: str) -> tuple[NormalizedName, Version, BuildTag, frozenset[Tag]]:
    """Return name, version, build and tags of a wheel's file name (PEP 427); raises InvalidWheelFilename."""
    if is_excessive(filename) or tag_count(filename.removesuffix(".whl")) > MOST_TAGS:
        raise InvalidWheelFilename("a file name with too many tags, or with a number of too many digits")
    return parse_wheel_filename(filename)


def read_sdist_name(filename: str) -> tuple[NormalizedName, Version]:
    """Return name and version of the file name of a source distribution; raises InvalidSdistFilename."""
    if is_excessive(filename):
        raise InvalidSdistFilename("a file name with a number of too many digits")
    return parse_sdist_filename(filename)


def tag_count(tags: str) -> int:
    """Return how many tags a compressed tag set stands for: the three last parts between dashes."""
    return prod(part.count(".") + 1 for part in tags.split("-")[-3:])


def is_excessive(text: str) -> bool:
    """Return whether a text is too long to be parsed here, or has a number of more than MOST_DIGITS digits."""
    return len(text) > MOST_DIGITS and (len(text) > _LONGEST or _TOO_MANY.search(text) is not None)
