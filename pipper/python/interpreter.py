"""Python interpreters: facts that each reports once and the cache keeps."""

import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pipper.core.plain_json import load_json
from pipper.core.target import MARKER_NAMES, Target
from pipper.errors import MachineError, UsageError
from pipper.python import probe
from pipper.python.fingerprint import fingerprint
from pipper.system.files import write_atomic
from pipper.system.os_errors import os_errors
from pipper.system.process import ProcessError, run
from pipper.system.regular_file import read_regular
from pipper.system.seals import read_sealed, sealed

OLDEST = (3, 9)
"""The oldest supported version of Python in an environment."""

_PREFIXES = {"cpython": "cp", "pypy": "pp"}
_SECONDS = 60
_FEW_SECONDS = 5
_FORMAT = 3
_VERSION = "import sys; sys.stdout.write('%d.%d.%d' % sys.version_info[:3])"
"""Prints the version on Python 2 and 3."""
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, UsageError)
"""What `_interpreter` raises for malformed facts."""
_NO_FACTS = "it did not report its version and paths"


class Scheme(Struct, frozen=True, kw_only=True):
    """The folders that the parts of a wheel are installed in (PEP 427, sysconfig)."""

    purelib: Path
    platlib: Path
    scripts: Path
    data: Path
    headers: Path
    """The folder that holds one folder of headers for each distribution."""


class Interpreter(Struct, frozen=True, kw_only=True):
    """A Python interpreter and the folders of its packages."""

    executable: Path
    """Absolute, links not followed: the python of a virtual environment is identified by its own path. For
    the shim of a version manager, the python that the shim runs."""
    base_executable: Path
    """The python to make virtual environments with."""
    prefix: Path
    base_prefix: Path
    version: tuple[int, int, int]
    target: Target
    scheme: Scheme
    user_scheme: Scheme
    venv_paths: Mapping[str, str]
    """The scheme of a virtual environment made with it, its folder as `probe.VENV`; empty if unknown."""
    externally_managed: str = ""
    """Why pipper must not change its packages (PEP 668); empty if it may."""

    @property
    def is_virtual(self) -> bool:
        """Whether it is the python of a virtual environment (PEP 405)."""
        return self.prefix != self.base_prefix


def inspect_interpreter(executable: Path, cache_dir: Path | None) -> Interpreter:
    """Return the interpreter at `executable`, from `cache_dir` or by running it.

    A shim is run each time, as only the shim knows which interpreter it runs. Raises UsageError if there is
    no file at `executable`, MachineError if the interpreter does not run or is too old.
    """
    path = Path(os.path.abspath(executable))
    name = fingerprint(path)
    entry = cache_dir / f"{name}.json" if cache_dir else None
    subject = f"interpreter {name}"
    found = _read_cached(entry, subject, path) if entry else None
    if found is None:
        facts = _run_probe(path)
        try:
            found = _interpreter(path, facts)
        except _MALFORMED as error:
            raise _unusable(path, _NO_FACTS) from error
        if entry and found.executable == path:
            # A full or read-only disk must not stop a command that only reads: the next one runs the probe again.
            with contextlib.suppress(OSError):
                entry.parent.mkdir(parents=True, exist_ok=True)
                text = json.dumps({**facts, "format": _FORMAT}).encode()
                write_atomic(entry, sealed(text, subject))
    return found


def of_new_venv(directory: Path, base: Interpreter, cache_dir: Path | None) -> Interpreter:
    """Return the interpreter of a new virtual environment that `base` made in `directory`.

    Its facts follow from those of `base`; it is run only if they are incomplete.
    """
    executable = directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not base.venv_paths:
        return inspect_interpreter(executable, cache_dir)
    paths = {name: path.replace(probe.VENV, str(directory)) for name, path in base.venv_paths.items()}
    return replace(
        base,
        executable=Path(os.path.abspath(executable)),
        prefix=directory,
        scheme=_scheme(paths, directory, base.version, virtual=True),
        externally_managed="",
    )


def _folder_hint(folder: Path) -> str:
    for name in ("bin/python", "Scripts/python.exe", "python.exe"):
        if (folder / name).exists():
            return f"name the one in it: `--python {folder / name}`"
    return "name one with `--python EXE`"


