"""Wheels that a copy builds from source distributions of an index, for the interpreter at hand."""

import shutil
import threading
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.build.backend import SAME_COMMAND, Builder, environment_for
from pipper.build.hooks import Hooks
from pipper.build.sdist import unpacked_sdist
from pipper.core.archive_limits import Limits
from pipper.core.layout.page import ProjectPage
from pipper.core.target import Target
from pipper.core.wheel_identity import wheel_identity
from pipper.ops.build.environments import project_builder
from pipper.ops.context.environments import interpreter_at_hand, open_cache
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Place, Settings
from pipper.python.interpreter import Interpreter
from pipper.system.os_errors import os_errors
from pipper.wheels.name import parse_wheel_name


class SdistBuilds:
    """Builds the source distributions of allowed projects, one after the other, by the rules of a project."""

    def __init__(
        self, settings: Settings, project: Project, allowed: bool | frozenset[NormalizedName]
    ) -> None:
        """`allowed` is True for all projects."""
        self._settings = settings
        self._project = project
        self.allowed = allowed
        self._lock = threading.Lock()

    @cached_property
    def _interpreter(self) -> Interpreter:
        return interpreter_at_hand(self._settings, self._project.root, Place(), self._project.pythons)

    @cached_property
    def builder(self) -> Builder:
        """What builds, by the rules of the project; use it while nothing else of this class runs."""
        return project_builder(self._settings, self._project, self._interpreter)

    @property
    def _target(self) -> Target:
        with self._lock:
            return self._interpreter.target

    @property
    def _limits(self) -> Limits:
        return self._settings.limits

    def allows(self, name: NormalizedName) -> bool:
        """Return whether a project may be built."""
        return self.allowed is True or (self.allowed is not False and name in self.allowed)

    def fits(self, filename: str) -> bool:
        """Return whether a wheel fits the interpreter at hand."""
        return any(tag in self._target.ranks for tag in parse_wheel_name(filename).tags)

    def has_wheel(self, page: ProjectPage, *, version: Version) -> bool:
        """Return whether a page has a wheel of a version that fits the interpreter at hand."""
        return any(
            wheel_identity(each.filename).version == version and self.fits(each.filename)
            for each in page.files
        )

    def build(self, archive: Path, output: Path) -> Path:
        """Build a source distribution and return the path of its wheel in the new folder `output`.

        Raises what `unpacked_sdist`, `Hooks` and the environments of builds raise.
        """
        subject = archive.name
        with (
            self._lock,
            open_cache(self._settings).in_use(),
            unpacked_sdist(archive, filename=archive.name, limits=self._limits) as source,
        ):
            builder = self.builder
            builder.reporter.info(f"Building {subject}")
            hooks = Hooks(source.tree, builder.rules(subject, again=SAME_COMMAND, source_date=source.newest))
            environment = environment_for(hooks, builder.environments, subject=subject)
            wheel = hooks.wheel(environment, source.scratch / "wheel")
            with os_errors("write", output):
                output.mkdir()
                return Path(shutil.copy(wheel, output / wheel.name))


def sdist_builds(settings: Settings, project: Project, names: Iterable[NormalizedName]) -> SdistBuilds | None:
    """Return what builds these projects and those that the manifest's `[build] allow` names; None for none."""
    admitted = project.manifest.build_allow
    allowed = True if admitted is True else frozenset((*names, *(admitted or ())))
    return SdistBuilds(settings, project, allowed) if allowed else None
