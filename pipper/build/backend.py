"""Building a wheel from a source tree with whatever backend it names (PEP 517, PEP 518)."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipper.wheels.old_manifest import read_pipper_manifest
from pipper.core.ports import Reporter
from pipper.errors import MachineError, UsageError

__all__ = ["build_wheel", "read_pipper_manifest"]

_TAIL = 10
"""Lines of a failed build's output that go into the error."""

_NEVER = frozenset(
    {"__pycache__", ".hg", ".svn", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_NOT_AT_TOP = frozenset({".git", ".pipper", "build", "dist"})


@dataclass(slots=True)
class _Backend:
    """Runs the backend's commands and keeps what they say."""

    reporter: Reporter
    source_date: str
    lines: list[str] = field(default_factory=list)

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        environ = {**os.environ, **(extra_environ or {})}
        environ.setdefault("SOURCE_DATE_EPOCH", self.source_date)
        environ.setdefault("GIT_OPTIONAL_LOCKS", "0")
        process = subprocess.Popen(
            cmd,
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        with process:
            for line in process.stdout or ():
                self.lines.append(line.rstrip())
                self.reporter.detail(line.rstrip())
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, list(cmd))


def build_wheel(source: Path, output: Path, reporter: Reporter) -> Path:
    """Build the wheel of the project in the folder `source` into the folder `output` and return its path.

    The backend runs in an environment of its own, on a copy of the tree without environments, caches and
    earlier builds: neither stale files of `build/` get into the wheel nor new ones into the tree. `.git` is
    there by a link, for backends that read the version from it; files outside `source` are not there.
    `SOURCE_DATE_EPOCH` is the time of the newest file where it is not set, so that the same tree gives the
    same wheel. What the backend prints goes to `reporter.detail`.

    Raises UsageError where `source` is no project or its backend fails, with the backend's last lines;
    MachineError where the disk refuses.
    """
    if not any((source / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise UsageError(f"{source} is no Python project", cause="it has neither pyproject.toml nor setup.py")
    try:
        with tempfile.TemporaryDirectory(prefix="pipper-build-") as scratch:
            copy = Path(scratch, "source", source.resolve().name or "project")
            newest = _copy_tree(source.resolve(), copy)
            built = _run(copy, Path(scratch, "wheel"), _Backend(reporter, str(newest)), source)
            output.mkdir(parents=True, exist_ok=True)
            return Path(shutil.move(built, output / built.name))
    except OSError as error:
        raise MachineError(f"cannot build {source}", cause=_reason(error)) from error


def _run(copy: Path, output: Path, backend: _Backend, source: Path) -> Path:
    # Heavy, and only `bundle` needs it.
    import build  # noqa: PLC0415
    import build.env  # noqa: PLC0415

    try:
        with build.env.DefaultIsolatedEnv() as environment:
            builder = build.ProjectBuilder.from_isolated_env(environment, copy, runner=backend)
            environment.install(builder.build_system_requires)
            environment.install(builder.get_requires_for_build("wheel"))
            return Path(builder.build("wheel", output))
    except subprocess.CalledProcessError as error:  # pip, asked for the backend
        lines = [*_lines(error.stdout), *_lines(error.stderr)]
        raise _failed(source, lines or [str(error)]) from error
    except (build.BuildException, build.BuildBackendException, build.FailedProcessError) as error:
        raise _failed(source, backend.lines or str(error).splitlines()) from error


def _failed(source: Path, lines: Sequence[str]) -> UsageError:
    tail = [line for line in lines if line.strip()][-_TAIL:]
    return UsageError(f"the build of {source} failed", cause="\n".join(tail))


def _lines(output: bytes | None) -> list[str]:
    return (output or b"").decode("utf-8", "replace").splitlines()


def _copy_tree(source: Path, copy: Path) -> int:
    """Copy what a build may need; return the time of the newest file in seconds since 1970."""
    newest = 315532800  # 1980, the first year that a zip can say

    def leave_out(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        return {name for name in names if _is_left_out(here, name, at_top=here == source)}

    def copy_file(original: str, target: str) -> str:
        nonlocal newest
        newest = max(newest, int(Path(original).stat().st_mtime))
        return shutil.copy2(original, target)

    shutil.copytree(source, copy, ignore=leave_out, copy_function=copy_file, ignore_dangling_symlinks=True)
    # Where links are not allowed, only a backend that asks git misses it, and says so.
    if (source / ".git").exists():
        with contextlib.suppress(OSError):
            (copy / ".git").symlink_to(source / ".git")
    return newest


def _is_left_out(folder: Path, name: str, *, at_top: bool) -> bool:
    if name in _NEVER or (folder / name / "pyvenv.cfg").is_file():
        return True
    if name.endswith(".egg-info"):
        return at_top or folder.name == "src"
    # A package may be called `build`.
    return at_top and (
        name.endswith(".pipper") or (name in _NOT_AT_TOP and not (folder / name / "__init__.py").is_file())
    )


def _reason(error: OSError) -> str:
    if isinstance(error, shutil.Error):
        return "; ".join(str(reason) for _, _, reason in error.args[0][:3])
    return f"{error.filename}: {error.strerror}" if error.strerror else str(error)
