"""Python interpreters: what they say of themselves, asked once and remembered."""

import contextlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipper import probe
from pipper.core.target import Target
from pipper.errors import MachineError, UsageError
from pipper.fingerprint import fingerprint
from pipper.process import ProcessError, run

OLDEST = (3, 9)
"""The oldest Python that environments may have."""

_PREFIXES = {"cpython": "cp", "pypy": "pp"}
_SECONDS = 60
_FORMAT = 1


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
    """Absolute, links not followed: a virtual environment's python is known by its own path."""
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

    Raises UsageError where there is no such file, MachineError where it does not run or is too old.
    """
    path = Path(os.path.abspath(executable))
    name = fingerprint(path)
    memory = cache_dir / f"{name}.json" if cache_dir else None
    facts = _recall(memory) if memory else None
    if facts is None:
        facts = _ask(path)
        if memory:
            _remember(memory, facts)
    return _interpreter(path, facts)


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


def _recall(memory: Path) -> dict[str, Any] | None:
    try:
        facts = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and facts.get("format") == _FORMAT else None


def _remember(memory: Path, facts: dict[str, Any]) -> None:
    # What is not remembered is asked again: a full or read-only disk must not stop a command that only reads.
    with contextlib.suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        temporary = memory.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({**facts, "format": _FORMAT}))
        temporary.replace(memory)


def _ask(executable: Path) -> dict[str, Any]:
    try:
        facts = json.loads(
            run([str(executable), "-I", "-B", probe.__file__], seconds=_SECONDS).splitlines()[-1]
        )
    except ProcessError as error:
        raise _unusable(executable, error.said) from error
    except OSError as error:
        raise _unusable(executable, error.strerror or "") from error
    except (ValueError, IndexError) as error:
        raise _unusable(executable, "it did not say what it is") from error
    if not isinstance(facts, dict):
        raise _unusable(executable, "it did not say what it is")
    return facts


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
        executable=executable,
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
    try:
        text = marker.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise MachineError(f"`{marker}` cannot be read", cause=error.strerror or "") from error
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
