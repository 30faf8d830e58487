"""New virtual environments: created by one of several processes, and recreated where one was killed."""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

from pipper.errors import MachineError
from pipper.python.interpreter import Interpreter, of_new_venv
from pipper.python.venv import SCRIPTS, STATE, UNFINISHED, is_made, venv_python_path
from pipper.system.files import write_atomic
from pipper.system.locks import make_folder, os_lock
from pipper.system.os_errors import machine_error, os_errors
from pipper.system.process import ProcessError, run
from pipper.system.trust import require_own_folder


def make_venv(directory: Path, base: Interpreter, cache_dir: Path | None = None) -> Interpreter:
    """Return the interpreter of the virtual environment in `directory`, which `ensure_venv` makes if it is missing."""
    ensure_venv(directory, base)
    return of_new_venv(Path(os.path.abspath(directory)), base, cache_dir)


def ensure_venv(directory: Path, base: Interpreter) -> bool:
    """Create a virtual environment without pip in `directory`, if there is none; return whether this call did.

    Waits for another process that is creating it, and recreates what an interrupted call left. Raises
    MachineError if it fails or `directory` has other files, and leaves no new files then.
    """
    root = Path(os.path.abspath(directory))
    lock = root / STATE / "lock"
    _refuse_separator(root)
    require_own_folder(lock.parent)
    hint = "change the permissions there, or name an environment with `--python EXE` or `-t DIR`"
    with os_errors("create", root, hint=hint):
        refuse_occupied(root)
        make_folder(lock.parent)
    try:
        with os_lock(lock, here=True):
            try:
                is_missing = venv_python(root) is None
                if is_missing:
                    # Another program may have made something there meanwhile, which would be cleared.
                    with os_errors("create", root, hint=hint):
                        refuse_occupied(root)
                    _create_or_clear(root, base)
            finally:
                # A process that waits for the lock finds its file removed, and creates it again.
                with contextlib.suppress(OSError):
                    os.unlink(lock)
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(lock.parent)
            os.rmdir(root)
    return is_missing


def make_venv_beside(folder: Path, root: Path, base: Interpreter) -> None:
    """Create in `folder`, which is new, the virtual environment that is at `root` once the folder is renamed to that.

    The name of `folder` is that of `root` and an end that is in no file of an environment. Raises MachineError.
    """
    _refuse_separator(root)
    try:
        _fill(folder, root.name, base)
        end = os.fsencode(folder.name.removeprefix(root.name))
        for path in (folder / "pyvenv.cfg", *(folder / SCRIPTS).iterdir()):
            content = b"" if path.is_symlink() or path.is_dir() else path.read_bytes()
            if end in content:
                write_atomic(path, content.replace(end, b""), sweep=False)
    except (OSError, ProcessError) as error:
        raise _creation_error(root, error) from error


def venv_python(directory: Path) -> Path | None:
    """Return the python of the virtual environment in `directory`, or None if it is missing or unfinished."""
    python = venv_python_path(directory)
    return Path(python) if python else None


def refuse_occupied(root: Path) -> None:
    """Raise MachineError if `root` has files of other kinds than a virtual environment, finished or not.

    The mark of an unfinished one is not enough to clear a folder: anybody can put it into a clone.
    """
    try:
        entries = set(os.listdir(root)) - {STATE}
    except FileNotFoundError:
        if root.is_symlink():
            raise MachineError(
                f"`{root}` is a link to a directory that does not exist",
                hint=f"remove the link, or create `{os.path.realpath(root)}`",
            ) from None
        return
    if UNFINISHED in entries:
        _refuse_others(root, entries)
        return
    if not entries or venv_python(root) is not None:
        return
    if (root / "pyvenv.cfg").exists():
        raise MachineError(
            f"the virtual environment `{root}` has no Python any more",
            cause="the Python that it was created with was removed or moved",
            hint=f"remove `{root}` and run the command again: pipper recreates it",
        )
    raise MachineError(
        f"`{root}` exists and is not a virtual environment", hint="move it away, or use `--python EXE`"
    )


def _refuse_others(root: Path, entries: Iterable[str]) -> None:
    """Raise MachineError if a folder with the mark of an unfinished environment may have files of the user."""
    others = sorted(name for name in entries if not is_made(name))
    if root.is_symlink():
        cause = f"it is a link to `{os.path.realpath(root)}`, where the files may be yours"
        hint = "remove the link, then run the command again"
    elif others:
        cause = f"`{others[0]}` in it is not part of a virtual environment"
        hint = f"move `{root}` away, then run the command again"
    else:
        return
    raise MachineError(
        f"`{root}` is marked as an unfinished environment, and pipper does not clear it",
        cause=cause,
        hint=hint,
    )


def _refuse_separator(root: Path) -> None:
    if os.pathsep in str(root):
        raise MachineError(
            f"cannot create a virtual environment in `{root}`",
            cause=f"its path contains `{os.pathsep}`, which separates directories in PATH",
            hint="rename that directory, or name an environment with `--python EXE` or `-t DIR`",
        )


def _create_or_clear(root: Path, base: Interpreter) -> None:
    """Create a virtual environment; the file `UNFINISHED` is removed last, and stays if the removal fails."""
    try:
        # It may be there already, as a link or with several names: it is not opened for writing then.
        with contextlib.suppress(FileExistsError):
            (root / UNFINISHED).touch(exist_ok=False)
        _clear(root)
        _fill(root, root.name, base)
        (root / UNFINISHED).unlink()
    except BaseException as error:
        with contextlib.suppress(OSError):
            _clear(root)
            (root / UNFINISHED).unlink()
        if isinstance(error, OSError | ProcessError):
            raise _creation_error(root, error) from error
        raise


def _fill(folder: Path, name: str, base: Interpreter) -> None:
    """Make in `folder` what a virtual environment of this name has."""
    _build_venv(folder, base.base_executable)
    if name == ".venv":
        write_atomic(folder / ".gitignore", b"*\n")


def _clear(root: Path) -> None:
    """Remove what `venv` or pipper made in an unfinished environment, and nothing else."""
    for entry in list(os.scandir(root)):
        if is_made(entry.name) and entry.name not in (STATE, UNFINISHED):
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


def _build_venv(root: Path, python: Path) -> None:
    if root.is_symlink():  # `venv` refuses it
        root = root.resolve()
    own = getattr(sys, "_base_executable", None) or sys.executable
    if os.path.realpath(own) == os.path.realpath(python):
        # 40 ms faster than `python -m venv`.
        import venv  # noqa: PLC0415 - 14 ms, only to create an environment

        class Builder(venv.EnvBuilder):
            def setup_scripts(self, context: SimpleNamespace) -> None:
                # `venv` sets the mode of each script, which some file systems refuse. Python needs none of them.
                with contextlib.suppress(PermissionError):
                    super().setup_scripts(context)

        Builder(symlinks=os.name != "nt").create(root)
        return
    run([str(python), "-I", "-m", "venv", "--without-pip", str(root)])


def _creation_error(root: Path, error: OSError | ProcessError) -> MachineError:
    if isinstance(error, OSError):
        return machine_error("create a virtual environment in", f"`{root}`", error)
    return MachineError(
        f"cannot create a virtual environment in `{root}`",
        cause=error.reason,
        hint=f"check that `{error.program} -m venv` works (Debian: install the package python3-venv)",
    )
