"""The hooks of a build backend (PEP 517, PEP 660), each run in an environment that pipper made for it."""

import os
import subprocess
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

from pipper.core.document import MANIFEST_LIMIT, read_toml
from pipper.core.duration import format_duration
from pipper.core.ports import BuildEnvironment
from pipper.core.reporter import Reporter
from pipper.errors import IntegrityError, MachineError, PipperError, UsageError
from pipper.system.files import read_bytes
from pipper.system.process import child_environment, proxies_in
from pipper.system.process_group import run_in_group

if TYPE_CHECKING:
    import build

_SHOWN = 40
"""Lines of a failed build's output that the error shows."""
_WITHHELD = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""The starts of variables that would lead a backend to other packages."""


class BuildRules(Struct, frozen=True, kw_only=True):
    """What is the same for every hook of one build."""

    subject: str
    """What is built, for messages."""
    again: str
    """The command that builds it again, and with `-v` shows all output: `` `pipper bundle DIR -v` ``, or in words."""
    environ: Mapping[str, str]
    """pipper's own variables; a backend gets those that are no secret."""
    seconds: int
    """How long a hook may run."""
    limit_variable: str
    """The environment variable that sets `seconds`."""
    source_date: int
    """SOURCE_DATE_EPOCH, unless a variable sets it: equal sources give equal wheels."""
    reporter: Reporter
    """Gets the output of the backend, as details."""

    def __repr__(self) -> str:
        return f"BuildRules(subject={self.subject!r})"  # variables may hold secrets


