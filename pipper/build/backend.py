"""Build a wheel from the source tree of a project with the build backend that it names (PEP 517, PEP 518)."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from pipper.build.hooks import BuildRules, Hooks
from pipper.build.source_tree import copy_error, copy_tree, require_project
from pipper.core.duration import parse_duration
from pipper.core.ports import BuildEnvironment, BuildEnvironments
from pipper.core.reporter import Reporter
from pipper.errors import MachineError, UsageError
from pipper.system.files import replacing

SAME_COMMAND = "the same command with `-v`"
"""The words for a command that builds, and that only its user knows."""
TIMEOUT = "PIPPER_BUILD_TIMEOUT"
"""The environment variable that sets how long a backend may run, such as `3h`."""
_USUAL_SECONDS = 3600


class Builder(Struct, frozen=True, kw_only=True):
    """What a build needs besides the sources."""

    environments: BuildEnvironments
    environ: Mapping[str, str]
    """pipper's own variables; a backend gets those that are no secret."""
    reporter: Reporter
    python: str = ""
    """A digest of the interpreter of the environments: another one may build something else."""

    def __repr__(self) -> str:
        return "Builder()"  # variables may hold secrets

    def rules(self, subject: str, *, again: str, source_date: int) -> BuildRules:
        """Return the rules for one build; raise UsageError if the variable TIMEOUT is not a duration."""
        given = self.environ.get(TIMEOUT)
        try:
            seconds = parse_duration(given) if given else _USUAL_SECONDS
        except UsageError as error:
            raise UsageError(f"{TIMEOUT}: {error.message}", cause=error.cause, hint=error.hint) from error
        return BuildRules(
            subject=subject,
            again=again,
            environ=self.environ,
            seconds=seconds,
            limit_variable=TIMEOUT,
            source_date=source_date,
            reporter=self.reporter,
        )


def build_wheel(source: Path, output: Path, builder: Builder) -> Path:
    """Build the wheel of the project in the folder `source` into the folder `output` and return its path.

    The backend runs on a copy of the tree without environments, caches and earlier builds, in an environment
    that `builder.environments` makes. The copy links to `.git`; from outside `source` it has only what links lead to.
    `SOURCE_DATE_EPOCH` defaults to the time of the newest file, so that equal trees give equal wheels. The output
    of the backend goes to `reporter.detail`.

    Raises UsageError if `source` is not a project, what `Hooks` and `BuildEnvironments.make` raise, and
    MachineError if the file system fails.
    """
    require_project(source)
    again = f"`pipper bundle {source} -v`"
    try:
        with tempfile.TemporaryDirectory(prefix="pipper-build-", ignore_cleanup_errors=True) as scratch:
            copy = Path(scratch, "source", source.resolve().name or "project")
            newest = copy_tree(source.resolve(), copy)
            hooks = Hooks(copy, builder.rules(str(source), again=again, source_date=newest))
            environment = environment_for(hooks, builder.environments, subject=str(source))
            built = hooks.wheel(environment, Path(scratch, "wheel"))
            output.mkdir(parents=True, exist_ok=True)
            with built.open("rb") as source_file, replacing(output / built.name) as file:
                shutil.copyfileobj(source_file, file)
            return output / built.name
    except OSError as error:
        raise MachineError(
            f"cannot build {source}",
            cause=copy_error(error),
            hint="check the permissions of that path and the free space in the temporary directory",
        ) from error


def environment_for(
    hooks: Hooks, environments: BuildEnvironments, *, subject: str, editable: bool = False
) -> BuildEnvironment:
    """Return the environment that a project's backend needs: what it requires, and what it asks for then."""
    requires = hooks.requires()
    environment = environments.make(requires, subject=subject)
    more = hooks.requires_for(environment, editable=editable)
    return environments.make((*requires, *more), subject=subject) if more else environment
