"""Build a wheel from a source tree with the build backend that it names (PEP 517, PEP 518)."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct, field

from pipper.core.reporter import Reporter
from pipper.errors import MachineError, UsageError
from pipper.system.files import replacing
from pipper.system.process import child_environment, clean_environment

_TAIL = 10
"""Lines of a failed build's output that the error quotes."""

_EXCLUDED = frozenset(
    {"__pycache__", ".hg", ".svn", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)
_EXCLUDED_AT_ROOT = frozenset({".git", ".pipper", "build", "dist"})


class _Backend(Struct):
    """Runs the backend's commands and keeps their output."""

    reporter: Reporter
    source_date: str
    lines: list[str] = field(default_factory=list)

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        environ = child_environment(extra_environ)
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

    The backend runs in an isolated environment on a copy of the tree without environments, caches and
    earlier builds: stale files of `build/` do not get into the wheel, new ones do not get into the tree.
    The copy links to `.git`, for backends that read the version from it; it has no files from outside
    `source`. `SOURCE_DATE_EPOCH` defaults to the time of the newest file, so that equal trees give equal
    wheels. The output of the backend goes to `reporter.detail`.

    Raises UsageError if `source` is not a project or its backend fails, with the last lines of the output;
    MachineError if the file system fails.
    """
    if not any((source / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise UsageError(
            f"{source} is not a Python project",
            cause="it has neither pyproject.toml nor setup.py",
            hint="name the folder that has one of them",
        )
    try:
        with tempfile.TemporaryDirectory(prefix="pipper-build-") as scratch:
            copy = Path(scratch, "source", source.resolve().name or "project")
            newest = _copy_tree(source.resolve(), copy)
            built = _run(copy, Path(scratch, "wheel"), _Backend(reporter, str(newest)), source)
            output.mkdir(parents=True, exist_ok=True)
            with built.open("rb") as source_file, replacing(output / built.name) as file:
                shutil.copyfileobj(source_file, file)
            return output / built.name
    except OSError as error:
        raise MachineError(
            f"cannot build {source}",
            cause=_reason(error),
            hint="check the permissions of that path and the free space in the temporary folder",
        ) from error


def _run(copy: Path, folder: Path, backend: _Backend, source: Path) -> Path:
    # A heavy import that only `bundle` needs.
    import build  # noqa: PLC0415
    import build.env  # noqa: PLC0415

    try:
        # pip, which `build` starts by itself, may run the backends of source distributions.
        with clean_environment(), build.env.DefaultIsolatedEnv() as environment:
            builder = build.ProjectBuilder.from_isolated_env(environment, copy, runner=backend)
            environment.install(builder.build_system_requires)
            environment.install(builder.get_requires_for_build("wheel"))
            return Path(builder.build("wheel", folder))
    except subprocess.CalledProcessError as error:  # pip failed to install the backend
        output = b"\n".join(filter(None, (error.stdout, error.stderr))).decode("utf-8", "replace")
        raise _failed(source, (output or str(error)).splitlines()) from error
    except (build.BuildException, build.BuildBackendException, build.FailedProcessError) as error:
        raise _failed(source, backend.lines or str(error).splitlines()) from error


def _failed(source: Path, lines: Sequence[str]) -> UsageError:
    tail = [line for line in lines if line.strip()][-_TAIL:]
    return UsageError(
        f"the build of {source} failed",
        cause="\n".join(tail),
        hint="correct what the output reports; `-v` shows all of it",
    )


def _copy_tree(source: Path, copy: Path) -> int:
    """Copy the files that a build may need; return the time of the newest in seconds since 1970."""
    newest = 315532800  # 1980, the first year that a zip can store

    def excluded(folder: str, names: list[str]) -> set[str]:
        here = Path(folder)
        return {name for name in names if _is_excluded(here, name, at_root=here == source)}

    def copy_file(original: str, target: str) -> str:
        nonlocal newest
        newest = max(newest, int(Path(original).stat().st_mtime))
        return shutil.copy2(original, target)

    shutil.copytree(source, copy, ignore=excluded, copy_function=copy_file, ignore_dangling_symlinks=True)
    # Without permission to make links, only a backend that runs git misses the link; it reports that itself.
    if (source / ".git").exists():
        with contextlib.suppress(OSError):
            (copy / ".git").symlink_to(source / ".git")
    return newest


def _is_excluded(folder: Path, name: str, *, at_root: bool) -> bool:
    if name in _EXCLUDED or (folder / name / "pyvenv.cfg").is_file():
        return True
    if name.endswith(".egg-info"):
        return at_root or folder.name == "src"
    # A package may be called `build`.
    return at_root and (
        name.endswith(".pipper")
        or (name in _EXCLUDED_AT_ROOT and not (folder / name / "__init__.py").is_file())
    )


def _reason(error: OSError) -> str:
    if isinstance(error, shutil.Error):
        return "; ".join(str(reason) for _, _, reason in error.args[0][:3])
    return f"{error.filename}: {error.strerror}" if error.strerror else str(error)
