"""The environments of build backends: solved from `build-system.requires` by the rules of the project around."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace
from packaging.requirements import InvalidRequirement, Requirement

from pipper.build.backend import Builder
from pipper.cache.cache import Cache
from pipper.core.lock.consistency import MOST_NESTED
from pipper.core.lock.model import Lock, LockedEnvironment, sort_key
from pipper.core.lock.selection import Selection, select
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.requested import without_name
from pipper.core.manifest.root_label import BY_BUILD
from pipper.core.ports import BuildEnvironment
from pipper.core.redaction import redacted
from pipper.core.standards import read_requirement
from pipper.core.target import Target
from pipper.errors import NoSolutionError, UsageError
from pipper.ops.context.environments import interpreter_at_hand, open_cache, part_for
from pipper.ops.context.interpreters import ANY
from pipper.ops.context.open_sources import Sources, open_sources
from pipper.ops.context.project import Goal, Project, find_project
from pipper.ops.context.project_files import PIPPER_TOML
from pipper.ops.context.settings import Place, Settings
from pipper.ops.context.surroundings import project_beside, with_rules_around
from pipper.ops.lock.make_lock import LockBasis, lock_for_goals
from pipper.ops.lock.options import LockOptions
from pipper.ops.lock.targets import Goal as Solve
from pipper.python.fingerprint import fingerprint
from pipper.python.interpreter import Interpreter
from pipper.system.digest import digest

if TYPE_CHECKING:
    from pipper.ops.build.from_lock import LockedBuilds
    from pipper.ops.build.members import MemberBuilds

_NEWEST = LockOptions()


class SolvedBuildEnvironments:
    """See `ports.BuildEnvironments`: the newest packages that fit, from the sources of a project and with its limits.

    Its manifest's `constraints`, `overrides`, `prereleases`, `as-of` and `cool-down` apply; its requirements do not.
    Versions that its lock has for builds stay if they still fit.
    """

    def __init__(
        self,
        settings: Settings,
        project: Project,
        interpreter: Interpreter,
        *,
        options: LockOptions = _NEWEST,
        old: Lock | None = None,
    ) -> None:
        self._settings = settings
        self._project = project
        self._interpreter = interpreter
        self._options = options
        self._old = old
        self._locks: dict[tuple[tuple[str, ...], ...], Lock] = {}
        self._started: list[str] = []

    @cached_property
    def builder(self) -> Builder:
        """What builds in these environments, also what takes part in a build and has no wheel."""
        interpreter = self._interpreter
        facts = (fingerprint(interpreter.base_executable), interpreter.target.name)
        return Builder(
            environments=self,
            environ=self._settings.environ,
            reporter=self._settings.reporter,
            python=digest(*map(os.fsencode, facts)),
        )

    @cached_property
    def _sources(self) -> Sources:
        options = self._options
        return open_sources(
            self._settings,
            self._project,
            old=None,
            offline=options.offline,
            may_be_empty=options.may_be_empty,
        )

    def make(self, requirements: Iterable[str], *, subject: str) -> BuildEnvironment:
        # Imported here: most locks build nothing.
        from pipper.ops.build.from_lock import LockedBuilds  # noqa: PLC0415 - see above
        from pipper.ops.sync.fetch import origins_of  # noqa: PLC0415 - see above

        settings, interpreter = self._settings, self._interpreter
        lock = self.lock(requirements, [interpreter.target], subject=subject)
        part = part_for(lock, interpreter, label=f"the build environment of {subject}")
        builds = LockedBuilds(
            lock=lock,
            part=part,
            interpreter=interpreter,
            builder=self.builder,
            cache=open_cache(settings),
            allowed=True,
        )
        return builds.environment(
            select(lock, part, Selection()),
            lambda: origins_of(settings, lock, self._project, offline=self._options.offline),
        )

    def lock(
        self,
        requirements: Iterable[str],
        targets: Sequence[Target],
        *,
        subject: str,
        beside: Sequence[Target] = (),
    ) -> Lock:
        texts = tuple(sorted(set(requirements)))
        names = (tuple(target.name for target in each) for each in (targets, beside))
        key = (texts, *names)
        if key not in self._locks:
            asked = for_build(self._project, [build_requirement(text, subject) for text in texts])
            wanted = [Solve(target=target, required=target is targets[0]) for target in targets]
            old = _of_builds(self._old, subject) if self._old else None
            basis = LockBasis(old=old, builder=self.builder, of_build=True, beside=tuple(beside))
            with self._within(subject):
                found = lock_for_goals(self._settings, asked, self._sources, wanted, self._options, basis)
            _refuse_members(found, subject)
            self._locks[key] = found
        return self._locks[key]

    @contextmanager
    def _within(self, subject: str) -> Iterator[None]:
        """Solve for the build of `subject`, which another build may have asked for.

        Raises NoSolutionError if builds need each other in a circle, or are nested too deep.
        """
        if subject in self._started or len(self._started) == MOST_NESTED:
            raise _endless((*self._started, subject))
        self._started.append(subject)
        try:
            yield
        except _EndlessError:
            raise
        except NoSolutionError as error:
            raise NoSolutionError(
                f"no environment for the build of {subject}: {error.message}",
                cause=error.cause,
                hint=re.sub("^(loosen|remove) ", r"in its build-system.requires, \1 ", error.hint),
            ) from error
        finally:
            self._started.pop()


class _EndlessError(NoSolutionError):
    """Builds that need builds without end; the message has all of them."""


def _endless(subjects: Sequence[str]) -> _EndlessError:
    last = subjects[-1]
    circle = subjects[subjects.index(last) :]
    if len(circle) == 1:
        what = f"builds are nested more than {MOST_NESTED} deep"
        return _EndlessError(
            f"no environment for the build of {subjects[0]}: {what}",
            cause=f"the build of {' requires '.join(subjects)}",
            hint="publish a wheel of one of them, or limit it in `constraints` to a version that has one",
        )
    return _EndlessError(
        f"no environment for the build of {subjects[0]}: the build of {last} requires itself",
        cause=f"the build of {' requires '.join(circle)}, and none of them has a wheel that fits",
        hint="publish a wheel of one of them, or limit it in `constraints` to a version that has one",
    )


def _refuse_members(lock: Lock, subject: str) -> None:
    """Raise UsageError if a build needs a member: its environment has only what has a hash."""
    for package in lock.members:
        raise UsageError(
            f"the build of {subject} requires `{package.name}`, which is a member ({package.path})",
            cause="a build environment is made from wheels of repositories and indexes",
            hint=f"publish `{package.name}` and build with the published one, or name its code in"
            " `build-system.backend-path` (PEP 517)",
        )


def _of_builds(old: Lock, subject: str) -> Lock:
    """Return a lock whose environments have the packages of builds.

    They have those of the build of `subject`, and of the others what that lacks, each in its newest version.
    """
    environments = []
    for each in old.environments:
        listed = each.pins
        builds = [
            each.build_of(pin, in_build=pin not in listed) or ()
            for pin in listed | each.build_pins
            if pin.shown == subject
        ]
        own = (pin for closure in builds for pin in closure)
        chosen = {pin.name: pin for pin in (*sorted(each.build_pins, key=sort_key), *own)}
        environments.append(
            LockedEnvironment(target=each.target, packages=tuple(chosen[name] for name in sorted(chosen)))
        )
    return replace(old, environments=tuple(environments))


def build_requirement(text: str, subject: str) -> Requirement:
    """Return a requirement of a build; raise UsageError if it is malformed or names a URL."""
    try:
        requirement = read_requirement(text)
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
    """Return a project of `project_builder` with other requirements, those of a build, and the same rules."""
    none = Manifest()
    asked = replace(
        project.manifest,
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
    configuration. What the folder itself takes from elsewhere is not asked of an index in any case. Raises what
    `find_project` and `interpreter_at_hand` raise.
    """
    found = find_project(source) or find_project(settings.directory)
    root, pythons = (found.root, found.pythons) if found else (None, ANY)
    interpreter = interpreter_at_hand(settings, root, Place(), pythons)
    built = project_beside(source / PIPPER_TOML)
    project = replace(found, touched=(built,)) if found else built
    return project_builder(settings, project, interpreter, options=LockOptions(may_be_empty=True))


