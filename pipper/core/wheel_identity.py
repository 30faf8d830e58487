"""What makes two wheels of a project the same file."""

from dataclasses import dataclass
from functools import lru_cache

from packaging.tags import Tag
from packaging.utils import BuildTag, InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from pipper.errors import IntegrityError


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelIdentity:
    """Wheels of a project with equal version (PEP 440), build and tags (PEP 427) are the same file."""

    version: Version
    build: BuildTag
    tags: frozenset[Tag]


@lru_cache(maxsize=65536)
def wheel_identity(filename: str) -> WheelIdentity:
    """Return the identity that a file name gives; raises IntegrityError where it is not a wheel's."""
    try:
        _, version, build, tags = parse_wheel_filename(filename)
    except InvalidWheelFilename as error:
        raise IntegrityError(f"{filename}: not a wheel's file name", cause=str(error)) from error
    return WheelIdentity(version=version, build=build, tags=tags)
