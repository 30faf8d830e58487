"""Choose the environment of a command, and the part of a lock that is for it."""

import os
from pathlib import Path

from msgspec.structs import replace

from pipper.cache.cache import Cache, cache_root
from pipper.core.lock.model import Lock, LockedEnvironment
from pipper.core.standards import read_specifiers
from pipper.core.target import Target, condition_holds, serves, system_version
from pipper.errors import ConflictError, MachineError, NoSolutionError, UsageError
from pipper.ops.context.find_manifest import refuse_leading_out
from pipper.ops.context.interpreters import ANY, Pythons, named_interpreter, usual_interpreter
from pipper.ops.context.own_venv import own_venv
from pipper.ops.context.project_files import environment_path
from pipper.ops.context.settings import Place, Settings
from pipper.python.environment import (
    Environment,
    active_environment,
    environment_of,
    target_directory,
    user_environment,
)
from pipper.python.find import version_request
from pipper.python.interpreter import Interpreter, inspect_interpreter, of_new_venv
from pipper.python.running import running
from pipper.system.trust import is_inside, require_own_folder


def open_cache(settings: Settings) -> Cache:
    """Return the cache in `PIPPER_CACHE_DIR`, or in the default directory of the platform.

    Raises what `Cache` raises, and MachineError if a link in the project leads the cache out of it.
    """
    root = cache_root(settings.environ)
    if settings.environ.get("PIPPER_CACHE_DIR") and os.path.realpath(root) != os.path.normpath(root):
        refuse_leading_out(root, settings.directory)
    return Cache(root, settings.limits, settings.reporter)


def interpreter_at_hand(
    settings: Settings, root: Path | None, place: Place, pythons: Pythons = ANY
) -> Interpreter:
    """Return the interpreter that a project is locked for; create nothing. `pythons` are those it is for.

    Raises what `named_interpreter` and `usual_interpreter` raise.
    """
    cache_dir = open_cache(settings).interpreters
    if place.python is not None:
        return named_interpreter(settings, place.python, cache_dir)
    python = _active_python(settings, place) if place.active or root is None else own_venv(settings, root)
    present = inspect_interpreter(python, cache_dir) if python else None
    if present is not None and (root is None or place.active or place.reads):
        return present
    if root is None:
        return inspect_interpreter(running(), cache_dir)
    return usual_interpreter(settings, root, pythons, cache_dir, present)


def choose_environment(
    settings: Settings, root: Path | None, place: Place, pythons: Pythons = ANY, *, looks: bool = False
) -> Environment:
    """Return the environment a command works on; create nothing. `pythons` are the project's.

    The project's own is put back first if it is missing because a killed command had set it aside to recreate it,
    unless the command only `looks`.

    It is `-t DIR`, else that of `--python` if this names a Python in one, else the project's own, else the active
    environment.
    The project's own is as it will be created if it is missing, or if its Python is another one than `--python`
    or `.python-version` names or `pythons` has. Raises MachineError if the project's own or the folder of
    pipper's files belongs to another user, if a link leads the project's own or DIR out of the project, and if the
    packages of a base interpreter would be changed; IntegrityError if the folder of pipper's files is a link.
    """
    if root is not None and not looks and place == Place(python=place.python):
        _put_back(settings, root)
    found = _choose(settings, root, place, pythons)
    require_own_folder(found.state_dir)
    return found


def _put_back(settings: Settings, root: Path) -> None:
    path = environment_path(root, settings.environ)
    if os.name == "nt" or os.path.lexists(path) or own_venv(settings, root) is not None:
        return
    from pipper.apply.beside import put_back_left  # noqa: PLC0415 - Windows cannot lock folders

    if put_back_left(path):
        settings.reporter.info(f"Restoring {path}: a command that was recreating it was interrupted")


def _choose(settings: Settings, root: Path | None, place: Place, pythons: Pythons) -> Environment:
    root = None if place.alone or place.user else root
    own = None if root is None else Path(environment_path(root, settings.environ))
    if own is not None and place == Place():
        _report_active(settings, own)
    interpreter = interpreter_at_hand(settings, root, place, pythons)
    if place.target is not None:
        refuse_leading_out(settings.directory / place.target, settings.directory)
        return target_directory(settings.directory / place.target, interpreter)
    if place.user:
        return user_environment(interpreter)
    is_named = place.python is not None or place.active
    is_lost = own is None and not is_named and active_environment(settings.environ) is None
    if is_lost and not (place.system or place.reads):
        raise _base(interpreter, is_named=False)
    if interpreter.is_virtual and (is_named or own is None or interpreter.prefix == own):
        return environment_of(interpreter)
    if place.reads and (own is None or (is_named and not version_request(str(place.python)))):
        return environment_of(interpreter)
    if own is not None and root is not None and not (place.system or place.active):
        return _own_environment(settings, root, own, interpreter, place)
    if not place.system and active_environment(settings.environ) is None:
        raise _base(interpreter, is_named=is_named)
    return environment_of(interpreter)


def present_environment(settings: Settings, root: Path) -> Environment | None:
    """Return the own environment of the project at `root` as it is, whichever Python it should have; None if missing.

    Raises what `own_venv` and `inspect_interpreter` raise.
    """
    python = own_venv(settings, root)
    return environment_of(inspect_interpreter(python, open_cache(settings).interpreters)) if python else None


