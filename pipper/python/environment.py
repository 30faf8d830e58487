"""Environments: where packages go and which are there."""

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.plan import Installed
from pipper.errors import ConflictError, MachineError
from pipper.python.interpreter import Interpreter, Scheme, of_new_venv
from pipper.system.locks import make_folder, os_lock
from pipper.system.os_errors import os_errors
from pipper.system.process import ProcessError, run

STATE = ".pipper"
"""The folder of pipper's own files at the root of an environment."""

MARKS = "pipper.json"
"""The file in a `.dist-info` that says where the distribution came from."""

_UNFINISHED = ".pipper-unfinished"
_FOLDER = re.compile(r"(?P<name>[A-Za-z0-9](?:[\w.]*[A-Za-z0-9])?)-(?P<version>[^-]+)\.(?:dist|egg)-info")
_ELSEWHERE = (
    "work in a project (its `.venv` is made for you), or name an environment with `--python EXE` or `-t DIR`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """A Python environment, or a `--target` directory."""

    interpreter: Interpreter
    scheme: Scheme
    root: Path
    """The folder that holds `.pipper`: prefix, `--target` directory, or the user's library of this Python."""
    is_target: bool = False
    is_missing: bool = False
    """Whether it is a virtual environment that has yet to be made."""

    @property
    def state_dir(self) -> Path:
        """Where journal, stamp and lock of this environment lie."""
        return self.root / STATE

    @property
    def libraries(self) -> tuple[Path, ...]:
        """The folders in which distributions stand, each once (platlib may be a link to purelib)."""
        pure, plat = self.scheme.purelib, self.scheme.platlib
        if pure == plat or os.path.realpath(pure) == os.path.realpath(plat):
            return (pure,)
        return (pure, plat)


def environment_of(interpreter: Interpreter) -> Environment:
    """Return the environment that an interpreter runs in."""
    # Debian's python installs below /usr/local and lives in /usr: where packages go decides, not the prefix.
    return Environment(interpreter=interpreter, scheme=interpreter.scheme, root=interpreter.scheme.data)


def target_directory(directory: Path, interpreter: Interpreter) -> Environment:
    """Return `directory` as an environment of its own, laid out as `pip install --target` does."""
    root = Path(os.path.abspath(directory))
    scheme = Scheme(
        purelib=root,
        platlib=root,
        scripts=root / ("Scripts" if os.name == "nt" else "bin"),
        data=root,
        headers=root / "include",
    )
    return Environment(interpreter=interpreter, scheme=scheme, root=root, is_target=True)


def user_environment(interpreter: Interpreter) -> Environment:
    """Return the user's own packages for this Python; raises MachineError in a virtual environment."""
    if interpreter.is_virtual:
        raise MachineError(
            f"`{interpreter.prefix}` is a virtual environment: it does not see packages of `--user`",
            hint="leave `--user` out",
        )
    scheme = interpreter.user_scheme
    return Environment(interpreter=interpreter, scheme=scheme, root=scheme.purelib.parent)


def active_environment(environ: Mapping[str, str]) -> Path | None:
    """Return the python of the environment that is active, by VIRTUAL_ENV or CONDA_PREFIX, if one is."""
    for variable, folder in (("VIRTUAL_ENV", "Scripts"), ("CONDA_PREFIX", ".")):
        if environ.get(variable):
            prefix = Path(environ[variable])
            return prefix / folder / "python.exe" if os.name == "nt" else prefix / "bin" / "python"
    return None


def refuse_unwritable(environment: Environment) -> None:
    """Raise MachineError where pipper must not (PEP 668) or cannot change the environment."""
    interpreter = environment.interpreter
    if interpreter.externally_managed and not environment.is_target:
        raise MachineError(
            f"the Python at `{interpreter.executable}` is managed by the system (PEP 668)",
            cause=" ".join(interpreter.externally_managed.split("\n\n")[0].split()),
            hint=_ELSEWHERE,
        )
    for folder in (environment.root, *environment.libraries, environment.scheme.scripts):
        nearest = folder
        while not nearest.exists() and nearest.parent != nearest:
            nearest = nearest.parent
        if not nearest.is_dir():
            raise MachineError(f"`{nearest}` is not a directory", hint=_ELSEWHERE)
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise MachineError(
                f"`{nearest}` cannot be written to", hint=f"mend its permissions, or {_ELSEWHERE}"
            )
    if environment.is_missing:
        with contextlib.suppress(OSError):  # `make_venv` says what is wrong there
            if _is_foreign(environment.root):
                raise _in_the_way(environment.root)


def installed(environment: Environment) -> tuple[Installed, ...]:
    """Return every distribution in the environment, in the order of folders.

    A name is taken from the folder of the distribution, from METADATA only where the folder's does not say it
    (PEP 376, PEP 427, recording installed projects). What cannot be named is left out. Raises MachineError
    where a folder cannot be read.
    """
    return tuple(each for folder in _folders(environment) for each in _distribution(folder))


def refuse_changed(environment: Environment, present: Sequence[Installed]) -> None:
    """Raise ConflictError where a distribution came or went since `installed` returned `present`.

    Raises MachineError where a folder cannot be read.
    """
    before = {each.dist_info: each for each in present}
    now = set(_folders(environment))
    came = (each for folder in sorted(now - before.keys()) for each in _distribution(folder))
    went = (before[folder] for folder in sorted(before.keys() - now))
    for each in (*came, *went):
        raise ConflictError(
            f"{each.name} was changed in the environment while this command was at work",
            hint="run the command again",
        )


def _folders(environment: Environment) -> list[Path]:
    """Each `.dist-info` and `.egg-info` in the environment, in the order of folders."""
    found: list[Path] = []
    for library in environment.libraries:
        with os_errors("read", library):
            try:
                entries = [
                    entry for entry in os.scandir(library) if entry.name.endswith((".dist-info", ".egg-info"))
                ]
            except FileNotFoundError:
                continue
        found += (Path(entry.path) for entry in sorted(entries, key=lambda each: each.name))
    return found


def make_venv(directory: Path, base: Interpreter, cache_dir: Path | None = None) -> Interpreter:
    """Make a virtual environment without pip in `directory` and return its interpreter.

    What an interrupted call left is made anew, and one that another process is making is waited for; anything
    else that is there is left alone. Raises MachineError, and then nothing new is left behind.
    """
    root = Path(os.path.abspath(directory))
    lock = root / STATE / "lock"
    hint = "fix the permissions there, or name an environment with `--python EXE` or `-t DIR`"
    with os_errors("make", root, hint=hint):
        if _is_foreign(root):
            raise _in_the_way(root)
        make_folder(lock.parent)
    try:
        with os_lock(lock):
            try:
                if venv_python(root) is None:
                    _make_whole(root, base)
            finally:
                # Whoever waits for the lock finds that its file is gone, and makes it anew.
                with contextlib.suppress(OSError):
                    os.unlink(lock)
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(lock.parent)
            os.rmdir(root)
    return of_new_venv(root, base, cache_dir)


def venv_python(directory: Path) -> Path | None:
    """Return the python of the virtual environment in `directory`, or None where no finished one is there."""
    python = directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    whole = python.exists() and (directory / "pyvenv.cfg").exists() and not (directory / _UNFINISHED).exists()
    return Path(os.path.abspath(python)) if whole else None


def _is_foreign(root: Path) -> bool:
    """Tell whether anything is there that is no virtual environment, nor one that is being made."""
    try:
        entries = set(os.listdir(root)) - {STATE}
    except FileNotFoundError:
        return False
    return bool(entries) and _UNFINISHED not in entries and venv_python(root) is None


def _make_whole(root: Path, base: Interpreter) -> None:
    """Make a virtual environment; the mark in it goes last, and stays where something cannot be removed."""
    try:
        (root / _UNFINISHED).touch()
        _clear(root)
        _build_venv(root, base.base_executable)
        if root.name == ".venv":
            (root / ".gitignore").write_text("*\n")
        (root / _UNFINISHED).unlink()
    except BaseException as error:
        with contextlib.suppress(OSError):
            _clear(root)
            (root / _UNFINISHED).unlink()
        if isinstance(error, OSError | ProcessError):
            raise _not_made(root, error) from error
        raise


def _clear(root: Path) -> None:
    for entry in list(os.scandir(root)):
        if entry.name not in (STATE, _UNFINISHED):
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


def _build_venv(root: Path, python: Path) -> None:
    own = getattr(sys, "_base_executable", None) or sys.executable
    if os.path.realpath(own) == os.path.realpath(python):
        # The module does in this process what `python -m venv` does, 40 ms sooner.
        import venv  # noqa: PLC0415 - 14 ms, for the one command that makes an environment

        venv.EnvBuilder(symlinks=os.name != "nt").create(root)
        return
    run([str(python), "-I", "-m", "venv", "--without-pip", str(root)])


def _in_the_way(root: Path) -> MachineError:
    if (root / "pyvenv.cfg").exists():
        return MachineError(
            f"the virtual environment `{root}` has no Python any more",
            cause="the one that it was made with was removed or moved",
            hint=f"remove `{root}`: then it is made anew",
        )
    return MachineError(
        f"`{root}` is there and is no virtual environment", hint="move it away, or use `--python EXE`"
    )


def _not_made(root: Path, error: OSError | ProcessError) -> MachineError:
    if isinstance(error, OSError):
        return MachineError(f"no virtual environment could be made in `{root}`", cause=error.strerror or "")
    return MachineError(
        f"no virtual environment could be made in `{root}`",
        cause=error.reason,
        hint=f"see whether `{error.program} -m venv` works (Debian: the package python3-venv)",
    )


def _distribution(folder: Path) -> Iterator[Installed]:
    parts = _FOLDER.fullmatch(folder.name)
    named = (canonicalize_name(parts["name"]), parts["version"]) if parts else _from_metadata(folder)
    if named is None:
        return
    marks = _marks(folder)
    yield Installed(
        name=named[0],
        version=named[1].replace("_", "+") if parts else named[1],
        dist_info=folder,
        installer=_read(folder / "INSTALLER").split("\n", 1)[0].strip(),
        source=marks.get("source", ""),
        sha256=marks.get("sha256", ""),
        python=marks.get("python", ""),
    )


def _from_metadata(folder: Path) -> tuple[NormalizedName, str] | None:
    # pip renames what it is about to remove to `~name`; Python does not see such folders either.
    if folder.name.startswith("~"):
        return None
    # An old `.egg-info` may be a file.
    for file in (folder,) if folder.is_file() else (folder / "METADATA", folder / "PKG-INFO"):
        headers: dict[str, str] = {}
        for line in _read(file).split("\n\n", 1)[0].splitlines():
            key, _, value = line.partition(":")
            headers.setdefault(key.lower(), value.strip())
        if headers.get("name") and headers.get("version"):
            return canonicalize_name(headers["name"]), headers["version"]
    return None


def _marks(folder: Path) -> dict[str, str]:
    text = _read(folder / MARKS)
    try:
        marks = json.loads(text) if text else None
    except ValueError:
        return {}
    if not isinstance(marks, dict) or not {"source", "sha256"} <= marks.keys():
        return {}
    return {str(name): str(value) for name, value in marks.items()}


def _read(path: Path) -> str:
    with os_errors("read", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
