"""Environments that nobody is in: declared ones, and those that a lock serves beside the one at hand.

Their marker variables are what machines of that kind have. Where a lock rests on a variable that differs between
such machines, it says so (`conditions`), and a host is held against it when it syncs.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from pipper.core.target import Target, parse_name, serves
from pipper.errors import UsageError

ALIASES = {
    "linux-x86_64": "manylinux_2_28_x86_64",
    "linux-aarch64": "manylinux_2_28_aarch64",
    "macos-arm64": "macosx_13_0_arm64",
    "macos-x86_64": "macosx_13_0_x86_64",
    "windows-x86_64": "win_amd64",
    "windows-arm64": "win_arm64",
}
"""Platforms by a short name. glibc 2.28 is that of every Linux distribution still in support (RHEL 8, Debian 10
and later) and what current wheels are built for; a lock for it serves all newer ones."""

_USUAL = ("linux-x86_64", "linux-aarch64", "macos-arm64", "windows-x86_64")
_NEWEST_MICRO = 99
_PYTHON = re.compile(r"3\.(?P<minor>\d+)(?:\.(?P<micro>\d+))?")


class _System(NamedTuple):
    os_name: str
    sys_platform: str
    platform_system: str
    platform_release: str
    platform_version: str


_LINUX = _System("posix", "linux", "Linux", "5.15.0", "#1 SMP")
_MACOS = _System("posix", "darwin", "Darwin", "22.6.0", "Darwin Kernel Version 22.6.0")
_WINDOWS = _System("nt", "win32", "Windows", "10", "10.0.19045")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredEnvironment:
    """An environment that a manifest asks to be locked for: it must have a solution."""

    python: str
    """`3.11`, which stands for its newest micro version, or `3.11.9`."""
    platform: str
    """A platform tag (PEP 425, 600, 656)."""

    def __str__(self) -> str:
        return f"{self.python} {self.platform}"

    @property
    def target(self) -> Target:
        """The environment as one is solved for; raises UsageError where it cannot be one."""
        found = _PYTHON.fullmatch(self.python)
        if found is None:
            raise UsageError(f"`{self.python}` is no version of Python 3", hint="as in `3.11` or `3.11.9`")
        micro = int(found["micro"] or _NEWEST_MICRO)
        return synthesised(f"cp3{found['minor']}-{self.platform}", f"3.{int(found['minor'])}.{micro}")


def platform_of(text: str) -> str:
    """Return the platform tag of a short name, or the tag itself; raises UsageError for what is neither."""
    platform = ALIASES.get(text, text)
    if _system(platform) is None:
        raise UsageError(
            f"`{text}` is no platform that can be locked for",
            hint=f"one of {', '.join(ALIASES)}, or a tag such as musllinux_1_2_x86_64",
        )
    return platform


def other_usual_targets(at_hand: Target) -> list[Target]:
    """Return the same CPython on the platforms that teams use, less those that `at_hand` serves anyway."""
    parts = parse_name(at_hand.name)
    if parts.implementation != "cp":
        return []
    stem = at_hand.name.partition("-")[0]
    targets = [synthesised(f"{stem}-{ALIASES[name]}", at_hand.python_full_version) for name in _USUAL]
    return [target for target in targets if not serves(at_hand, target)]


def as_solved(locked: Target, at_hand: Target) -> Target:
    """Return a lock's environment with every variable: what the lock leaves out is as on usual machines of that kind.

    Where such machines are not known, it is as it is `at_hand`.
    """
    try:
        return locked.completed(synthesised(locked.name, locked.python_full_version))
    except UsageError:
        return locked.completed(at_hand)


def synthesised(name: str, python_full_version: str) -> Target:
    """Return the target of this name with the variables of such machines; raises UsageError for a bad name."""
    parts = parse_name(name)
    found = _system(parts.platform)
    if found is None:
        raise UsageError(f"`{name}` is no environment that can be locked for without being there")
    system, machine = found
    return Target(
        name=name,
        markers={
            "implementation_name": "cpython",
            "implementation_version": python_full_version,
            "os_name": system.os_name,
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": system.platform_release,
            "platform_system": system.platform_system,
            "platform_version": system.platform_version,
            "python_full_version": python_full_version,
            "python_version": f"{parts.python[0]}.{parts.python[1]}",
            "sys_platform": system.sys_platform,
        },
    )


def _system(platform: str) -> tuple[_System, str] | None:
    if found := re.fullmatch(r"(?:many|musl)linux_\d+_\d+_(\w+)", platform):
        return _LINUX, found[1]
    if found := re.fullmatch(r"macosx_\d+_\d+_(arm64|x86_64)", platform):
        return _MACOS, found[1]
    machines = {"win_amd64": "AMD64", "win_arm64": "ARM64", "win32": "x86"}
    return (_WINDOWS, machines[platform]) if platform in machines else None
