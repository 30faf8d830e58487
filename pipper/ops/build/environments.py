"""The environments of build backends: solved from `build-system.requires` by the rules of the project around."""

from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace
from packaging.requirements import InvalidRequirement, Requirement

from pipper.build.backend import Builder
from pipper.core.lock.model import Lock
from pipper.core.lock.selection import Selection, select
from pipper.core.manifest.model import Manifest
from pipper.core.ports import BuildEnvironment
from pipper.core.redaction import redacted
from pipper.errors import NoSolutionError, UsageError
from pipper.ops.build.install import install_build_environment
from pipper.ops.context.environments import interpreter_at_hand, open_cache, part_for
from pipper.ops.context.project import Project, find_project
from pipper.ops.context.project_files import PIPPER_TOML
from pipper.ops.context.settings import Place, Settings
from pipper.ops.context.surroundings import projects_around, with_rules_around
from pipper.ops.lock.make_lock import make_lock
from pipper.ops.lock.options import LockOptions
from pipper.ops.sync.fetch import origins_of
from pipper.python.interpreter import Interpreter


class SolvedBuildEnvironments:
    """See `ports.BuildEnvironments`: the newest packages that fit, from the sources of a project and with its limits.

    Its manifest's `constraints`, `overrides`, `prereleases`, `as-of` and `cool-down` apply; its requirements do not.
    """

    def __init__(self, settings: Settings, project: Project, interpreter: Interpreter) -> None:
        self._settings = settings
        self._project = project
        self._interpreter = interpreter
        self._locks: dict[tuple[str, ...], Lock] = {}

    def make(self, requirements: Iterable[str], *, subject: str) -> BuildEnvironment:
        settings, interpreter, cache = self._settings, self._interpreter, open_cache(self._settings)
        lock = self._lock(tuple(sorted(set(requirements))), subject)
        part = part_for(lock, interpreter, label=f"the build environment of {subject}")
        return install_build_environment(
            lock,
            part,
            select(lock, part, Selection()),
            interpreter=interpreter,
            origins=lambda: origins_of(settings, lock, self._project),
            cache=cache,
            reporter=settings.reporter,
        )

    def _lock(self, texts: tuple[str, ...], subject: str) -> Lock:
        if texts not in self._locks:
            asked = for_build(self._project, [build_requirement(text, subject) for text in texts])
            try:
                self._locks[texts] = make_lock(self._settings, asked, self._interpreter.target, LockOptions())
            except NoSolutionError as error:
                raise NoSolutionError(
                    f"no environment for the build of {subject}: {error.message}",
                    cause=error.cause,
                    hint=error.hint,
                ) from error
        return self._locks[texts]


def build_requirement(text: str, subject: str) -> Requirement:
    """Return a requirement of a build; raise UsageError if it is malformed or names a URL."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise UsageError(
            f"the build of {subject} failed: `{redacted(text)[:200]}` is not a requirement (PEP 508)",
            hint="correct build-system.requires in its pyproject.toml",
        ) from error
    if requirement.url:
        raise UsageError(
            f"the build of {subject} requires `{requirement.name}` from a URL, which pipper does not follow",
            hint=f"publish it to a repository, and require `{requirement.name}` by name",
        )
    return requirement


def for_build(project: Project, requirements: Iterable[Requirement]) -> Project:
    """Return the project with other requirements, those of a build, and the same rules."""
    none = Manifest()
    asked = replace(
        project.manifest,
        name=none.name,
        requires_python=none.requires_python,
        dependencies=tuple(requirements),
        groups={},
        extras={},
        environments=(),
    )
    return replace(project, manifest=asked)


def builder_for(settings: Settings, source: Path) -> Builder:
    """Return what builds the source tree `source`: by the rules of its project, else of the one at hand.

    Without a project the sources are those of options, of the default repository, and the index of pip's
    configuration. Raises what `find_project` and `interpreter_at_hand` raise.
    """
    project = find_project(source) or find_project(settings.directory)
    interpreter = interpreter_at_hand(settings, project.root if project else None, Place())
    if project is None:
        project = Project(manifest_path=source / PIPPER_TOML, manifest=Manifest())
    project = with_rules_around(settings, project, projects_around(settings, project.manifest_path))
    return Builder(
        environments=SolvedBuildEnvironments(settings, project, interpreter),
        environ=settings.environ,
        reporter=settings.reporter,
    )
