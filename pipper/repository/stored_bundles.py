"""The bundles in a repository, for clients of pipper 0.x: one for each version, with one of its wheels."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from msgspec import Struct
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.layout.keys import ZIP, bundle_version
from pipper.core.layout.page import PageFile, ProjectPage, have_same
from pipper.core.ports import ObjectInfo
from pipper.core.reporter import Reporter
from pipper.core.wheel_identity import wheel_identity
from pipper.errors import (
    ConflictError,
    IntegrityError,
    ObjectAbsentError,
    ObjectChangedError,
    ObjectExistsError,
)
from pipper.repository.legacy_bundles import bundled_wheel
from pipper.repository.page_swap import ROUNDS, outrun
from pipper.repository.source import Repository
from pipper.system.retry import pause_if_damaged, retry

_PYTHON_3 = re.compile(r"(py|cp)3([0-9]{0,3})")
_EXACT, _OTHER = 1000, 2000
"""Ranks behind `py3` and `py38`: of `cp38`, which one Python alone installs, and of `py2`."""


class BundleFile(Struct, frozen=True, kw_only=True):
    """A bundle to store."""

    path: Path
    folder: str
    """The project's name as given: the folder, if the project has none yet."""
    safe_version: str
    """The version as written in keys."""
    metadata: Mapping[str, str]
    """The object's user metadata."""
    is_made: bool = False
    """Whether pipper has just made it of a wheel, which does not say what `dependencies` the project has."""


def reach(filename: str) -> tuple[int, int, int, str]:
    """Return a sort key for wheels without a platform: the first is for the most versions of Python.

    `py3` comes before `py38`, that before `py310`, and `py2` last; of equals, more tags, then the higher build number.
    """
    identity = wheel_identity(filename)
    pythons = {tag.interpreter for tag in identity.tags}
    found = filter(None, map(_PYTHON_3.fullmatch, pythons))
    ranks = [int(match[2] or 0) + (0 if match[1] == "py" else _EXACT) for match in found]
    build = -identity.build[0] if identity.build else 1
    return min(ranks, default=_OTHER), -len(pythons), build, filename


