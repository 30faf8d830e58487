"""Choose the environment of a command, and the part of a lock that is for it."""

import shutil
from pathlib import Path

from msgspec.structs import replace

from pipper.cache.cache import Cache, cache_root
from pipper.core.lock.model import Lock, LockedEnvironment
from pipper.core.target import serves, system_version
from pipper.errors import NoSolutionError, UsageError
from pipper.ops.context.find_manifest import refuse_leading_out
from pipper.ops.context.project_files import environment_path
from pipper.ops.context.settings import Place, Settings
from pipper.python.environment import (
    Environment,
    active_environment,
    environment_of,
    make_venv,
    target_directory,
    user_environment,
    venv_python,
)
from pipper.python.interpreter import Interpreter, inspect_interpreter, of_new_venv, running
from pipper.system.trust import refuse_foreign, refuse_link_out, require_own_folder


def open_cache(settings: Settings) -> Cache:
    """Return the cache in `PIPPER_CACHE_DIR`, or in the default directory of the platform."""
    return Cache(cache_root(settings.environ), settings.limits, settings.reporter)


def interpreter_at_hand(settings: Settings, root: Path | None, place: Place) -> Interpreter:
    """Return the interpreter that a project is locked for; create nothing."""
    cache_dir = open_cache(settings).interpreters
    return inspect_interpreter(_python(settings, root, place) or running(), cache_dir)


def choose_environment(settings: Settings, root: Path | None, place: Place) -> Environment:
    """Return the environment a command works on; create nothing.

    It is `-t DIR`, else `--python`, else the project's own (if missing, as it will be created), else the active
    environment, else the interpreter that runs pipper. Raises MachineError if the project's own or the folder of
    pipper's files belongs to another user, or if a link leads the project's own or DIR out of the project, and
    IntegrityError if the folder of pipper's files is a link.
    """
    found = _choose(settings, root, place)
    require_own_folder(found.state_dir)
    return found


def _choose(settings: Settings, root: Path | None, place: Place) -> Environment:
    cache_dir = open_cache(settings).interpreters
    root = None if place.alone or place.user else root
    python = _python(settings, root, place)
    own = None if root is None else Path(environment_path(root, settings.environ))
    if own is not None and place == Place():
        _report_active(settings, own)
    interpreter = inspect_interpreter(python or running(), cache_dir)
    if place.target is not None:
        refuse_leading_out(settings.directory / place.target, settings.directory)
        return target_directory(settings.directory / place.target, interpreter)
    if place.user:
        return user_environment(interpreter)
    if python is None and own is not None:
        return replace(environment_of(of_new_venv(own, interpreter, None)), is_missing=True)
    return environment_of(interpreter)


def make_environment(settings: Settings, environment: Environment) -> None:
    """Create the virtual environment that `choose_environment` returned; raise what `make_venv` raises."""
    interpreter = environment.interpreter
    settings.reporter.info(
        f"Creating {environment.root} with Python {interpreter.target.python_full_version}"
    )
    make_venv(environment.root, interpreter, open_cache(settings).interpreters)


def _python(settings: Settings, root: Path | None, place: Place) -> Path | None:
    """Return the interpreter that options, project or shell name; None for the one that runs pipper."""
    if place.python is not None:
        found = shutil.which(place.python) if len(place.python.parts) == 1 else None
        return Path(found) if found else settings.directory / place.python
    active = active_environment(settings.environ)
    if place.active:
        if active is None:
            raise UsageError(
                "no environment is active",
                cause="neither VIRTUAL_ENV nor CONDA_PREFIX is set",
                hint="activate one, or name its interpreter with --python EXE",
            )
        return active
    if root is None:
        return active
    return own_venv(settings, root)


def own_venv(settings: Settings, root: Path) -> Path | None:
    """Return the python of a project's environment, None if it is missing.

    Raises MachineError if it belongs to another user, or if a link leads it out of the project.
    """
    path = Path(environment_path(root, settings.environ))
    refuse_foreign(path)
    refuse_link_out(path, root)
    return venv_python(path)


def _report_active(settings: Settings, own: Path) -> None:
    active = active_environment(settings.environ)
    if active is not None and active.parent.parent.resolve() != own.resolve():
        settings.reporter.info(
            f"{active.parent.parent} is active, but pipper uses the project's {own} (--active changes that)"
        )


def part_for(lock: Lock, interpreter: Interpreter, *, label: str) -> LockedEnvironment:
    """Return the lock's environment that fits an interpreter; of several, the one with the newest system.

    Marker variables that the lock omits are those of the interpreter.
    Raises UsageError if no environment fits, and NoSolutionError if the fitting ones have no solution.
    """
    host = interpreter.target
    fitting = [each for each in lock.environments if serves(each.target, host, each.conditions)]
    if not fitting:
        listed = ", ".join(each.target.name for each in lock.environments)
        raise UsageError(
            f"{label} is not for this environment, {host.name} (Python {host.python_full_version})",
            cause=f"it lists {listed}",
            hint="run `pipper lock` here to add it, or name another interpreter with --python",
        )
    solved = [each for each in fitting if not each.failure]
    if not solved:
        raise NoSolutionError(
            f"{label} has no solution for this environment, {host.name}",
            cause=fitting[0].failure,
            hint="run `pipper lock` here to see why, or name another interpreter with --python",
        )
    newest = max(solved, key=lambda each: system_version(each.target.name))
    return replace(newest, target=newest.target.completed(host))
