"""Compiling what was installed, by the environment's own interpreter."""

import contextlib
import os
from collections.abc import Iterable

from pipper.apply.installer import Staged
from pipper.apply.layout import Layout
from pipper.apply.record import parse_record
from pipper.environment import Environment
from pipper.errors import MachineError
from pipper.process import ProcessError, run


def compile_modules(environment: Environment, layout: Layout, incoming: Iterable[Staged]) -> None:
    """Compile the modules of distributions that were just installed; raises MachineError where that cannot start.

    No part of the change: RECORD does not list byte code, and what does not compile (a template, a module for
    another Python) is left uncompiled.
    """
    files = []
    for each in incoming:
        library = os.path.dirname(layout.absolute(each.dist_info))
        files += [
            f"{library}/{row.path}"
            for row in parse_record(each.record, each.dist_info)
            if row.path.endswith(".py") and not row.path.startswith("../")
        ]
    python = str(environment.interpreter.executable)
    command = [python, "-I", "-m", "compileall", "-q", "-j", "0", "-i", "-"]
    try:
        with contextlib.suppress(ProcessError):
            run(command, given="\n".join(files).encode())
    except OSError as error:
        raise MachineError(f"`{python}` cannot compile modules", cause=error.strerror or "") from error
