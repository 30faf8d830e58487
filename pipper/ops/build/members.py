"""Build members, each once for a state of its files, into the cache."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.build.backend import Builder
from pipper.build.member import MemberSource, build_member
from pipper.cache.cache import Cache
from pipper.cache.results import keep_note, read_note
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.manifest.members import ITSELF
from pipper.core.plan import Wanted
from pipper.core.standards import read_version
from pipper.core.wording import quoted
from pipper.errors import IntegrityError, NoSolutionError, UsageError
from pipper.ops.build.from_lock import Built
from pipper.ops.build.member_changed import MemberChangedError
from pipper.ops.context.project import Project
from pipper.ops.sync.members import EDITABLE, folder_of, state_now
from pipper.python.interpreter import Interpreter
from pipper.system.digest import digest
from pipper.system.files import scratch_folder, sha256_of_file

_FORMAT = b"1"
Check = Callable[[Sequence[Wanted], Mapping[str, UnpackedWheel]], None]
"""Raises an error if the wheels, by state, are not what was wanted."""


class MemberBuilds(Struct, frozen=True, kw_only=True):
    """Builds of members by their state, which `Wanted.file` has in the place of a hash."""

    builder: Builder
    cache: Cache
    project: Project
    interpreter: Interpreter
    allowed: bool
    """Whether a wheel that is not in the cache may be built."""
    again: frozenset[NormalizedName] = frozenset()
    """The members to build even if the cache has their wheels, unless no build is allowed."""

    def wheels(self, wanted: Sequence[Wanted], check: Check | None = None) -> Mapping[str, UnpackedWheel]:
        """Return the wheels by state, unpacked; build those that the cache does not have, one after the other.

        The cache keeps what `check` finds to be right. The caller is within `Cache.in_use`. Raises UsageError if builds
        are not `allowed`, IntegrityError if a wheel is of another project or version, MemberChangedError if the member
        is in another state after its build, and what `build_member` and `check` raise.
        """
        again = self.again if self.allowed else frozenset()
        found = {want.file.sha256: None if want.name in again else self._cached(want) for want in wanted}
        missing = [want for want in wanted if found[want.file.sha256] is None]
        if missing and not self.allowed:
            raise UsageError(
                f"{quoted(want.filename for want in missing)} must be built, but --no-build is set",
                hint="leave out --no-build, or the members with --no-project",
            )
        built = {want.file.sha256: self._build(want) for want in missing}
        wheels = {**{state: wheel for state, wheel in found.items() if wheel is not None}, **built}
        if check is not None:
            check(wanted, wheels)
        for want in missing:
            wheel = built[want.file.sha256]
            keep_note(self.cache, self._key(want), Built(filename=wheel.filename, sha256=wheel.sha256))
        return wheels

    def _key(self, want: Wanted) -> str:
        return digest(_FORMAT, b"member wheel", want.file.sha256.encode(), want.build.encode())

    def _cached(self, want: Wanted) -> UnpackedWheel | None:
        note = read_note(self.cache, self._key(want), Built)
        if note is None:
            return None
        found = self.cache.unpacked(note.sha256)
        if found is None and self.cache.file(note.sha256) is not None:
            found = self.cache.unpack(note.sha256, note.filename)
        return found

    def _build(self, want: Wanted) -> UnpackedWheel:
        self.builder.reporter.info(f"Building {want.filename}")
        with scratch_folder() as scratch, _with_way_out(want):
            source = MemberSource(
                folder=folder_of(want),
                subject=want.filename,
                editable=want.build == EDITABLE,
                edited=self.project.edited_in(folder_of(want)),
            )
            wheel = build_member(source, scratch, self.builder, limits=self.cache.limits)
            sha256 = sha256_of_file(wheel)
            if state_now(want, self.project, self.interpreter) != want.file.sha256:
                raise MemberChangedError(
                    f"{want.filename} changed while it was built",
                    cause="what was built is neither of the old files nor of the new ones",
                    hint="run the command again; if its build writes these files, install it with `editable = false`",
                )
            self.cache.add_file(wheel, sha256, subject=f"the wheel of {want.filename}")
        unpacked = self.cache.unpack(sha256, wheel.name)
        same = not want.version or read_version(unpacked.version) == read_version(want.version)
        if unpacked.name != want.name or not same:
            raise IntegrityError(
                f"the build of {want.filename} gave {wheel.name}",
                cause="that is another project, or another version than its pyproject.toml says",
                hint="correct name and version of that project, then run `pipper lock`",
            )
        return unpacked


@contextmanager
def _with_way_out(want: Wanted) -> Iterator[None]:
    """Say in the error for a project whose build environment has no solution that it need not be installed."""
    try:
        yield
    except NoSolutionError as error:
        if not want.filename.endswith(f"({ITSELF})"):
            raise
        hint = (
            f"{error.hint}; `sync --no-project` leaves out the project itself, `package = false` always does"
        )
        raise NoSolutionError(error.message, cause=error.cause, hint=hint) from error