def _read_cached(entry: Path, subject: str, executable: Path) -> Interpreter | None:
    # Sealed, because a forged scheme would have packages written anywhere.
    text = read_sealed(entry, subject)
    try:
        facts = load_json(text) if text else {}
        if facts["format"] != _FORMAT:
            return None
        found = _interpreter(executable, facts)
        found.target.python  # noqa: B018 - it raises UsageError for what is no version
        return found
    except (MachineError, *_MALFORMED):  # the probe tells whether it is unusable
        return None


def _run_probe(executable: Path) -> dict[str, Any]:
    try:
        facts = load_json(
            run([str(executable), "-I", "-B", probe.__file__], seconds=_SECONDS).splitlines()[-1]
        )
    except ProcessError as error:
        raise _unusable(executable, _old_version(executable) or error.reason) from error
    except OSError as error:
        if executable.is_dir():
            raise UsageError(
                f"`{executable}` is a directory, not a Python interpreter", hint=_folder_hint(executable)
            ) from error
        raise _unusable(executable, error.strerror or "") from error
    except (ValueError, IndexError) as error:
        raise _unusable(executable, _NO_FACTS) from error
    if not isinstance(facts, dict):
        raise _unusable(executable, _NO_FACTS)
    return facts


def _old_version(executable: Path) -> str:
    """Return the version of a python that is too old to run the probe (Python 2 lacks `-I`), or an empty text."""
    try:
        printed = run([str(executable), "-E", "-s", "-S", "-c", _VERSION], seconds=_FEW_SECONDS)
    except (ProcessError, OSError):
        return ""
    version = printed.decode(errors="replace")
    found = re.fullmatch(r"(\d+)\.(\d+)\.\d+", version)
    return f"it is Python {version}" if found and (int(found[1]), int(found[2])) < OLDEST else ""


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
    markers = {name: facts["markers"][name] for name in MARKER_NAMES}
    if not all(isinstance(value, str) for value in markers.values()):
        raise TypeError(markers)
    prefix, base_prefix = Path(facts["prefix"]), Path(facts["base_prefix"])
    virtual = prefix != base_prefix
    return Interpreter(
        executable=_actual_executable(executable, facts["executable"]),
        base_executable=Path(facts["base_executable"]),
        prefix=prefix,
        base_prefix=base_prefix,
        version=version,
        target=Target(
            name=f"{implementation}{major}{minor}{facts['threading']}-{facts['platform']}",
            markers=markers,
        ),
        scheme=_scheme(facts["paths"], prefix, version, virtual=virtual),
        user_scheme=_scheme(facts["user_paths"], prefix, version, virtual=False),
        venv_paths=facts["venv_paths"] or {},
        externally_managed="" if virtual else _external_manager(Path(facts["stdlib"])),
    )


def _actual_executable(started: Path, reported: str) -> Path:
    with contextlib.suppress(OSError):
        if reported and not os.path.samefile(started, reported):
            return Path(os.path.abspath(reported))
    return started


def _scheme(
    paths: Mapping[str, str], prefix: Path, version: tuple[int, int, int], *, virtual: bool
) -> Scheme:
    # The include folder of a virtual environment belongs to its base interpreter. Its own headers go below
    # `include/site`, as in pip's layout.
    include = prefix / "include" / "site" / f"python{version[0]}.{version[1]}"
    return Scheme(
        purelib=Path(paths["purelib"]),
        platlib=Path(paths["platlib"]),
        scripts=Path(paths["scripts"]),
        data=Path(paths["data"]),
        headers=include if virtual else Path(paths["include"]),
    )


def _external_manager(stdlib: Path) -> str:
    """Return the text of the EXTERNALLY-MANAGED file (PEP 668); not cached, as it changes without the interpreter."""
    marker = stdlib / "EXTERNALLY-MANAGED"
    with os_errors("read", marker):
        try:
            text = read_regular(marker).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
    # configparser takes 5 ms to import; only system interpreters have the file.
    import configparser  # noqa: PLC0415 - see above

    parser = configparser.ConfigParser(interpolation=None)
    with contextlib.suppress(configparser.Error):
        parser.read_string(text)
        text = parser.get("externally-managed", "Error", fallback="").strip()
        if text:
            return text
    return "its packages are managed by the system"
