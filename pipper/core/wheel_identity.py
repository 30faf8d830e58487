"""When two wheels of a project count as the same file."""

from functools import lru_cache

from msgspec import Struct
from packaging.tags import Tag
from packaging.utils import BuildTag, InvalidWheelFilename
from packaging.version import Version

from pipper.core.standards import read_wheel_name
from pipper.errors import IntegrityError


class WheelIdentity(Struct, frozen=True, kw_only=True):
    """Two wheels of a project with equal version (PEP 440), build and tags (PEP 427) count as the same file."""

    version: Version
    build: BuildTag
    tags: frozenset[Tag]


@lru_cache(maxsize=65536)
def wheel_identity(filename: str) -> WheelIdentity:
    """Return the identity of a wheel by its file name; raises IntegrityError for an invalid file name (PEP 427)."""
    try:
        _, version, build, tags = read_wheel_name(filename)
    except InvalidWheelFilename as error:
        raise IntegrityError(
            f"{filename[:200]}: not a wheel's file name",
            cause=str(error)[:300],
            hint="name the file NAME-VERSION-PYTHON-ABI-PLATFORM.whl, as its build wrote it",
        ) from error
    return WheelIdentity(version=version, build=build, tags=tags)
