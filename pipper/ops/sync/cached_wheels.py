"""Wheels that the cache holds unpacked: what an environment is made of where nothing has to be fetched."""

from collections.abc import Iterable, Mapping

from packaging.version import Version

from pipper.cache.cache import Cache
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.plan import Wanted
from pipper.errors import IntegrityError


def held_wheels(wanted: Iterable[Wanted], cache: Cache) -> Mapping[str, UnpackedWheel]:
    """Return, by sha256, those of the wanted wheels that the cache holds unpacked; raises as `require_same`."""
    found = {}
    for want in wanted:
        wheel = cache.unpacked(want.file.sha256)
        if wheel is not None:
            require_same(want, wheel)
            found[want.file.sha256] = wheel
    return found


def require_same(want: Wanted, wheel: UnpackedWheel) -> None:
    """Raise IntegrityError where a wheel of the right bytes is not the project or version the lock says."""
    if wheel.name != want.name or Version(str(wheel.version)) != Version(want.version):
        raise IntegrityError(
            f"{want.filename} is {wheel.name} {wheel.version}, the lock says {want.name} {want.version}",
            hint="restore the lock from version control, or remove it and run `pipper lock`",
        )
