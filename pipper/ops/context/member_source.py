"""The members of a project as a source: one release of each, and no repository or index is asked for their names."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from pathlib import PurePosixPath

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion

from pipper.core.lock.model import LockedFile
from pipper.core.manifest.inputs import PATH
from pipper.core.manifest.members import Member
from pipper.core.ports import CandidateFile, Release, ReleaseMetadata
from pipper.core.standards import read_marker, read_version
from pipper.errors import UsageError

_UNKNOWN = "0"
"""The version of a member whose backend was not asked."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""What counts as the upload time of members: `as-of` and `cool-down` are about what others published."""


class MemberSource:
    """See `ports.Source`. A name of a project around, whose members are not installed from here, is refused."""

    def __init__(self, members: Iterable[Member], reserved: Mapping[NormalizedName, str]) -> None:
        """Take the members, and the names of others with their folders."""
        self._members = {member.name: member for member in members}
        self._reserved = {name: folder for name, folder in reserved.items() if name not in self._members}

    @property
    def alias(self) -> str:
        return PATH

    @property
    def names(self) -> frozenset[NormalizedName]:
        """The names that no other source may be asked for."""
        return frozenset((*self._members, *self._reserved))

    def holds(self, name: NormalizedName) -> bool:
        return name in self.names

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        pass  # everything is here

    def complete(self, ask: Callable[[Member], Member]) -> None:
        """Take what `ask` returns for each member whose backend computes its version or its requirements."""
        for name, member in self._members.items():
            if not member.version:
                self._members[name] = ask(member)

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        """Return the one release of a member; raise UsageError for a reserved name and for an invalid version."""
        if name in self._reserved:
            raise UsageError(
                f"`{name}` is a member of the enclosing project, in `{self._reserved[name]}`",
                cause="no repository and no index is asked for the name of a member",
                hint=f"publish it and require it from a project without that member, or bundle it:"
                f" `pipper bundle {self._reserved[name]}`",
            )
        member = self._members.get(name)
        if member is None:
            return ()
        try:
            version = read_version(member.version or _UNKNOWN)
        except InvalidVersion as error:
            raise UsageError(
                f"the version `{member.version[:100]}` of the member `{name}` ({member.path}) is invalid (PEP 440)",
                hint="correct `version` in its pyproject.toml",
            ) from error
        filename = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        place = LockedFile(sha256="", size=0, url=f"{PATH}:{PurePosixPath(member.path)}", wheel=filename)
        file = CandidateFile(filename=filename, locked=place, upload_time=_LONG_AGO)
        return (Release(name=name, version=version, source=PATH, files=(file,)),)

    def metadata(self, release: Release, file: CandidateFile) -> ReleaseMetadata:  # noqa: ARG002 - there is one
        member = self._members[release.name]
        requires = (*member.dependencies, *_of_extras(member.extras))
        return ReleaseMetadata(
            requires_dist=tuple(map(self._by_name, requires)),
            provides_extra=frozenset(member.extras),
            requires_python=member.requires_python if member.requires_python != SpecifierSet() else None,
        )

    def _by_name(self, requirement: Requirement) -> Requirement:
        """Return a requirement on the folder of another member, as Poetry writes it, as one on its name."""
        is_folder = (requirement.url or "").startswith(("file:", "{root:uri}"))
        if not is_folder or canonicalize_name(requirement.name) not in self._members:
            return requirement
        named = copy(requirement)
        named.url = None
        return named


def _of_extras(extras: Mapping[NormalizedName, tuple[Requirement, ...]]) -> Iterable[Requirement]:
    """Yield the requirements of extras with the marker that METADATA has for them."""
    for extra, requirements in extras.items():
        for each in requirements:
            inner = f"({each.marker}) and " if each.marker else ""
            asked = copy(each)
            asked.marker = read_marker(f"{inner}extra == '{extra}'")
            yield asked
