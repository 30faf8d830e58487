"""Python interpreters: what they say of themselves, asked once and remembered."""

import contextlib
import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipper.core.target import Target
from pipper.errors import MachineError, UsageError
from pipper.python import probe
from pipper.python.fingerprint import fingerprint
from pipper.system.files import write_atomic
from pipper.system.os_errors import os_errors
from pipper.system.process import ProcessError, run

OLDEST = (3, 9)
"""The oldest Python that environments may have."""

_PREFIXES = {"cpython": "cp", "pypy": "pp"}
_SECONDS = 60
_FEW_SECONDS = 5
_FORMAT = 2
_VERSION = "import sys; sys.stdout.write('%d.%d.%d' % sys.version_info[:3])"
"""Says the version on every Python there is."""
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, UsageError)
"""What facts raise that are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """Where the parts of a wheel go (PEP 427, sysconfig)."""

    purelib: Path
    platlib: Path
    scripts: Path
    data: Path
    headers: Path
    """The folder in which each distribution's own folder of headers lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python interpreter and where it looks for packages."""

    executable: Path
    """Absolute, links not followed: a virtual environment's python is known by its own path. Where another
    program stood in for it (the shim of a version manager), the python that answered."""
    base_executable: Path
    """The python that virtual environments of it are made with."""
    prefix: Path
    base_prefix: Path
    version: tuple[int, int, int]
    target: Target
    scheme: Scheme
    user_scheme: Scheme
    venv_paths: Mapping[str, str]
    """The scheme of a virtual environment made with it, its folder as `probe.VENV`; empty where unknown."""
    externally_managed: str = ""
    """Why others must not change its packages (PEP 668); empty where they may."""

    @property
    def is_virtual(self) -> bool:
        """Whether it is the python of a virtual environment (PEP 405)."""
        return self.prefix != self.base_prefix


def inspect_interpreter(executable: Path, cache_dir: Path | None) -> Interpreter:
    """Ask the interpreter at `executable` what it is, or recall it from `cache_dir`.

    What answers for another program is asked each time, as only that program knows which one will answer.
    Raises UsageError where there is no such file, MachineError where it does not run or is too old.
    """
    path = Path(os.path.abspath(executable))
    name = fingerprint(path)
    memory = cache_dir / f"{name}.json" if cache_dir else None
    found = _recall(memory, path) if memory else None
    if found is None:
        facts = _ask(path)
        try:
            found = _interpreter(path, facts)
        except _MALFORMED as error:
            raise _unusable(path, "it did not say what it is") from error
        if memory and found.executable == path:
            _remember(memory, facts)
    return found


def of_new_venv(directory: Path, base: Interpreter, cache_dir: Path | None) -> Interpreter:
    """Return the interpreter of a virtual environment that was just made in `directory` with `base`.

    Its facts follow from those of `base`, so it is asked only where they do not say enough (Python < 3.11).
    """
    executable = directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not base.venv_paths:
        return inspect_interpreter(executable, cache_dir)
    return replace(
        base,
        executable=Path(os.path.abspath(executable)),
        prefix=directory,
        scheme=_scheme(_filled(base.venv_paths, directory), directory, base.version, virtual=True),
        externally_managed="",
    )


def _inside(folder: Path) -> str:
    for name in ("bin/python", "Scripts/python.exe", "python.exe"):
        if (folder / name).exists():
            return f"name the one in it: `--python {folder / name}`"
    return "name one with `--python EXE`"


def _recall(memory: Path, executable: Path) -> Interpreter | None:
    try:
        facts = json.loads(memory.read_bytes())
        return _interpreter(executable, facts) if facts["format"] == _FORMAT else None
    except (OSError, *_MALFORMED):
        return None


def _remember(memory: Path, facts: dict[str, Any]) -> None:
    # What is not remembered is asked again: a full or read-only disk must not stop a command that only reads.
    with contextlib.suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(memory, json.dumps({**facts, "format": _FORMAT}).encode())


