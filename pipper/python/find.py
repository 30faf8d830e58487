"""Find interpreters on the machine: by version, or the first that a project admits."""

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from packaging.specifiers import SpecifierSet

from pipper.errors import MachineError, UsageError
from pipper.python.interpreter import Interpreter, inspect_interpreter
from pipper.python.running import running
from pipper.system.process import ProcessError, run

_REQUEST = re.compile(
    r"(?:(?P<kind>python|cpython|pypy)[-@]?)?(?P<version>3(?:\.\d{1,3}){0,2})?(?:-dev)?", re.IGNORECASE
)
_NAMED = re.compile(r"(?:python|pypy)(?P<version>3(?:\.\d+)?)?(?:\.exe)?")
_KINDS = {"cpython": "cp", "python": "", "pypy": "pp"}
_SECONDS = 10
_MINOR = 2
_PARTS = 3
_SHIMS = "shims"
"""The folder of pyenv on PATH with a script for every name of a Python that it has: each takes half a second."""
_Found = tuple[Path, tuple[int, ...]]
"""A python, and as much of its version as its name tells."""


class VersionRequest(Struct, frozen=True, kw_only=True):
    """A kind of Python and the first parts of its version, as in `3.12`, `python3.12` or `pypy3.10`."""

    text: str
    prefix: str = ""
    """`cp` or `pp`; empty for any, of which CPython is preferred by its place on the machine."""
    version: tuple[int, ...] = ()

    def admits(self, interpreter: Interpreter) -> bool:
        """Return whether an interpreter is of this kind and version."""
        same = interpreter.version[: len(self.version)] == self.version
        return same and interpreter.target.name.startswith(self.prefix)

    def may_admit(self, version: tuple[int, ...]) -> bool:
        """Return whether an interpreter may be admitted of whose version only the first parts are known."""
        known = min(len(version), len(self.version))
        return version[:known] == self.version[:known]


def may_be_admitted(requires: SpecifierSet, version: tuple[int, ...]) -> bool:
    """Return whether `requires-python` may admit a Python of whose version only the first parts are known."""
    if len(version) < _MINOR:
        return True
    text = ".".join(map(str, version))
    ends = ("",) if len(version) > _MINOR else (".0", ".999")
    return any(requires.contains(f"{text}{end}", prereleases=True) for end in ends)


def version_request(text: str) -> VersionRequest | None:
    """Return what `--python` or `.python-version` asks for; None for a path or another name."""
    found = _REQUEST.fullmatch(text.strip())
    if found is None or not (found["kind"] or found["version"]):
        return None
    version = tuple(int(part) for part in (found["version"] or "").split(".") if part)
    kind = (found["kind"] or "").lower()
    return VersionRequest(text=text.strip(), prefix=_KINDS.get(kind, "cp"), version=version)


def find_interpreter(
    accepts: Callable[[Interpreter], bool],
    may: Callable[[tuple[int, ...]], bool],
    *,
    environ: Mapping[str, str],
    home: Path,
    cache_dir: Path | None,
) -> Interpreter | None:
    """Return the first interpreter of the machine that is accepted, None if there is none.

    `may` says by what is known of a version whether it is worth running that interpreter, which takes time.

    In order: the one that runs pipper, those on PATH, in pyenv's and uv's folders, and of the Windows launcher.
    What does not run is passed over.
    """
    seen = set()
    for path, version in _on_machine(environ, home):
        real = os.path.realpath(path)
        if real in seen or not may(version):
            continue
        seen.add(real)
        with contextlib.suppress(MachineError, UsageError):
            found = inspect_interpreter(path, cache_dir)
            if accepts(found):
                return found
    return None


def _on_machine(environ: Mapping[str, str], home: Path) -> Iterator[_Found]:
    with contextlib.suppress(UsageError):
        yield running(), tuple(sys.version_info[:3])
    for folder in environ.get("PATH", "").split(os.pathsep):
        if os.path.isabs(folder):
            yield from _in_folder(Path(folder))
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv")
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    uv = Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    for versions in (pyenv / "versions", uv):
        yield from _installations(versions)
    if os.name == "nt":
        yield from _of_launcher()


def _in_folder(folder: Path) -> Iterator[_Found]:
    """Yield the pythons of a folder on PATH: `python3` and `python` first, then the newest version."""
    try:
        with os.scandir(folder) as entries:
            names = {
                entry.name: found for entry in entries if (found := _NAMED.fullmatch(entry.name.lower()))
            }
    except OSError:
        return
    plain = [name for name in ("python3", "python", "python3.exe", "python.exe") if name in names]
    if folder.name == _SHIMS:
        names = {name: names[name] for name in plain}  # the folders of pyenv have the others
    versions = {name: _version(found["version"]) for name, found in names.items()}
    rest = sorted(versions.keys() - plain, key=lambda name: (versions[name], name), reverse=True)
    yield from ((folder / name, versions[name]) for name in (*plain, *rest))


def _installations(folder: Path) -> Iterator[_Found]:
    """Yield the pythons of installations in folders that are named after their version, the newest first."""
    try:
        found = [each for each in folder.iterdir() if each.is_dir()]
    except OSError:
        return
    for each in sorted(
        found, key=lambda each: (each.name[0] in "0123456789", _version(each.name)), reverse=True
    ):
        for name in ("bin/python3", "bin/python", "python.exe"):
            if (each / name).exists():
                # The folder of a PyPy begins with the version of its Python, that of a CPython with nothing else.
                yield each / name, _version(each.name)[:_PARTS]
                break


def _of_launcher() -> Iterator[_Found]:
    launcher = shutil.which("py")
    if launcher is None:
        return
    with contextlib.suppress(ProcessError, OSError):
        printed = run([launcher, "-0p"], seconds=_SECONDS).decode(errors="replace")
        for line in printed.splitlines():
            if found := re.search(r"[A-Za-z]:\\.*\.exe", line):
                yield Path(found[0]), ()


def _version(text: str | None) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d{1,9}", text or "")))
