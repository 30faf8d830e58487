"""Targets for other machines: declared environments, and those that a lock covers besides the current one.

Their marker variables have the usual values of such machines. Where a solution depends on a variable that differs
between such machines, the lock records the marker in `conditions`, and a sync checks it for its host.
"""

import re

from msgspec import Struct

from pipper.core.target import Target, parse_name, serves
from pipper.core.wording import quoted
from pipper.errors import UsageError

ALIASES = {
    "linux-x86_64": "manylinux_2_28_x86_64",
    "linux-aarch64": "manylinux_2_28_aarch64",
    "macos-arm64": "macosx_13_0_arm64",
    "macos-x86_64": "macosx_13_0_x86_64",
    "windows-x86_64": "win_amd64",
    "windows-arm64": "win_arm64",
}
"""Platforms by short name. Every supported Linux distribution has glibc 2.28 or newer (RHEL 8, Debian 10), and
current wheels are built for it; a lock for it is valid for newer versions."""

_USUAL = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
_NEWEST_MICRO = 99
_PYTHON = re.compile(r"3\.(?P<minor>[0-9]{1,3})(?:\.(?P<micro>[0-9]{1,5}))?")

_SYSTEM = ("os_name", "sys_platform", "platform_system", "platform_release", "platform_version")
_LINUX = ("posix", "linux", "Linux", "5.15.0", "#1 SMP")
_MACOS = ("posix", "darwin", "Darwin", "22.6.0", "Darwin Kernel Version 22.6.0")
_WINDOWS = ("nt", "win32", "Windows", "10", "10.0.19045")


class DeclaredEnvironment(Struct, frozen=True, kw_only=True):
    """An environment in the manifest, which must have a solution."""

    python: str
    """`3.11`, which means its newest micro version, or `3.11.9`."""
    platform: str
    """A platform tag (PEP 425, 600, 656)."""

    def __str__(self) -> str:
        return f"{self.python} {self.platform}"

    @property
    def target(self) -> Target:
        """The target to solve for; raises UsageError for an invalid version of Python or platform."""
        found = _PYTHON.fullmatch(self.python)
        if found is None:
            message = f"`{self.python}` is not a version of Python 3"
            raise UsageError(message, hint="write it as `3.11` or `3.11.9`")
        micro = int(found["micro"] or _NEWEST_MICRO)
        return synthesised(f"cp3{found['minor']}-{self.platform}", f"3.{int(found['minor'])}.{micro}")


def platform_of(text: str) -> str:
    """Return the platform tag of a short name or of a tag; raises UsageError for any other text."""
    platform = ALIASES.get(text, text)
    if _system(platform) is None:
        raise UsageError(
            f"unknown platform `{text}`",
            hint=f"write one of {quoted(ALIASES, 'or')}, or a tag such as `musllinux_1_2_x86_64`",
        )
    return platform


def other_usual_targets(at_hand: Target) -> list[Target]:
    """Return the same CPython on other usual platforms, without those that a lock for `at_hand` covers."""
    parts = parse_name(at_hand.name)
    if parts.implementation != "cp":
        return []
    stem = at_hand.name.partition("-")[0]
    targets = [synthesised(f"{stem}-{ALIASES[name]}", at_hand.python_full_version) for name in _USUAL]
    return [target for target in targets if not serves(at_hand, target)]


def as_solved(locked: Target, at_hand: Target) -> Target:
    """Return a lock's environment with the variables that the lock omits, as on usual machines of that kind.

    For an unknown kind of machine, they are those of `at_hand`.
    """
    try:
        return locked.completed(synthesised(locked.name, locked.python_full_version))
    except UsageError:
        return locked.completed(at_hand)


def synthesised(name: str, python_full_version: str) -> Target:
    """Return the target with the usual variables of such machines; raises UsageError for an unknown name."""
    parts = parse_name(name)
    found = _system(parts.platform)
    if found is None:
        raise UsageError(
            f"cannot lock for `{name}` on another machine",
            cause="its marker variables are unknown",
            hint="run `pipper lock` on a machine of that kind",
        )
    system, machine = found
    return Target(
        name=name,
        markers={
            "implementation_name": "cpython",
            "implementation_version": python_full_version,
            **dict(zip(_SYSTEM, system, strict=True)),
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "python_full_version": python_full_version,
            "python_version": f"{parts.python[0]}.{parts.python[1]}",
        },
    )


def _system(platform: str) -> tuple[tuple[str, ...], str] | None:
    if found := re.fullmatch(r"(?:many|musl)linux_[0-9]{1,2}_[0-9]{1,3}_(\w+)", platform):
        return _LINUX, found[1]
    if found := re.fullmatch(r"macosx_[0-9]{1,2}_[0-9]{1,2}_(arm64|x86_64)", platform):
        return _MACOS, found[1]
    machines = {"win_amd64": "AMD64", "win_arm64": "ARM64", "win32": "x86"}
    return (_WINDOWS, machines[platform]) if platform in machines else None
