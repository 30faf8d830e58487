"""Which interpreter a command is for: the one that an option, the project or the machine names."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct
from packaging.specifiers import SpecifierSet

from pipper.core.manifest.declared import DeclaredEnvironment
from pipper.core.target import serves
from pipper.errors import MachineError, UsageError
from pipper.ops.context.project_files import PYTHON_VERSION, version_file
from pipper.ops.context.settings import Settings
from pipper.python.find import VersionRequest, find_interpreter, may_be_admitted, version_request
from pipper.python.interpreter import Interpreter, inspect_interpreter
from pipper.python.running import running
from pipper.system.os_errors import os_errors

_MINOR = 2
_VERSION = re.compile(r"[<>=~!^].*|[0-9]+(?:\.[0-9*]+)*")
"""What looks like a version or a range of versions."""


class Pythons(Struct, frozen=True, kw_only=True):
    """The Pythons that a project is for."""

    requires: SpecifierSet = SpecifierSet()
    """Its `requires-python`; the empty one admits every version."""
    declared: Sequence[DeclaredEnvironment] = ()
    """Its `[[environments]]`; empty for the Python at hand."""

    def admits(self, interpreter: Interpreter) -> bool:
        """Return whether `requires-python` admits an interpreter."""
        return self.requires.contains(interpreter.target.python, prereleases=True)

    def has(self, interpreter: Interpreter) -> bool:
        """Return whether an interpreter is admitted and, if environments are declared, one of them."""
        named = (serves(each.target, interpreter.target) for each in self.declared)
        return self.admits(interpreter) and (not self.declared or any(named))

    def may_have(self, version: tuple[int, ...]) -> bool:
        """Return whether `has` may be true of an interpreter of whose version only the first parts are known."""
        requests = [version_request(each.python) for each in self.declared]
        named = any(each and each.may_admit(version[:_MINOR]) for each in requests)
        return may_be_admitted(self.requires, version) and (not self.declared or named)


ANY = Pythons()
"""Every Python."""


def named_interpreter(settings: Settings, python: Path, cache_dir: Path | None) -> Interpreter:
    """Return the interpreter that `--python` names: by path, by name on PATH, or by version.

    A version names no environment: it gives a base interpreter. Raises UsageError if there is nothing at the path,
    MachineError if the interpreter does not run, or if the machine has none of that version.
    """
    text = str(python)
    request = version_request(text)
    on_path = shutil.which(text, path=settings.environ.get("PATH")) if len(python.parts) == 1 else None
    if on_path:
        try:
            return inspect_interpreter(Path(on_path), cache_dir)
        except MachineError:
            if request is None:  # else it may be the shim of a version manager that has none of that version
                raise
    if request is None and _VERSION.fullmatch(text) and not (settings.directory / python).exists():
        raise UsageError(
            f"`{text}` is not a version of Python 3", hint="write it as 3.12 or 3.12.1, or name a path"
        )
    if request is None:
        return inspect_interpreter(settings.directory / python, cache_dir)
    return _of_version(settings, request, cache_dir, "name another one, as in `--python 3.12`, or its path")


def usual_interpreter(
    settings: Settings, root: Path, pythons: Pythons, cache_dir: Path | None, present: Interpreter | None
) -> Interpreter:
    """Return the interpreter for the project in `root` if no option names one; `present` is that of its environment.

    It is that of `.python-version`, else the first of the machine among `pythons`. If the machine has none of the
    declared environments, it is `present` or the first that `requires-python` admits, else the one that runs pipper.
    Raises UsageError if `requires-python` does not admit that of `.python-version`, MachineError if the machine has
    none such.
    """
    if request := pinned(settings, root):
        return _pinned_interpreter(settings, root / PYTHON_VERSION, request, pythons, cache_dir, present)
    if present is not None and pythons.has(present):
        return present
    if found := _first(settings, pythons, cache_dir):
        return found
    if present is not None and pythons.admits(present):
        return present
    admitted = Pythons(requires=pythons.requires)
    return _first(settings, admitted, cache_dir) or inspect_interpreter(running(), cache_dir)


def _pinned_interpreter(
    settings: Settings,
    place: Path,
    request: VersionRequest,
    pythons: Pythons,
    cache_dir: Path | None,
    present: Interpreter | None,
) -> Interpreter:
    if present is not None and request.admits(present) and pythons.admits(present):
        return present
    found = _of_version(settings, request, cache_dir, f"change {place}, or name another one with --python")
    if not pythons.admits(found):
        raise UsageError(
            f"{place} says {request.text}, but the project requires Python {pythons.requires}",
            hint=f"change {PYTHON_VERSION}, or requires-python in the manifest",
        )
    return found


def _first(settings: Settings, pythons: Pythons, cache_dir: Path | None) -> Interpreter | None:
    return find_interpreter(
        pythons.has, pythons.may_have, environ=settings.environ, home=settings.home, cache_dir=cache_dir
    )


def _of_version(
    settings: Settings, request: VersionRequest, cache_dir: Path | None, hint: str
) -> Interpreter:
    found = find_interpreter(
        request.admits, request.may_admit, environ=settings.environ, home=settings.home, cache_dir=cache_dir
    )
    if found is None:
        raise MachineError(
            f"this machine has no Python {request.text}",
            cause="it is neither on PATH nor in the directories of pyenv and uv",
            hint=f"install it, or {hint}",
        )
    # The one that runs pipper is often in an environment of its own, and the first on PATH in the active one.
    return inspect_interpreter(found.base_executable, cache_dir) if found.is_virtual else found


def pinned(settings: Settings, root: Path) -> VersionRequest | None:
    """Return what the `.python-version` in `root` asks for; None without one, or with a warning if it is no version."""
    with os_errors("read", root / PYTHON_VERSION):
        text = version_file(root).decode("utf-8", "replace")
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#")]
    if not lines:
        return None
    request = version_request(lines[0])
    if request is None:
        # Its text is not told: in a clone, it may be a link to a file that is nobody's business.
        settings.reporter.warning(f"{PYTHON_VERSION} is not used: it does not begin with a version of Python")
    return request