class Hooks:
    """The backend of the project in the folder `tree`, which a build may change.

    Each method raises MachineError if the backend fails or does not finish in time, with its last lines;
    UsageError if `[build-system]` is invalid; IntegrityError if the backend breaks PEP 517.
    """

    def __init__(self, tree: Path, rules: BuildRules) -> None:
        self._tree = tree
        self._rules = rules
        data = read_bytes(tree / "pyproject.toml")
        if data is not None:
            read_toml(data, label=f"{rules.subject}: pyproject.toml", limit=MANIFEST_LIMIT)

    def requires(self) -> tuple[str, ...]:
        """Return `build-system.requires` (PEP 518), sorted; runs nothing."""
        with self._translated([]):
            return tuple(sorted(self._builder(None, []).build_system_requires))

    def requires_for(self, environment: BuildEnvironment, *, editable: bool = False) -> tuple[str, ...]:
        """Return what the backend requires in addition to `requires`, sorted."""
        lines: list[str] = []
        with self._translated(lines):
            kind: Literal["editable", "wheel"] = "editable" if editable else "wheel"
            found = self._builder(environment, lines).get_requires_for_build(kind)
        if not all(isinstance(each, str) for each in found):
            raise self._broken("its requirements are not texts")
        return tuple(sorted(found))

    def wheel(self, environment: BuildEnvironment, output: Path, *, editable: bool = False) -> Path:
        """Build the wheel, or the editable one (PEP 660), into the new folder `output`, and return its path."""
        output.mkdir(parents=True)
        lines: list[str] = []
        with self._translated(lines):
            kind: Literal["editable", "wheel"] = "editable" if editable else "wheel"
            name = Path(self._builder(environment, lines).build(kind, output)).name
        made = sorted(path.name for path in output.iterdir())
        path = output / name
        if not name.endswith(".whl") or path.is_symlink() or not path.is_file():
            raise self._broken(f"it reported the wheel `{name[:200]}`, and there is no such file")
        if made != [name]:
            extra = next(each for each in made if each != name)
            raise self._broken(f"it reported the wheel {name}, and wrote `{extra[:200]}` too")
        return path

    def metadata(self, environment: BuildEnvironment, output: Path) -> bytes | None:
        """Return METADATA without building, from the new folder `output`; None if the backend cannot do that."""
        output.mkdir(parents=True)
        lines: list[str] = []
        with self._translated(lines):
            found = self._builder(environment, lines).prepare("wheel", output)
        if found is None:
            return None
        path = output / Path(found).name / "METADATA"
        if path.is_symlink() or not path.is_file():
            raise self._broken("it prepared metadata without a file METADATA")
        return read_bytes(path)

    def _builder(self, environment: BuildEnvironment | None, lines: list[str]) -> "build.ProjectBuilder":
        import build  # noqa: PLC0415 - a heavy import that only builds need

        if environment is None:
            return build.ProjectBuilder(self._tree)
        run = _Runner(self._rules, environment, lines)
        return build.ProjectBuilder(self._tree, python_executable=str(environment.python), runner=run)

    @contextmanager
    def _translated(self, lines: Sequence[str]) -> Iterator[None]:
        import build  # noqa: PLC0415 - a heavy import that only builds need
        import pyproject_hooks  # noqa: PLC0415 - see above

        subject = self._rules.subject
        try:
            with self._warnings_as_details():
                yield
        except build.BuildBackendException as error:
            if isinstance(error.exception, PipperError):
                raise error.exception from error
            if isinstance(error.exception, pyproject_hooks.HookMissing):
                raise UsageError(
                    f"the build backend of {subject} does not implement `{error.exception}`",
                    cause="an editable installation needs a backend with the hooks of PEP 660",
                    hint="write `editable = false` beside its path in [sources], or use a newer backend",
                ) from error
            if isinstance(error.exception, OSError):
                raise MachineError(
                    f"cannot build {subject}",
                    cause=f"{error.exception.filename}: {error.exception.strerror}",
                    hint="check the permissions of that path and the free space in the temporary directory",
                ) from error
            raise self._failed(lines or str(error).splitlines()) from error
        except build.BuildException as error:
            raise UsageError(
                f"the build of {subject} failed: its [build-system] cannot be used",
                cause=" ".join(str(error).split())[:500],
                hint="correct [build-system] in its pyproject.toml (PEP 518)",
            ) from error

    @contextmanager
    def _warnings_as_details(self) -> Iterator[None]:
        """Report Python's warnings as details: `pyproject_hooks` repeats those of the backend in this process."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield
            finally:
                for text in dict.fromkeys(str(each.message).strip() for each in caught):
                    self._rules.reporter.detail(text)

    def _failed(self, lines: Sequence[str]) -> MachineError:
        return MachineError(
            f"the build of {self._rules.subject} failed",
            cause="\n".join([line for line in lines if line.strip()][-_SHOWN:]),
            hint=f"correct what its build backend reports; {self._rules.again} shows all of it again",
        )

    def _broken(self, why: str) -> IntegrityError:
        return IntegrityError(
            f"the build backend of {self._rules.subject} breaks PEP 517: {why}",
            hint="correct the backend, or use another version of the package",
        )


class _Runner(Struct):
    """Runs the backend's commands; see `pyproject_hooks.BuildBackendHookCaller`."""

    rules: BuildRules
    environment: BuildEnvironment
    lines: list[str] = field(default_factory=list)

    def __call__(
        self, cmd: Sequence[str], cwd: str | None = None, extra_environ: Mapping[str, str] | None = None
    ) -> None:
        rules = self.rules
        environ = {**backend_environ(rules.environ, self.environment), **(extra_environ or {})}
        environ.setdefault("SOURCE_DATE_EPOCH", str(rules.source_date))
        told: Callable[[str], None] = rules.reporter.detail
        ended = run_in_group(
            cmd, cwd=cwd, environ=environ, seconds=rules.seconds, told=told, kept_lines=4 * _SHOWN
        )
        self.lines[:] = ended.lines
        if ended.code is None:
            raise MachineError(
                f"the build of {rules.subject} did not finish in {format_duration(rules.seconds)}",
                cause="\n".join([line for line in ended.lines if line.strip()][-_SHOWN:]),
                hint=f"{rules.again} shows where it stops; {rules.limit_variable}=3h, say, gives it more time",
            )
        if ended.code:
            raise subprocess.CalledProcessError(ended.code, list(cmd))


def backend_environ(environ: Mapping[str, str], environment: BuildEnvironment) -> dict[str, str]:
    """Return the variables of a backend: `environ` without secrets, and without a way to other packages."""
    bare = child_environment(proxies_in(environ), environ)
    kept = {name: value for name, value in bare.items() if not name.upper().startswith(_WITHHELD)}
    paths = [str(environment.scripts), *filter(None, [kept.get("PATH", os.defpath)])]
    return {
        **kept,
        "PATH": os.pathsep.join(paths),
        "PYTHONNOUSERSITE": "1",
        "PIP_NO_INDEX": "1",  # old backends run pip for requirements that they did not declare
        "GIT_OPTIONAL_LOCKS": kept.get("GIT_OPTIONAL_LOCKS", "0"),
    }
