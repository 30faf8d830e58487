"""Environments: where packages are installed, and which ones are."""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.plain_json import load_json
from pipper.core.plan import Installed
from pipper.errors import ConflictError, MachineError
from pipper.python.folder_name import info_folders, named_by_folder
from pipper.python.interpreter import Interpreter, Scheme
from pipper.python.new_venv import refuse_occupied
from pipper.python.venv import STATE
from pipper.system.os_errors import os_errors
from pipper.system.regular_file import read_regular

MARKS = "pipper.json"
"""The file in a `.dist-info` that names the source of the distribution."""

_ANOTHER = "name an environment with `--python EXE` or `-t DIR`"
_ELSEWHERE = f"work in a project (its `.venv` is made for you), or {_ANOTHER}"


class Environment(Struct, frozen=True, kw_only=True):
    """A Python environment, or a `--target` directory."""

    interpreter: Interpreter
    scheme: Scheme
    root: Path
    """The folder that holds `.pipper`: prefix, `--target` directory, or the user's library of this Python."""
    is_target: bool = False
    is_missing: bool = False
    """Whether it is a virtual environment that has to be created first."""
    replaces: str = ""
    """The version of Python of the environment that stands in its place and goes; empty without one."""

    @property
    def state_dir(self) -> Path:
        """The folder of the journal, stamp and lock of this environment."""
        return self.root / STATE

    @property
    def libraries(self) -> tuple[Path, ...]:
        """The folders that hold distributions, each once (platlib may be a link to purelib)."""
        pure, plat = self.scheme.purelib, self.scheme.platlib
        if pure == plat or os.path.realpath(pure) == os.path.realpath(plat):
            return (pure,)
        return (pure, plat)


def environment_of(interpreter: Interpreter) -> Environment:
    """Return the environment of an interpreter."""
    # Debian's python in /usr installs below /usr/local: the root follows from the scheme, not the prefix.
    return Environment(interpreter=interpreter, scheme=interpreter.scheme, root=interpreter.scheme.data)


def target_directory(directory: Path, interpreter: Interpreter) -> Environment:
    """Return `directory` as an environment with the layout of `pip install --target`."""
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
    """Return the user's packages for this Python (PEP 370); raises MachineError in a virtual environment."""
    if interpreter.is_virtual:
        raise MachineError(
            f"`{interpreter.prefix}` is a virtual environment: it ignores packages installed with `--user`",
            hint="omit `--user`",
        )
    scheme = interpreter.user_scheme
    return Environment(interpreter=interpreter, scheme=scheme, root=scheme.purelib.parent)


def active_environment(environ: Mapping[str, str]) -> Path | None:
    """Return the python of the active environment (VIRTUAL_ENV or CONDA_PREFIX), or None."""
    for variable, folder in (("VIRTUAL_ENV", "Scripts"), ("CONDA_PREFIX", ".")):
        if environ.get(variable):
            prefix = Path(environ[variable])
            return prefix / folder / "python.exe" if os.name == "nt" else prefix / "bin" / "python"
    return None


def refuse_unwritable(environment: Environment) -> None:
    """Raise MachineError if pipper must not (PEP 668) or cannot change the environment."""
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
            raise MachineError(f"`{nearest}` is not a directory", hint=f"move it away, or {_ANOTHER}")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise MachineError(
                f"`{nearest}` cannot be written to", hint=f"change its permissions, or {_ANOTHER}"
            )
    if environment.is_missing:
        with contextlib.suppress(OSError):  # `make_venv` reports it
            refuse_occupied(environment.root)


def installed(environment: Environment) -> tuple[Installed, ...]:
    """Return every distribution in the environment, in the order of folders.

    Name and version are those of the folder's name (PEP 376, PEP 427), or those of METADATA if the folder's
    name has none. A distribution without a name is omitted. Raises MachineError if a folder cannot be read.
    """
    return tuple(each for folder in _folders(environment) for each in _distribution(folder))


def refuse_changed(environment: Environment, present: Sequence[Installed]) -> None:
    """Raise ConflictError if a distribution was added or removed since `installed` returned `present`.

    Raises MachineError if a folder cannot be read.
    """
    before = {each.dist_info: each for each in present}
    now = set(_folders(environment))
    added = (each for folder in sorted(now - before.keys()) for each in _distribution(folder))
    removed = (before[folder] for folder in sorted(before.keys() - now))
    for each in (*added, *removed):
        raise ConflictError(
            f"another process changed {each.name} in the environment while this command ran",
            hint="run the command again",
        )


def _folders(environment: Environment) -> list[Path]:
    """Return each `.dist-info` and `.egg-info` in the environment, in the order of folders."""
    found: list[Path] = []
    for library in environment.libraries:
        with os_errors("read", library):
            try:
                found += (library / name for name in info_folders(library))
            except FileNotFoundError:
                continue
    return found


def _distribution(folder: Path) -> Iterator[Installed]:
    named = named_by_folder(folder.name) or _from_metadata(folder)
    if named is None:
        return
    marks = _marks(folder)
    yield Installed(
        name=NormalizedName(named[0]),
        version=named[1],
        dist_info=folder,
        installer=_read(folder / "INSTALLER").split("\n", 1)[0].strip(),
        source=marks.get("source", ""),
        sha256=marks.get("sha256", ""),
        python=marks.get("python", ""),
        build=marks.get("build", ""),
        yields=tuple(marks["yields"].split("\n")) if "yields" in marks else (),
    )


def _from_metadata(folder: Path) -> tuple[str, str] | None:
    # pip renames a distribution to `~name` before it removes it; Python ignores such folders too.
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
        marks = load_json(text) if text else None
    except ValueError:
        return {}
    if not isinstance(marks, dict) or not {"source", "sha256"} <= marks.keys():
        return {}
    return {str(name): str(value) for name, value in marks.items()}


def _read(path: Path) -> str:
    with os_errors("read", path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return read_regular(path).decode("utf-8", "replace")
    return ""
