"""Which interpreter a command is for: the one that an option, the project or the machine names."""

import shutil
from pathlib import Path

from packaging.specifiers import SpecifierSet

from pipper.errors import MachineError, UsageError
from pipper.ops.context.project_files import PYTHON_VERSION, version_file
from pipper.ops.context.settings import Settings
from pipper.python.find import VersionRequest, find_interpreter, may_be_admitted, version_request
from pipper.python.interpreter import Interpreter, inspect_interpreter, running
from pipper.system.os_errors import os_errors


def named_interpreter(settings: Settings, python: Path, cache_dir: Path | None) -> Interpreter:
    """Return the interpreter that `--python` names: by path, by name on PATH, or by version.

    Raises UsageError if there is nothing at the path, MachineError if the interpreter does not run, or if the
    machine has none of that version.
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
    if request is None:
        return inspect_interpreter(settings.directory / python, cache_dir)
    return _of_version(settings, request, cache_dir, "name another one, as in `--python 3.12`, or its path")


def usual_interpreter(
    settings: Settings, root: Path | None, requires: SpecifierSet, cache_dir: Path | None
) -> Interpreter:
    """Return the interpreter for a project (in `root`) whose option names none.

    It is that of `.python-version`, else the first of the machine that `requires` admits, else the one that runs
    pipper. Raises UsageError if `requires` does not admit that of `.python-version`, MachineError if the machine has
    none such.
    """
    if root is not None and (request := pinned(settings, root)):
        place = root / PYTHON_VERSION
        found = _of_version(
            settings, request, cache_dir, f"change {place}, or name another one with --python"
        )
        if not admits(requires, found):
            raise UsageError(
                f"{place} says {request.text}, but the project requires Python {requires}",
                hint=f"change {PYTHON_VERSION}, or requires-python in the manifest",
            )
        return found
    own = inspect_interpreter(running(), cache_dir)
    if admits(requires, own):
        return own
    other = find_interpreter(
        lambda each: admits(requires, each),
        lambda version: may_be_admitted(requires, version),
        environ=settings.environ,
        home=settings.home,
        cache_dir=cache_dir,
    )
    return other or own


def admits(requires: SpecifierSet, interpreter: Interpreter) -> bool:
    """Return whether `requires-python` admits an interpreter."""
    return requires.contains(interpreter.target.python, prereleases=True)


def _of_version(
    settings: Settings, request: VersionRequest, cache_dir: Path | None, mend: str
) -> Interpreter:
    found = find_interpreter(
        request.admits, request.may_admit, environ=settings.environ, home=settings.home, cache_dir=cache_dir
    )
    if found is None:
        raise MachineError(
            f"this machine has no Python {request.text}",
            cause="it is neither on PATH nor in the folders of pyenv and uv",
            hint=f"install it, or {mend}",
        )
    return found


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
