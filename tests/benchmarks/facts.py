"""What figures were taken under: machine, versions, rules, and what cannot be compared."""

import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.report import NOTHING
from tests.benchmarks.tool import Tool
from tests.benchmarks.tools import OldPipper, Pip, Poetry
from tests.benchmarks.wheelsets import WheelSet

SLOW = 15.0
"""Seconds of a first round from which on a tool that is not `every_round` gets no second one."""


def machine() -> str:
    """System, processor, memory and Python in one line."""
    parts = [platform.system(), platform.machine(), _processor(), f"{os.cpu_count()} cores"]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        parts.append(f"{memory / 2**30:.0f} GiB of memory")
    return ", ".join([*filter(None, parts), f"Python {platform.python_version()}"])


def file_system(folder: Path) -> str:
    """The type of the file system that a folder is on; empty where the system does not tell."""
    mounts = Path("/proc/self/mounts")
    fields = [line.split() for line in mounts.read_text().splitlines()] if mounts.exists() else []
    real = folder.resolve()
    around = [(len(at), kind) for _, at, kind, *_ in fields if real.is_relative_to(at)]
    return max(around, default=(0, ""))[1]


def day_and_machine(folder: Path) -> str:
    """The day, the machine and the file system of `folder`, in one line."""
    return ", ".join(filter(None, (f"{datetime.now(UTC):%Y-%m-%d}; {machine()}", file_system(folder))))


def versions(tools: Iterable[Tool]) -> list[str]:
    """Name and version of each tool."""
    return [f"{tool.name.split()[0]} {tool.version()}" for tool in tools]


def facts(wheels: WheelSet, tools: Iterable[Tool], rounds: int, s3: str) -> list[str]:
    """Sentences for below a table; `tools` are those of any scene of the set."""
    one = {tool.name: tool for tool in tools}
    return [
        "wall time / CPU time (user and system, of all processes)",
        "nothing is deleted between rounds: old environments and caches are moved aside; before each timed command"
        " all writes are flushed to disk",
        f"median of {rounds} rounds, the tools in turns, after one warm-up round; if the warm-up of a tool other than"
        f" pipper and uv took longer than {SLOW:.0f} s, it is the only round that counts",
        "before anything was timed, each tool locked the expected versions and installed the wheels' files byte for"
        " byte",
        "uv and poetry lock for all systems, pipper for its default environments (best effort), pip for this one;"
        " launchers in `bin` are not compared",
        "whole processes with their own defaults; the timed command creates the new environment",
        f"HTTP on loopback without TLS or bandwidth limit; S3 server: {s3}",
        "index pages have an ETag and no age, so they are revalidated, as pipper revalidates its repository",
        *_limits(one.values()),
        *left_out(wheels, one.values()),
    ]


def _limits(tools: Iterable[Tool]) -> Iterable[str]:
    """What to know of single tools before comparing."""
    for tool in tools:
        if isinstance(tool, Pip):
            yield (
                "pip has no lock: the report of a dry run stands in for one, and its sync installs the pins of the"
                " report; it runs with `--no-compile`, because the others write no bytecode"
            )
        elif isinstance(tool, Poetry):
            yield "poetry creates its environment in the project and without pip, as the others do"
        elif isinstance(tool, OldPipper):
            yield (
                "pipper 0.11.1 has no solver, no lock and no cache: it gets the expected versions and runs pip for one"
                " bundle after the other, without dependencies and bytecode; each takes about as long, so it installs"
                f" at most {tool.most_packages}; {NOTHING} marks what it cannot do"
            )


def left_out(wheels: WheelSet, tools: Iterable[Tool]) -> list[str]:
    """Which tools install less than the whole set, and what they leave out."""
    return [
        f"{tool.name} installs {len(tool.covers())} of the {len(wheels.answer)} {wheels.name} packages; left out:"
        f" {', '.join(sorted(set(wheels.answer) - tool.covers()))} (its own dependencies, or no semantic version)"
        for tool in tools
        if set(wheels.answer) - tool.covers()
    ]


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return ""
