"""Compilation of installed modules by the environment's own interpreter, in parallel processes."""

import functools
import os
import re
from collections.abc import Iterable, Sequence

from pipper.apply.installed_record import read_record
from pipper.apply.removal import place_of, recorded
from pipper.apply.schemes import layout_of
from pipper.core.plan import Installed
from pipper.core.reporter import Reporter
from pipper.core.wording import counted
from pipper.python.environment import Environment
from pipper.system.os_errors import os_errors
from pipper.system.parallel import in_parallel
from pipper.system.process import ProcessError, run
from pipper.system.trust import is_inside

_PROGRAM = os.path.join(os.path.dirname(__file__), "compiling.py")
_WORTH_A_PROCESS = 40
"""Number of modules: an interpreter takes as long to start as to compile some."""


_SIZE = re.compile(r"[0-9]{1,18}")
"""Of a line of RECORD, which another tool may have written."""


def compile_modules(environment: Environment, installed: Iterable[Installed], reporter: Reporter) -> None:
    """Compile the modules of distributions whose bytecode is not up to date.

    This is not part of a change: RECORD does not list bytecode. A module that does not compile (a template, a
    module for another Python) is reported. Raises MachineError if the interpreter does not start.
    """
    modules = _modules(environment, installed)
    count = min(_processors(), -(-len(modules) // _WORTH_A_PROCESS))
    shares = [modules[number::count] for number in range(count)]
    failed = [path for bad in in_parallel(lambda share: _compile(environment, share), shares) for path in bad]
    for path in sorted(failed):
        reporter.detail(f"{path} does not compile")
    if failed:
        reporter.info(f"cannot compile {counted(len(failed), 'module')} (-v names them)")


def _modules(environment: Environment, installed: Iterable[Installed]) -> list[str]:
    """Return the paths of all modules in the libraries, the biggest first."""
    layout = layout_of(environment)
    libraries = (layout.prefixes["purelib"], layout.prefixes["platlib"])
    found: dict[str, int] = {}

    @functools.cache
    def is_here(folder: str) -> bool:
        """Return whether bytecode of a folder would be written in the environment, and not behind a link out of it."""
        return is_inside(os.path.realpath(layout.absolute(f"{folder}/__pycache__")), layout.anchor or "/")

    for each in installed:
        rows = [row for row in read_record(str(each.dist_info)) or () if row.path.endswith(".py")]
        for path, row in recorded(rows, place_of(each.dist_info, layout), layout).items():
            if path.startswith(libraries) and is_here(path.rpartition("/")[0]):
                found[layout.absolute(path)] = int(row.size) if _SIZE.fullmatch(row.size) else 0
    return sorted(found, key=lambda path: (-found[path], path))


def _compile(environment: Environment, share: Sequence[str]) -> list[str]:
    """Return the paths that do not compile; all of them if the interpreter crashes."""
    python = str(environment.interpreter.executable)
    command = [python, "-I", _PROGRAM]
    try:
        with os_errors("compile modules with", python):
            output = run(command, given=b"".join(os.fsencode(path) + b"\0" for path in share))
    except ProcessError:
        return list(share)
    return [os.fsdecode(path) for path in output.split(b"\0") if path]


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
