"""Comparison of installed files with RECORD."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.apply.installed_record import file_hash, parse_record, read_record_text
from pipper.apply.removal import library_of
from pipper.apply.schemes import Layout, layout_of
from pipper.core.plan import Installed
from pipper.errors import MachineError
from pipper.python.environment import Environment
from pipper.system.os_errors import machine_error
from pipper.wheels.record import Row


class Drift(Struct, frozen=True, kw_only=True):
    """One difference between a distribution and its RECORD."""

    distribution: NormalizedName
    path: Path
    problem: str
    """`missing`, `other size`, `other bytes`, or a fault of the whole distribution or its scripts."""


def verify(
    environment: Environment, installed: Iterable[Installed], *, hashes: bool = False
) -> tuple[Drift, ...]:
    """Return all differences from RECORD, in the order of distributions and lines.

    Checks that every file exists and has its size, with `hashes` also its hash, and that scripts start this
    environment's interpreter: in a copied or moved environment they do not. Ignores bytecode, which Python
    rewrites. Raises MachineError if a file cannot be read.
    """
    layout = layout_of(environment)
    found: list[Drift] = []
    try:
        for each in installed:
            problems = list(_problems(each.dist_info, layout, hashes=hashes))
            if not starts_here(each.python, environment):
                problem = f"start {each.python}, not the Python of this environment"
                problems.insert(0, (environment.scheme.scripts, problem))
            found += [Drift(distribution=each.name, path=path, problem=text) for path, text in problems]
        return tuple(found)
    except OSError as error:
        raise machine_error("read", error.filename or environment.root, error) from error


def starts_here(python: str, environment: Environment) -> bool:
    """Return whether scripts that start `python` are right for an environment, whatever the path's spelling."""
    interpreter = environment.interpreter
    own = os.fspath(interpreter.executable)
    if not python or python == own:
        return True
    if environment.is_target:  # a plain directory: any interpreter that exists is right
        return os.path.exists(python)
    try:
        if not interpreter.is_virtual:
            return os.path.samefile(python, own)
        # `python` of a virtual environment is a link to the base interpreter, so compare the folders.
        return os.path.exists(python) and os.path.samefile(os.path.dirname(python), os.path.dirname(own))
    except OSError:
        return False


def _problems(dist_info: Path, layout: Layout, *, hashes: bool) -> Iterator[tuple[Path, str]]:
    if not any((dist_info / name).exists() for name in ("METADATA", "PKG-INFO")) and not dist_info.is_file():
        yield dist_info, "it has no METADATA"
    text = read_record_text(os.fspath(dist_info))
    if text is None:
        yield dist_info, "it has no RECORD"
        return
    try:
        rows = parse_record(text, os.fspath(dist_info))
    except MachineError as error:
        yield dist_info / "RECORD", f"damaged: {error.cause}"
        return
    library = library_of(dist_info, layout)
    for row in rows:
        relative = layout.resolve(library, row.path)
        if relative is None:
            place = os.path.normpath(layout.absolute(library + row.path))
            problem = "RECORD names a path that it may not own"
        else:
            place = layout.absolute(relative)
            problem = file_problem(place, row, hashes=hashes)
        if problem:
            yield Path(place), problem


def file_problem(place: str, row: Row, *, hashes: bool) -> str:
    """Return how a file differs from its line in RECORD, empty if it does not; raises OSError.

    Bytecode beside its module is not compared, because Python rewrites it.
    """
    if place.endswith(".pyc") and os.path.basename(os.path.dirname(place)) == "__pycache__":
        return ""
    try:
        found = os.stat(place)
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    if row.size and row.size != str(found.st_size):
        return "other size"
    algorithm, _, digest = row.hash.partition("=")
    if not hashes or not digest:
        return ""
    if not stat.S_ISREG(found.st_mode):
        return "not a regular file"  # a pipe or a device could be read for ever
    try:
        return "" if file_hash(place, algorithm) == row.hash else "other bytes"
    except ValueError:
        return f"RECORD has the unknown hash algorithm {algorithm}"
