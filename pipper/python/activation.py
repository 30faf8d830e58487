"""Run a program in a virtual environment. A `run` with nothing to sync imports this module, so it imports little."""

import os
import signal

from pipper.errors import MachineError, UsageError
from pipper.python.venv import SCRIPTS

TYPE_CHECKING = False  # importing `typing` takes longer than the rest of this
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import NoReturn


def activated(environ: "Mapping[str, str]", root: str) -> dict[str, str]:
    """Return the variables of a process in the virtual environment at `root`, as its `activate` sets them."""
    scripts = os.path.join(root, SCRIPTS)
    path = environ.get("PATH", "")
    left = {name: value for name, value in environ.items() if name != "PYTHONHOME"}
    return {**left, "VIRTUAL_ENV": root, "PATH": f"{scripts}{os.pathsep}{path}" if path else scripts}


def run_in(root: str, words: "Sequence[str]") -> int:
    """Replace this process by a program with its arguments, in the virtual environment at `root`.

    A file whose name ends in `.py` is run by the environment's Python. Where a process cannot be replaced (Windows),
    wait for the program and return its exit code. Raises UsageError if there is no such program, MachineError if the
    system cannot run it.
    """
    is_script = words[0].endswith(".py") and os.path.isfile(words[0])
    program, *arguments = ("python", *words) if is_script else words
    environ = activated(os.environ, root)
    try:
        if os.name == "nt":
            return _waited_for(program, arguments, environ)
        _become(program, [program, *arguments], environ)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _missing(program, root) from error
    except OSError as error:
        raise MachineError(
            f"cannot run `{program}`",
            cause=error.strerror or "",
            hint="check that it is executable on this system; `pipper run python FILE` runs a Python file",
        ) from error


def _missing(program: str, root: str) -> UsageError:
    place = os.path.abspath(program)
    nowhere = f"neither {os.path.join(root, SCRIPTS)} nor another directory on PATH has it"
    if os.path.dirname(program):
        if os.path.isfile(program):
            cause = "the interpreter that its first line names does not exist"
            return UsageError(
                f"cannot run `{program}`", cause=cause, hint=f"correct the first line of {place}"
            )
        return UsageError(f"there is no file `{place}`", hint="correct the path of the program")
    if program.endswith(".py"):
        return UsageError(f"there is no file `{place}`", cause=nowhere, hint="correct the path of the file")
    hint = "run `pipper add NAME` to add the package that brings it"
    return UsageError(f"there is no program `{program}`", cause=nowhere, hint=hint)


def _become(program: str, words: "list[str]", environ: "Mapping[str, str]") -> "NoReturn":
    # Python ignores these signals, and the program would inherit that.
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGPIPE, signal.SIGXFSZ)}
    try:
        os.execvpe(program, words, environ)  # noqa: S606 - the user asked for this program
    finally:  # it could not be started: this process goes on
        for number, handler in before.items():
            signal.signal(number, handler)


def _waited_for(program: str, arguments: "Sequence[str]", environ: "Mapping[str, str]") -> int:
    import shutil  # noqa: PLC0415 - only for Windows
    import subprocess  # noqa: PLC0415 - see above

    found = shutil.which(program, path=environ["PATH"])
    if found is None:
        raise FileNotFoundError(program)
    return subprocess.run([found, *arguments], env=environ, check=False).returncode