def project_builder(
    settings: Settings,
    project: Project,
    interpreter: Interpreter,
    *,
    options: LockOptions = _NEWEST,
    old: Lock | None = None,
) -> Builder:
    """Return what builds for a project: in environments for `interpreter`, by the project's rules.

    `options` say which versions of what a build requires are taken; `old` is the lock whose versions stay.
    """
    project = with_rules_around(settings, project)
    project = replace(project, manifest=without_name(project.manifest))
    kept = LockOptions(
        upgrade=options.upgrade,
        upgrade_packages=options.upgrade_packages,
        as_of=options.as_of,
        may_be_empty=options.may_be_empty,
        asks=BY_BUILD,
        offline=options.offline,
    )
    return SolvedBuildEnvironments(settings, project, interpreter, options=kept, old=old).builder


def locked_builds(
    settings: Settings,
    goal: Goal,
    part: LockedEnvironment,
    *,
    interpreter: Interpreter,
    cache: Cache,
    allowed: bool,
    folder: Path | None = None,
) -> "LockedBuilds":
    """Return the builds for one environment of a lock, which need no other package than the lock has."""
    from pipper.ops.build.from_lock import LockedBuilds  # noqa: PLC0415 - only a sync needs it

    project = goal.project or Project(manifest_path=settings.directory / PIPPER_TOML, manifest=Manifest())
    return LockedBuilds(
        lock=goal.lock,
        part=part,
        interpreter=interpreter,
        builder=project_builder(settings, project, interpreter),
        cache=cache,
        allowed=allowed,
        folder=None if folder is None else settings.directory / folder,
    )


def member_builds(
    settings: Settings,
    goal: Goal,
    *,
    interpreter: Interpreter,
    cache: Cache,
    allowed: bool,
    offline: bool,
) -> "MemberBuilds":
    """Return the builds of the members of a project."""
    from pipper.ops.build.members import MemberBuilds  # noqa: PLC0415 - only a sync needs it

    project = goal.project or Project(manifest_path=settings.directory / PIPPER_TOML, manifest=Manifest())
    options = LockOptions(offline=offline)
    return MemberBuilds(
        builder=project_builder(settings, project, interpreter, options=options),
        cache=cache,
        project=project,
        interpreter=interpreter,
        allowed=allowed,
    )
