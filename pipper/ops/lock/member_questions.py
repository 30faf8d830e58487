"""What a member does not state and its build backend computes: its version, and perhaps its requirements."""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace
from packaging.requirements import InvalidRequirement
from packaging.specifiers import InvalidSpecifier
from packaging.utils import canonicalize_name

from pipper.build.backend import Builder
from pipper.build.member import member_metadata
from pipper.build.member_state import tree_state
from pipper.cache.cache import Cache
from pipper.cache.results import keep_note, read_note
from pipper.core.manifest.members import Member
from pipper.core.standards import read_requirement, read_specifiers
from pipper.errors import IntegrityError, UsageError
from pipper.index.remote_metadata import headers_only
from pipper.system.digest import digest
from pipper.wheels.metadata import bounds_fault, parse_metadata

_FORMAT = b"1"


class _Answer(Struct, frozen=True, kw_only=True):
    """What a backend said, as the cache keeps it."""

    metadata: str
    """METADATA without the description."""


class MemberQuestions:
    """Asks the backends of members. They run in the calling thread, so that an interrupt ends them."""

    def __init__(self, root: Path, builder: Builder, cache: Cache) -> None:
        self._root = root
        self._builder = builder
        self._cache = cache

    def answered(self, member: Member) -> Member:
        """Return the member with its version, and with its requirements if its files do not state them.

        Raises UsageError if the backend answers for another project or with requirements that cannot be used, and
        what `member_metadata` raises.
        """
        subject = f"{member.name} ({member.path})"
        headers = self._headers(member, subject)
        try:
            core = parse_metadata(headers, subject=subject)
        except IntegrityError as error:
            raise UsageError(
                f"the build backend of {subject} gives no valid metadata",
                cause=error.message,
                hint=error.hint,
            ) from error
        if core.normalized_name != member.name:
            raise UsageError(
                f"the build backend of {subject} says that its name is `{core.normalized_name}`",
                hint=f"name it `{core.normalized_name}` in [sources], or correct its name",
            )
        if not member.build_files:
            return replace(member, version=str(core.version))
        try:
            if fault := bounds_fault((*core.requires_dist, core.requires_python)):
                raise InvalidRequirement(fault)
            return replace(
                member,
                version=str(core.version),
                requires_python=read_specifiers(core.requires_python),
                dependencies=tuple(map(read_requirement, core.requires_dist)),
                extras=dict.fromkeys(map(canonicalize_name, core.provides_extra), ()),
            )
        except (InvalidRequirement, InvalidSpecifier) as error:
            raise UsageError(
                f"the requirements of {subject} cannot be used",
                cause=str(error),
                hint="correct the metadata of that project",
            ) from error

    def _headers(self, member: Member, subject: str) -> bytes:
        folder = self._root / member.path
        key = digest(_FORMAT, b"member", self._builder.python.encode(), tree_state(folder).encode())
        note = read_note(self._cache, key, _Answer)
        if note is None:
            self._builder.reporter.info(f"Asking the build backend of {subject}")
            limits = self._cache.limits
            with self._cache.in_use():
                found = member_metadata(folder, self._builder, subject=subject, limits=limits)
            note = _Answer(metadata=headers_only(found).decode("utf-8", "replace"))
            keep_note(self._cache, key, note)
        return note.metadata.encode()