class StoredBundles:
    """The bundles of one repository; several threads may use it."""

    def __init__(
        self,
        repository: Repository,
        *,
        current: Callable[[NormalizedName], ProjectPage],
        force: bool,
        reporter: Reporter,
    ) -> None:
        """With `force`, a bundle that has another wheel or other dependencies is replaced.

        `current` returns the present page of a project.
        """
        self._current = current
        self._repository = repository
        self._store = repository.store
        self._force = force
        self._reporter = reporter
        self.listed = cache(repository.list_bundles)  # listed once in a run

    def store(self, name: NormalizedName, wheel: PageFile, bundle: BundleFile) -> None:
        """Store the bundle of a published wheel; `wheel` is its entry on the page.

        One that was made of a wheel is not stored if the version has a bundle with one of its published wheels, or
        if the page has dependencies of the wheel, which the bundle would not have. Raises ConflictError if the stored
        bundle has another wheel or other dependencies, or if the page no longer has this entry, and what the store
        raises.
        """
        version = wheel_identity(wheel.filename).version
        # In any folder of the project, and however its key spells the version: 0.x clients read each of them.
        stored = [info for info in self.listed(name) if bundle_version(info.key) == version]
        if not stored:
            key = f"{self._folder(name, bundle.folder)}/{bundle.safe_version}.pipper"
            self._store_at(key, None, name, wheel, bundle)
        for info in stored:
            self._store_at(info.key, info, name, wheel, bundle)

    def _store_at(
        self, key: str, found: ObjectInfo | None, name: NormalizedName, wheel: PageFile, bundle: BundleFile
    ) -> None:
        """Store a bundle at `key`, where the listing `found` one or none; raises as `store`."""
        lacks = bundle.is_made and bool(wheel.needs.dependencies)
        for _ in range(ROUNDS):
            if found is None and lacks:
                self._reporter.warning(
                    f"{self._store.location}/{key} does not exist, and a wheel does not name its dependencies: "
                    "for clients of pipper 0.x, publish the bundle"
                )
                return
            if found is None:
                self.require_current(name, wheel)
                found = self._create(key, bundle)
            try:
                fault = self._fault(name, key, wheel, bundle) if found else None
            except ObjectAbsentError:  # a prune removed it after the listing
                found = None
                continue
            if found is None or fault is None:
                return
            if lacks or not self._force:
                raise fault
            self.require_current(name, wheel)
            try:
                self._store.replace(
                    key, bundle.path, etag=found.etag, content_type=ZIP, metadata=bundle.metadata
                )
            except ObjectChangedError:
                found = self._store.head(key)
                continue
            return
        raise outrun(f"{self._store.location}/{key}")

    def require_current(self, name: NormalizedName, wheel: PageFile) -> None:
        """Raise ConflictError if others changed the page: a bundle has to be that of the page, or 0.x gets another."""
        listed = self._current(name).listed(wheel.sha256)
        if listed is None or not have_same(listed.needs.dependencies, wheel.needs.dependencies):
            raise ConflictError(
                f"{wheel.filename} was published, and is not what the page names any more",
                cause="another publish replaced it, or a prune removed it; its bundle is not stored",
                hint=f"run `pipper info {name}` to see what is published, and publish yours again if it is right",
            )

    def _fault(
        self, name: NormalizedName, key: str, wheel: PageFile, bundle: BundleFile
    ) -> ConflictError | IntegrityError | None:
        """Return why the stored bundle is not that of a wheel; None if it need not be another one."""
        place = f"{self._store.location}/{key}"
        lacks = bundle.is_made and wheel.needs.dependencies
        what = "its bundle, which names its dependencies," if lacks else "it"
        try:
            stored = retry(lambda: bundled_wheel(self._store, key), attempts=2, pause=pause_if_damaged)
        except IntegrityError as error:
            return IntegrityError(
                error.message, cause=error.cause, hint=f"publish {what} with --force to replace it"
            )
        if stored.sha256 == wheel.sha256:
            if have_same(stored.bundle.dependencies, wheel.needs.dependencies):
                return None
            text = f"{place} has other dependencies than the page"
            if bundle.is_made:
                self._reporter.warning(f"{text}: publish the right bundle with --force")
                return None
            return ConflictError(
                text,
                cause="pipper 0.x published it, or a `publish --force` was interrupted",
                hint="publish with --force to replace it, or raise the version",
            )
        # Read again: who published the bundle may have changed the page in the meantime.
        rival = self._repository.read_page(name).page.listed(stored.sha256)
        if rival is None:
            return ConflictError(
                f"{place} contains another wheel than the published one",
                cause="pipper 0.x published it, or a `publish --force` was interrupted",
                hint=f"publish {what} with --force to replace that, or raise the version",
            )
        if bundle.is_made:
            return None
        return ConflictError(
            f"{place} contains {rival.filename}, and yours {wheel.filename}",
            cause="both wheels are published; a version has one bundle, for clients of pipper 0.x",
            hint="publish with --force to replace the bundle; a wheel (.whl) is published without one",
        )

    def _create(self, key: str, bundle: BundleFile) -> ObjectInfo | None:
        """Store a bundle; if one was stored after the listing, return that."""
        for _ in range(ROUNDS):
            try:
                self._store.create(key, bundle.path, content_type=ZIP, metadata=bundle.metadata)
            except ObjectExistsError:
                if found := self._store.head(key):
                    return found
                continue  # it was removed again, or the refusal was wrong
            return None
        raise outrun(f"{self._store.location}/{key}")

    def _folder(self, name: NormalizedName, given: str) -> str:
        """Return the folder that 0.x created for the project, else its name as given."""
        for folder in self._repository.folders().get(name, ()):
            if any(info.key.startswith(f"{folder}/v") for info in self.listed(name)):
                return folder
        return given.lower() if self._repository.ignores_case else given

    def warn_of_legacy(self, name: NormalizedName, published: Iterable[Version]) -> None:
        """Warn of bundles of other versions than the `published` ones: in format 2, only pages count."""
        versions = set(published)
        for info in self.listed(name):
            if bundle_version(info.key) not in versions:
                self._reporter.warning(
                    f"{self._store.location}/{info.key}: pipper 0.x published this bundle, but no page names it; "
                    "run `pipper repository repair`"
                )