def _ask(executable: Path) -> dict[str, Any]:
    try:
        facts = json.loads(
            run([str(executable), "-I", "-B", probe.__file__], seconds=_SECONDS).splitlines()[-1]
        )
    except ProcessError as error:
        raise _unusable(executable, _too_old(executable) or error.reason) from error
    except OSError as error:
        if executable.is_dir():
            raise UsageError(
                f"`{executable}` is a folder, not a Python interpreter", hint=_inside(executable)
            ) from error
        raise _unusable(executable, error.strerror or "") from error
    except (ValueError, IndexError) as error:
        raise _unusable(executable, "it did not say what it is") from error
    if not isinstance(facts, dict):
        raise _unusable(executable, "it did not say what it is")
    return facts


def _too_old(executable: Path) -> str:
    """Say so where a python does not even understand the question; Python 2 knows not all of its options."""
    try:
        said = run([str(executable), "-c", _VERSION], seconds=_FEW_SECONDS).decode(errors="replace")
    except (ProcessError, OSError):
        return ""
    found = re.fullmatch(r"(\d+)\.(\d+)\.\d+", said)
    return f"it is Python {said}" if found and (int(found[1]), int(found[2])) < OLDEST else ""


def _unusable(executable: Path, cause: str) -> MachineError:
    return MachineError(
        f"the Python interpreter `{executable}` cannot be used",
        cause=cause,
        hint=f"name one of Python {OLDEST[0]}.{OLDEST[1]} or later with `--python EXE`",
    )


def _interpreter(executable: Path, facts: dict[str, Any]) -> Interpreter:
    major, minor, micro = facts["version"]
    version = (int(major), int(minor), int(micro))
    implementation = _PREFIXES.get(facts["implementation"])
    if version < OLDEST:
        raise _unusable(executable, f"it is Python {major}.{minor}.{micro}")
    if implementation is None:
        raise _unusable(executable, f"it is {facts['implementation']}, neither CPython nor PyPy")
    prefix, base_prefix = Path(facts["prefix"]), Path(facts["base_prefix"])
    virtual = prefix != base_prefix
    return Interpreter(
        executable=_who_answered(executable, facts["executable"]),
        base_executable=Path(facts["base_executable"]),
        prefix=prefix,
        base_prefix=base_prefix,
        version=version,
        target=Target(
            name=f"{implementation}{major}{minor}{facts['threading']}-{facts['platform']}",
            markers=facts["markers"],
        ),
        scheme=_scheme(facts["paths"], prefix, version, virtual=virtual),
        user_scheme=_scheme(facts["user_paths"], prefix, version, virtual=False),
        venv_paths=facts["venv_paths"] or {},
        externally_managed="" if virtual else _managed(Path(facts["stdlib"])),
    )


def _who_answered(asked: Path, said: str) -> Path:
    with contextlib.suppress(OSError):
        if said and not os.path.samefile(asked, said):
            return Path(os.path.abspath(said))
    return asked


def _scheme(
    paths: Mapping[str, str], prefix: Path, version: tuple[int, int, int], *, virtual: bool
) -> Scheme:
    # The include folder of a virtual environment is that of its base, which is not its to change: pip's
    # layout keeps headers of its own below `include/site`.
    include = prefix / "include" / "site" / f"python{version[0]}.{version[1]}"
    return Scheme(
        purelib=Path(paths["purelib"]),
        platlib=Path(paths["platlib"]),
        scripts=Path(paths["scripts"]),
        data=Path(paths["data"]),
        headers=include if virtual else Path(paths["include"]),
    )


def _filled(paths: Mapping[str, str], directory: Path) -> dict[str, str]:
    return {name: path.replace(probe.VENV, str(directory)) for name, path in paths.items()}


def _managed(stdlib: Path) -> str:
    """Read the mark of PEP 668 each time: it comes and goes without the interpreter changing."""
    marker = stdlib / "EXTERNALLY-MANAGED"
    with os_errors("read", marker):
        try:
            text = marker.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""
    # configparser costs 5 ms to import; only system interpreters bear the mark.
    import configparser  # noqa: PLC0415 - see above

    parser = configparser.ConfigParser(interpolation=None)
    with contextlib.suppress(configparser.Error):
        parser.read_string(text)
        said = parser.get("externally-managed", "Error", fallback="")
        if said.strip():
            return said.strip()
    return "its packages are managed by the system"


def running() -> Path:
    """Return the path of the interpreter that runs this; raises UsageError where it does not know it."""
    if not sys.executable:
        raise UsageError(
            "the interpreter pipper runs on does not know its own path", hint="use `--python EXE`"
        )
    return Path(sys.executable)