def _own_environment(
    settings: Settings, root: Path, own: Path, base: Interpreter, place: Place
) -> Environment:
    """Return a project's own environment with the base interpreter `base`, as it is or as it will be created."""
    present = present_environment(settings, root)
    version = ""
    if present is not None:
        request = version_request(str(place.python)) if place.python else None
        if request.admits(present.interpreter) if request else _same_base(present.interpreter, base):
            return present
        version = present.interpreter.target.python_full_version
    if is_inside(os.path.realpath(root), os.path.realpath(own)):
        raise MachineError(
            f"cannot {'recreate' if version else 'create'} `{own}`: the project is in it",
            cause="what is in an environment goes with it when it is recreated",
            hint=f"name another directory with PIPPER_ENVIRONMENT, or remove `{own}` if it is a link",
        )
    made = environment_of(of_new_venv(own, base, None))
    return replace(made, is_missing=True, replaces=version)


def refuse_remade(settings: Settings, environment: Environment, *, is_ours: bool) -> None:
    """Raise ConflictError if an environment has another Python by now than when it was chosen, or is gone.

    `is_ours`: this command has just made it. The caller holds its lock. Raises what `inspect_interpreter` raises.
    """
    chosen = environment.interpreter
    if not os.path.lexists(chosen.executable):
        raise ConflictError(
            f"`{environment.root}` was removed while this command ran", hint="run the command again"
        )
    python, base = map(os.path.realpath, (chosen.executable, chosen.base_executable))
    if is_ours or (python == base and chosen.scheme.purelib.is_dir()):
        return
    # It may be a copy of its base, or a link to another one.
    present = inspect_interpreter(chosen.executable, open_cache(settings).interpreters)
    if _same_base(present, chosen) and _libraries(present) == _libraries(chosen):
        return
    version, wanted = (each.target.python_full_version for each in (present, chosen))
    raise ConflictError(
        f"another command made `{environment.root}` with another Python while this command ran",
        cause=f"it has Python {version} of {present.base_executable} now,"
        f" and this command was for Python {wanted} of {chosen.base_executable}",
        hint="run the command again",
    )


def _libraries(interpreter: Interpreter) -> tuple[str, ...]:
    return tuple(map(os.path.realpath, (interpreter.scheme.purelib, interpreter.scheme.platlib)))


def _same_base(one: Interpreter, other: Interpreter) -> bool:
    return os.path.realpath(one.base_executable) == os.path.realpath(other.base_executable)


def _base(interpreter: Interpreter, *, is_named: bool) -> MachineError:
    """Return the error for a command that would change the packages of a base interpreter."""
    if not is_named:
        return MachineError(
            "no project and no environment to change",
            cause=f"no environment is active, and {interpreter.executable} runs pipper itself",
            hint="run `pipper init` for a project, or name an environment with `-t DIR` or `--python EXE`",
        )
    return MachineError(
        f"`{interpreter.executable}` is not in an environment",
        cause="its packages belong to everything that runs with it",
        hint="run `pipper init` for a project with an environment of its own, name `-t DIR`, or say `--system`",
    )


def creation_told(environment: Environment) -> str:
    """Return what is said of a virtual environment that is created."""
    version = environment.interpreter.target.python_full_version
    if environment.replaces:
        return f"Recreating {environment.root} with Python {version}: it had Python {environment.replaces}"
    return f"Creating {environment.root} with Python {version}"


def _active_python(settings: Settings, place: Place) -> Path | None:
    """Return the python of the active environment, None without one; raise UsageError if an option needs one."""
    active = active_environment(settings.environ)
    if active is None and place.active:
        raise UsageError(
            "no environment is active",
            cause="neither VIRTUAL_ENV nor CONDA_PREFIX is set",
            hint="activate one, or name its interpreter with --python EXE",
        )
    return active


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
        raise _without(lock, interpreter, label)
    solved = [each for each in fitting if not each.failure]
    if not solved:
        raise NoSolutionError(
            f"{label} has no solution for this environment, {host.name}",
            cause=fitting[0].failure,
            hint="run `pipper lock` here to see why, or name another interpreter with --python",
        )
    newest = max(solved, key=lambda each: system_version(each.target.name))
    return replace(newest, target=newest.target.completed(host))


def _without(lock: Lock, interpreter: Interpreter, label: str) -> UsageError:
    """Return the error for an interpreter that a lock has no environment for, with what can add one."""
    host, inputs = interpreter.target, lock.inputs
    requires = read_specifiers(inputs.requires_python)
    if not Pythons(requires=requires).admits(interpreter):
        cause = f"the project requires Python {requires}"
        hint = "name another one with --python, or edit requires-python in the manifest and run `pipper lock`"
    elif unmet := _unmet(lock, host):
        cause = f"it is for machines where `{unmet}`"
        hint = (
            "name another Python with --python, or give [[environments]] its exact version and run `pipper lock`"
            if inputs.environments
            else f"run `pipper lock --python {interpreter.base_executable}`, or name another interpreter"
        )
    elif inputs.environments:
        cause = f"[[environments]] of the manifest name {', '.join(inputs.environments)}"
        hint = "name one of these Pythons with --python, or add this one to [[environments]] and run `pipper lock`"
    else:
        cause = f"it lists {', '.join(each.target.name for each in lock.environments)}"
        hint = (
            f"run `pipper lock --python {interpreter.base_executable}` to add it, or name another interpreter"
        )
    return UsageError(
        f"{label} is not for this environment, {host.name} (Python {host.python_full_version})",
        cause=cause,
        hint=hint,
    )


def _unmet(lock: Lock, host: Target) -> str:
    """Return the first condition that keeps an environment of a lock from serving a host; empty without one."""
    for each in lock.environments:
        if serves(each.target, host):
            for condition in each.conditions:
                holds = condition_holds(condition, each.target.markers)
                if condition_holds(condition, host.markers) != holds:
                    return condition if holds else f"not ({condition})"
    return ""
