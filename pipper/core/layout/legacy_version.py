"""Versions of pipper 0.x: semantic versions, and their form in keys and file names.

0.x identifies a package by a semantic version (semver 2.0.0) and writes `1.2.3-rc.1+b` into keys as
`v1-2-3__pre_rc_1__build_b`. These functions convert from and to versions of PEP 440.
"""

import re

from packaging.version import Version

from pipper.core.standards import version_of
from pipper.errors import UsageError

_NUMBER = r"(0|[1-9][0-9]*)"
_PRE = r"(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}"
    rf"(-(?P<pre>{_PRE}(\.{_PRE})*))?"
    r"(\+(?P<build>[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*))?"
)
_PLAIN = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+(\+[a-z0-9.]+)?")


def to_semver(version: Version) -> str | None:
    """Return `version` as a semantic version that 0.x reads as the same version, or None.

    Only `N.N.N` and `N.N.N+local` have the same spelling in both; `1.2` and `1.2.3rc1` return None.
    """
    text = str(version)
    return text if _PLAIN.fullmatch(text) else None


def serialize(semver: str) -> str:
    """Return a semantic version in the form of keys: `v1-2-3__pre_rc_1__build_b` for `1.2.3-rc.1+b`.

    Raises UsageError where `semver` is not a semantic version.
    """
    match = _SEMVER.fullmatch(semver)
    if match is None:
        raise UsageError(
            f"{semver!r} is not a semantic version", hint="write it as N.N.N, N.N.N-PRE or N.N.N+BUILD"
        )
    safe = "v" + "-".join(match.group(1, 2, 3))
    if match["pre"]:
        safe += "__pre_" + match["pre"].replace(".", "_")
    if match["build"]:
        safe += "__build_" + match["build"].replace(".", "_")
    return safe


def deserialize(safe: str) -> Version | None:
    """Return the version of a key's last part (without `.pipper`), or None if it is not a version.

    One leading `v` is dropped; then `__pre_`, `__build_`, `-` and `_` become `-`, `+` and `.` again.
    """
    main, _, build = safe.removeprefix("v").partition("__build_")
    main, _, pre = main.partition("__pre_")
    text = main.replace("-", ".").replace("_", ".")
    if pre:
        text += "-" + pre.replace("_", ".")
    if build:
        text += "+" + build.replace("_", ".")
    return version_of(text)


def key_version(version: Version, given: str = "") -> str | None:
    """Return the form of `version` for a bundle's key, or None where 0.x could not read such a bundle.

    `given` is the version in the bundle's `package.meta`, which may be a pre-release in semver spelling. For a
    form that ends in `v` the result is None: 0.11 strips that letter when it reads the key.
    """
    semver = to_semver(version)
    if semver is None and version.is_prerelease and _SEMVER.fullmatch(given) and version_of(given) == version:
        semver = given
    safe = serialize(semver) if semver else None
    return None if safe is None or safe.endswith(("v", "_")) or deserialize(safe) != version else safe
