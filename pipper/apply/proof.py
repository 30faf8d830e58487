"""The proof that installed distributions are what the lock says.

RECORD lies in the environment, and who changes a file can change its line. So what a distribution must consist of is
found out again from its wheel, whose hash is in the lock: every file, every generated script, and RECORD itself.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipper.apply.installed_record import parse_record, read_record_text
from pipper.apply.installer import record_of
from pipper.apply.schemes import Layout, layout_of
from pipper.apply.shared_paths import yielded
from pipper.apply.verify import Drift, file_problem, starts_here
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.plan import Installed, Keep
from pipper.errors import MachineError
from pipper.python.environment import Environment
from pipper.system.os_errors import machine_error

_OTHER_PLACE = "the locked wheel does not contain it"


def prove(
    environment: Environment,
    kept: Iterable[Keep],
    wheels: Mapping[str, UnpackedWheel],
    rules: Mapping[str, str],
) -> tuple[Drift, ...]:
    """Return all differences between distributions and their locked wheels, given by sha256.

    A path that `[files]` (`rules`) names may be missing in the package that loses it.

    Reads every file. Does not look at bytecode, which Python rewrites, nor at files that neither the wheel nor RECORD
    names. Raises MachineError if a file cannot be read.
    """
    layout = layout_of(environment)
    found: list[Drift] = []
    try:
        for keep in kept:
            each = keep.installed
            python = _python(each, environment)
            if python is None:
                problem = f"start {each.python}, not the Python of this environment"
                found.append(Drift(distribution=each.name, path=environment.scheme.scripts, problem=problem))
            wheel = wheels[keep.wanted.file.sha256]
            executable = Path(python or environment.interpreter.executable)
            lost = yielded(each, layout, rules)
            record = record_of(wheel, keep.wanted, layout=layout, executable=executable, lost=lost)
            for path, problem in _differences(each.dist_info, wheel, record, layout):
                found.append(Drift(distribution=each.name, path=Path(path), problem=problem))
        return tuple(found)
    except OSError as error:
        raise machine_error("read", error.filename or environment.root, error) from error


def _python(installed: Installed, environment: Environment) -> str | None:
    """Return the interpreter that scripts must start, as its path was written; None if they start another one."""
    own = os.fspath(environment.interpreter.executable)
    python = installed.python or own
    try:
        is_own = python == own or (starts_here(python, environment) and os.path.samefile(python, own))
    except OSError:
        return None
    return python if is_own else None


def _differences(
    dist_info: Path, wheel: UnpackedWheel, record: str, layout: Layout
) -> Iterator[tuple[str, str]]:
    library = layout.prefixes["purelib" if wheel.root_is_purelib else "platlib"]
    own = layout.absolute(f"{library}{wheel.dist_info}/RECORD")
    expected = parse_record(record, own)
    for row in expected:
        place = os.path.normpath(layout.absolute(library + row.path))
        problem = "a link" if os.path.islink(place) else file_problem(place, row, hashes=True)
        if problem:
            yield place, problem
    written = read_record_text(os.fspath(dist_info))
    if written in (None, record):  # a missing one is told above
        return
    yield f"{dist_info}/RECORD", "other bytes"
    try:
        listed = {row.path for row in parse_record(written or "", own)}
    except MachineError:
        return
    for path in sorted(listed - {row.path for row in expected}):
        yield os.path.normpath(layout.absolute(library + path)), _OTHER_PLACE
