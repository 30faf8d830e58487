"""The lock as a value. `core.lock.reader` reads its text, `core.lock.writer` writes it in one fixed format.

The format: identical bytes for identical inputs, one line for each file so that diffs are small, checks without
network, and no secret. A change of meaning raises `lock-version`; unknown keys are refused, never ignored.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import cached_property
from urllib.parse import unquote

from msgspec import Struct, field
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from pipper.core.manifest.inputs import Inputs
from pipper.core.manifest.root_label import PROJECT, RootLabel, labelled
from pipper.core.standards import read_version
from pipper.core.target import Target
from pipper.errors import IntegrityError

LOCK_VERSION = 1
RESTORE = "restore it from version control, or remove it and run `pipper lock`"
"""The hint for a damaged lock."""


class LockedBundle(Struct, frozen=True, kw_only=True):
    """The size and hash of a 0.x bundle that contains a wheel."""

    sha256: str
    """64 lower-case hex digits; empty until the bundle is downloaded."""
    size: int
    """Bytes."""


class LockedFile(Struct, frozen=True, kw_only=True):
    """A wheel or a source distribution: size, hash, and the key or the URL of the file, or of its 0.x bundle.

    A file of a repository has a `key`, relative to its root. A file of the index and every file of an authorized
    lock has a `url`. Raises IntegrityError for both or neither.
    """

    sha256: str
    """64 lower-case hex digits; empty only until the file or its bundle is downloaded."""
    size: int
    """Bytes; 0 if a lock of another tool (PEP 751) omits it."""
    key: str = ""
    url: str = ""
    """A signed URL is a secret."""
    wheel: str = ""
    """The name of the file, if key or URL does not end with it."""
    bundle: LockedBundle | None = None
    """The bundle that key or URL name instead of the wheel; then `wheel` is given."""

    def __post_init__(self) -> None:
        if bool(self.key) == bool(self.url):
            raise IntegrityError("a file must have either `key` or `url`", hint=RESTORE)
        if self.bundle is not None and not self.wheel:
            raise IntegrityError("a file in a bundle must have `wheel`, its file name", hint=RESTORE)

    def __repr__(self) -> str:
        return f"LockedFile(filename={self.filename!r}, sha256={self.sha256!r}, size={self.size})"

    def at_url(self, url: str) -> "LockedFile":
        """Return the same file with `url` as its location."""
        return replace(self, key="", url=url)

    @property
    def fetched(self) -> "LockedFile | LockedBundle":
        """The file that key or URL name: the wheel, or the bundle that contains it."""
        return self.bundle or self

    @property
    def filename(self) -> str:
        """Its own file name (PEP 427, PEP 625)."""
        if self.wheel:
            return self.wheel
        if self.key:
            return self.key.rpartition("/")[2]
        return unquote(self.url.partition("#")[0].partition("?")[0].rpartition("/")[2])


class Pin(Struct, frozen=True, kw_only=True, order=True):
    """`name==version`, as an environment of the lock lists it, or `name @ path` for a member."""

    name: NormalizedName
    version: str = ""
    """Empty for a member."""
    path: str = ""
    """The folder of a member, relative to that of the lock; else empty."""

    def __str__(self) -> str:
        return f"{self.name} @ {self.path}" if self.path else f"{self.name}=={self.version}"

    @property
    def shown(self) -> str:
        """Name and version, or name and folder, for people."""
        return f"{self.name} ({self.path})" if self.path else f"{self.name} {self.version}"


class LockedEnvironment(Struct, frozen=True, kw_only=True):
    """The packages of one kind of environment: a complete list, and more for groups and extras."""

    target: Target
    packages: tuple[Pin, ...]
    groups: Mapping[str, tuple[Pin, ...]] = field(default_factory=dict)
    """The packages of each group and their dependencies, without those in `packages`."""
    extras: Mapping[str, tuple[Pin, ...]] = field(default_factory=dict)
    builds: Mapping[str, tuple[Pin, ...]] = field(default_factory=dict)
    """What is built here from source distributions, each with all packages of its build. The key is the name for the
    only version that the environment lists, else `NAME==VERSION`, also for what takes part in a build itself."""
    failed_groups: Mapping[str, str] = field(default_factory=dict)
    """The groups without a solution here, each with the reason."""
    failed_extras: Mapping[str, str] = field(default_factory=dict)
    conditions: tuple[str, ...] = ()
    """The markers of the solution whose variables differ between machines of one kind."""
    failure: str = ""
    """Why the environment has no solution, in words; then it has no packages."""

    def __post_init__(self) -> None:
        if self.failure and self.pins:
            raise inconsistent(f"{self.target.name} has both a failure and packages")

    @property
    def pins(self) -> frozenset[Pin]:
        """Every pin of this environment, with those of all groups and extras, without those of builds."""
        more = [pin for closure in (*self.groups.values(), *self.extras.values()) for pin in closure]
        return frozenset((*self.packages, *more))

    @property
    def unsolved(self) -> tuple[RootLabel, ...]:
        """The groups and extras without a solution here."""
        failed = labelled("", self.failed_groups, self.failed_extras)
        return tuple(label for label in failed if label != PROJECT)

    def without(self, labels: Collection[RootLabel]) -> "LockedEnvironment":
        """Return the environment without these groups and extras."""
        gone = {str(label) for label in labels}
        return replace(
            self,
            groups={name: pins for name, pins in self.groups.items() if f"group {name}" not in gone},
            extras={name: pins for name, pins in self.extras.items() if f"extra {name}" not in gone},
        )

    @property
    def build_keys(self) -> Mapping[Pin, str]:
        """The key that each package of this whole environment has in `builds` if it is built."""
        pins = self.pins
        versions = Counter(pin.name for pin in pins)
        return {pin: str(pin) if versions[pin.name] > 1 else pin.name for pin in pins}

    def build_of(self, pin: Pin, *, in_build: bool = False) -> tuple[Pin, ...] | None:
        """Return all packages of the build of a package; None if it is not built here.

        It is a package of the environment, or with `in_build` one that takes part in a build itself. Parts that
        conflict may be left out of the environment: what is built has the same key then.
        """
        closure = self.builds.get(str(pin))
        return closure if in_build else self.builds.get(pin.name, closure)

    @property
    def build_pins(self) -> frozenset[Pin]:
        """Every pin of the builds."""
        return frozenset(pin for closure in self.builds.values() for pin in closure)


class Dependency(Struct, frozen=True, kw_only=True):
    """A dependency of a locked package."""

    name: NormalizedName
    version: str = ""
    """Empty if the lock has only one version of the project."""

    @classmethod
    def parse(cls, text: str) -> "Dependency":
        """Return the dependency in `NAME` or `NAME==VERSION`; raises IntegrityError for `NAME==`."""
        name, separator, version = text.partition("==")
        if separator and not version:
            raise inconsistent(f"`{text}` is not a name or NAME==VERSION")
        return cls(name=NormalizedName(name), version=version)

    def __str__(self) -> str:
        return f"{self.name}=={self.version}" if self.version else self.name


class LockedPackage(Struct, frozen=True, kw_only=True):
    """One version of one project, with its source and its files for the environments of the lock."""

    name: NormalizedName
    version: str
    """Empty for a member whose build backend computes it."""
    source: str
    dependencies: tuple[Dependency, ...] = ()
    wheels: tuple[LockedFile, ...] = ()
    sdist: LockedFile | None = None
    """The source distribution, from which the environments that list this package in `builds` build it."""
    build_requires: tuple[Pin, ...] = ()
    """What the build requires, in the versions of all these environments."""
    path: str = ""
    """The folder of a member, relative to that of the lock; else empty. A member has no files."""
    editable: bool = False

    @property
    def files(self) -> tuple[LockedFile, ...]:
        """The wheels and the source distribution."""
        return (*self.wheels, *([self.sdist] if self.sdist else []))

    @property
    def pin(self) -> Pin:
        """The entry of this package in the lists of environments."""
        return Pin(name=self.name, path=self.path) if self.path else Pin(name=self.name, version=self.version)


class Lock(Struct, frozen=True, kw_only=True, dict=True):
    """The inputs of a solve and its solutions."""

    inputs: Inputs
    repositories: Mapping[str, str] = field(default_factory=dict)
    """Alias to URL, from the time of locking; used only if no manifest or option names the repository."""
    environments: tuple[LockedEnvironment, ...] = ()
    packages: tuple[LockedPackage, ...] = ()
    """In the order of (name, version)."""
    expires_at: datetime | None = None
    """Timezone-aware; the time when the URLs of an authorized lock expire; None for any other lock."""

    @cached_property
    def by_pin(self) -> Mapping[Pin, LockedPackage]:
        """The packages by pin."""
        return {package.pin: package for package in self.packages}

    @property
    def private(self) -> tuple[LockedPackage, ...]:
        """The packages that came from a repository: no index must receive their names."""
        return tuple(
            each for each in self.packages if not each.path and not self.inputs.has_index(each.source)
        )

    @property
    def members(self) -> tuple[LockedPackage, ...]:
        """The packages that are installed from their folders."""
        return tuple(each for each in self.packages if each.path)

    def with_files(self, change: Callable[[LockedPackage, LockedFile], LockedFile]) -> "Lock":
        """Return the same lock with the file that `change` returns instead of each."""
        packages = (
            replace(
                package,
                wheels=tuple(change(package, file) for file in package.wheels),
                sdist=change(package, package.sdist) if package.sdist else None,
            )
            for package in self.packages
        )
        return replace(self, packages=tuple(packages))


def inconsistent(why: str) -> IntegrityError:
    """Return the error for a lock whose parts are inconsistent."""
    return IntegrityError("the lock is inconsistent", cause=why, hint=RESTORE)


def sort_key(package: LockedPackage | Pin) -> tuple[str, Version]:
    """Return the sort key of a package in a lock: name and version."""
    return package.name, read_version(package.version or "0")
