"""Build the wheels of locked source distributions, each once, with exactly the packages that the lock has for it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct
from packaging.markers import InvalidMarker
from packaging.requirements import InvalidRequirement

from pipper.build.backend import SAME_COMMAND, Builder
from pipper.build.hooks import Hooks
from pipper.build.sdist import unpacked_sdist
from pipper.cache.cache import Cache
from pipper.cache.results import keep_note, read_note
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.lock.model import Lock, LockedEnvironment, Pin
from pipper.core.manifest.requirement import name_of
from pipper.core.plan import Wanted
from pipper.core.ports import BuildEnvironment
from pipper.core.standards import marker_holds, read_requirement, read_version
from pipper.core.wording import quoted
from pipper.errors import IntegrityError, MachineError, StoreError, UsageError
from pipper.ops.build.install import install_build_environment
from pipper.ops.build.saved_wheels import saved_wheels
from pipper.ops.lock.bundles import require_cached
from pipper.ops.sync.fetch import Origins, fetch_files
from pipper.ops.sync.wheel_checks import require_same_version
from pipper.python.interpreter import Interpreter
from pipper.system.digest import digest
from pipper.system.files import sha256_of_file
from pipper.wheels.name import parse_wheel_name

_FORMAT = b"1"


class Built(Struct, frozen=True, kw_only=True):
    """The wheel that a build gave, as the cache keeps it."""

    filename: str
    sha256: str


class LockedBuilds(Struct, frozen=True, kw_only=True):
    """Builds for one environment of a lock."""

    lock: Lock
    part: LockedEnvironment
    interpreter: Interpreter
    builder: Builder
    cache: Cache
    allowed: bool
    """Whether a wheel that is not in the cache may be built."""
    folder: Path | None = None
    """If no build is `allowed`: where `pipper download --build` may have saved wheels."""

    def cached(self, wanted: Sequence[Wanted]) -> dict[str, UnpackedWheel]:
        """Return the wheels that were built before, unpacked, by the sha256 of their source distributions."""
        found = {}
        for want in wanted:
            wheel = self._cached(want)
            if wheel is not None:
                require_same_version(want, wheel)
                found[want.file.sha256] = wheel
        return found

    def wheels(self, wanted: Sequence[Wanted], origins: Callable[[], Origins]) -> dict[str, UnpackedWheel]:
        """Return what `cached` does, and the rest after building it, one after the other.

        The caller is within `Cache.in_use`. `origins` is called only if something is built. Raises UsageError if
        builds are not `allowed`, IntegrityError if a wheel is not of the locked project and version or does not fit,
        and what `Hooks` and `fetch_files` raise.
        """
        found = self.cached(wanted)
        missing = [want for want in wanted if want.file.sha256 not in found]
        if missing and not self.allowed:
            found |= self._saved(missing)
            missing = [want for want in missing if want.file.sha256 not in found]
        if missing and not self.allowed:
            raise UsageError(
                f"{quoted(want.filename for want in missing)} must be built, but --no-build is set",
                hint="leave out --no-build, or take wheels that `pipper download --build -d DIR` built on a machine"
                " of the same kind: `pipper sync --no-build --from DIR`",
            )
        if missing:
            self._fetch(missing, origins())
        return {**found, **{want.file.sha256: self._build(want, origins) for want in missing}}

    def _fetch(self, wanted: Sequence[Wanted], origins: Origins) -> None:
        try:
            fetch_files(wanted, origins, self.cache, self.builder.reporter)
        except StoreError as error:
            folder = origins.folder
            if not folder or not any(path for want in wanted for path in saved_wheels(want, folder)):
                raise
            hint = f"add --no-build: it takes the wheels that `pipper download --build` saved in {folder}"
            raise StoreError(error.message, cause=error.cause, hint=hint) from error

    def _saved(self, wanted: Sequence[Wanted]) -> dict[str, UnpackedWheel]:
        """Return the wheels in `folder` that fit; raises IntegrityError for one that is not as its note says."""
        found: dict[str, UnpackedWheel] = {}
        for want in wanted:
            for path, note in saved_wheels(want, self.folder) if self.folder else ():
                if want.file.sha256 not in found and self._fits(path.name):
                    self._require_fit(want, path.name)
                    self.cache.add_file(path, note.sha256, subject=str(path))
                    found[want.file.sha256] = self._kept(want, path.name, note.sha256)
        return found

    def environment(self, tools: Sequence[Wanted], origins: Callable[[], Origins]) -> BuildEnvironment:
        """Return an environment with exactly these packages of the lock; raises as `wheels`."""
        pins = tuple(Pin(name=tool.name, version=tool.version) for tool in tools)
        return install_build_environment(
            self.lock,
            LockedEnvironment(target=self.part.target, packages=pins),
            tools,
            interpreter=self.interpreter,
            origins=origins,
            cache=self.cache,
            reporter=self.builder.reporter,
            built=self.wheels([tool for tool in tools if tool.build], origins),
        )

    def _key(self, want: Wanted) -> str:
        facts = (want.file.sha256, want.build, self.builder.python)
        return digest(_FORMAT, b"wheel", *(fact.encode() for fact in facts))

    def _cached(self, want: Wanted) -> UnpackedWheel | None:
        built = read_note(self.cache, self._key(want), Built)
        found = self.cache.unpacked(built.sha256) if built else None
        if built and found is None and self.cache.file(built.sha256) is not None:
            return self.cache.unpack(built.sha256, built.filename)
        return found

    def _build(self, want: Wanted, origins: Callable[[], Origins]) -> UnpackedWheel:
        builder, cache = self.builder, self.cache
        subject = f"{want.name} {want.version}"
        environment = self.environment(want.tools, origins)
        builder.reporter.info(f"Building {subject}")
        archive = require_cached(want.file.sha256, want.filename, cache)
        with unpacked_sdist(archive, filename=want.filename, limits=cache.limits) as source:
            hooks = Hooks(source.tree, builder.rules(subject, again=SAME_COMMAND, source_date=source.newest))
            self._require_tools(want, hooks, environment)
            wheel = hooks.wheel(environment, source.scratch / "wheel")
            self._require_fit(want, wheel.name)
            sha256 = sha256_of_file(wheel)
            cache.add_file(wheel, sha256, subject=f"the wheel of {subject}")
        return self._kept(want, wheel.name, sha256)

    def _kept(self, want: Wanted, filename: str, sha256: str) -> UnpackedWheel:
        """Unpack a wheel whose file is in the cache, and note there what it was built from."""
        unpacked = self.cache.unpack(sha256, filename)
        require_same_version(want, unpacked)
        keep_note(self.cache, self._key(want), Built(filename=filename, sha256=sha256))
        return unpacked

    def _require_tools(self, want: Wanted, hooks: Hooks, environment: BuildEnvironment) -> None:
        """Raise MachineError if the backend asks for more on this machine than on that of the lock."""
        versions = {tool.name: tool.version for tool in want.tools}
        for text in hooks.requires_for(environment):
            try:
                requirement = read_requirement(text)
                if requirement.marker and not marker_holds(requirement.marker, self.part.target.markers):
                    continue
            except (InvalidRequirement, InvalidMarker):
                continue  # the backend itself decides whether it can do without
            version = versions.get(name_of(requirement))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                raise MachineError(
                    f"the build of {want.name} {want.version} requires {requirement} on this machine",
                    cause=f"the lock has {version or 'nothing'} for it: it was made on a machine of another kind",
                    hint=f"run `pipper lock -P {want.name}` here",
                )

    def _require_fit(self, want: Wanted, filename: str) -> None:
        name = parse_wheel_name(filename)
        if (name.name, name.version) != (want.name, read_version(want.version)):
            raise IntegrityError(
                f"the build of {want.name} {want.version} gave {filename}",
                cause="that is another project or another version",
                hint=f"use another version of {want.name}, and tell its publisher",
            )
        if not self._fits(filename):
            raise IntegrityError(
                f"the build of {want.name} {want.version} gave {filename},"
                f" which does not fit {self.part.target.name}",
                hint=f"use another version of {want.name}, and tell its publisher",
            )

    def _fits(self, filename: str) -> bool:
        return any(tag in self.part.target.ranks for tag in parse_wheel_name(filename).tags)


def with_tools(wanted: Sequence[Wanted]) -> tuple[Wanted, ...]:
    """Return the files and those of all builds, each once."""
    return tuple({each.file.sha256: each for each in _walked(wanted)}.values())


def _walked(wanted: Sequence[Wanted]) -> Iterator[Wanted]:
    for want in wanted:
        yield want
        yield from _walked(want.tools)
